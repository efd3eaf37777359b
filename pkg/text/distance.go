package text

// maxDistance bounds the words that are compared: hostile ones are long.
const maxDistance = 200

// Distance is the number of letters to insert, drop or change between two words
// (Levenshtein), or limit where it is not below it or a word has more than 200.
func Distance[letter comparable](a, b []letter, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > maxDistance || len(b) > maxDistance {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
