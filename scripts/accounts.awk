# Reads the CSV file of migrate-accounts, which calls it with LC_ALL=C and sets
# columns and secrets, the connection options that may stand in it, and allowed,
# which is not "" if those may be commands.
#
# Prints a line for each account, with tabs between: a number, the id as a file
# name, then options of the commands, as in old--host=mail.example. No value
# holds a tab, a line end or another control character.

function fail(text) {
	print "migrate-accounts: " FILENAME ", line " NR ": " text > "/dev/stderr"
	failed = 1
	exit
}

# cells splits a line of CSV into cell[1..n] and returns n.
function cells(line,    n, at, value) {
	for (n = 0; ; line = substr(line, 2)) {
		sub(/^ +/, "", line)
		value = ""
		if (sub(/^"/, "", line)) {
			while ((at = index(line, "\""))) {
				value = value substr(line, 1, at - 1)
				line = substr(line, at + 1)
				if (substr(line, 1, 1) != "\"") break
				value = value "\""
				line = substr(line, 2)
			}
			if (!at) fail("a quoted field does not end on its line")
			sub(/^ +/, "", line)
			if (line != "" && substr(line, 1, 1) != separator) fail("there is text behind a closing quote")
		} else {
			at = index(line, separator)
			value = at ? substr(line, 1, at - 1) : line
			line = at ? substr(line, at) : ""
			sub(/ +$/, "", value)
		}
		if (index(value, "\t")) fail("there is a control character")
		cell[++n] = value
		if (line == "") return n
	}
}

# A name that is not known may be a password, in a file without a header.
function header(    i, name) {
	width = cells($0)
	for (i = 1; i <= width; i++) {
		name = tolower(cell[i])
		gsub(/[ _]+/, "-", name)
		if (name ~ /pass|secret|token/ && !(name in known)) fail("column " i " would hold a secret; there are columns for where it is: old-password-file, old-password-command, old-token-command")
		if (name ~ /^(old|new)-/ && !(name in known)) fail("column " i " is no connection option that a list of accounts can hold")
		if (name != "id" && !(name in known)) continue
		if (name in column) fail("columns " column[name] " and " i " have the same name")
		column[name] = i
	}
	if (!("old-user" in column || "old-account" in column)) fail("there is no column old-user: the first line is a header, as in: old-host,old-user,old-password-file,new-host,new-user,new-password-file")
}

function value(name) { return name in column ? cell[column[name]] : "" }

# options returns those of one side.
function options(side,    i, text, words, given) {
	given = 0
	for (i = 1; i <= names; i++) {
		text = value(side "-" name[i])
		if (text == "") continue
		if (name[i] ~ /-file$|^tls-cert$|^tls-key$|^account$/ && text ~ /^~\//) text = ENVIRON["HOME"] substr(text, 2)
		if (name[i] in secret) given++
		if (name[i] ~ /-command$/ && allowed == "") fail(side "-" name[i] " is a command that a shell would run; --allow-commands allows that")
		words = words "\t" side "--" name[i] "=" text
	}
	if (value(side "-account") == "") {
		if (value(side "-host") == "" || value(side "-user") == "") fail("there is no " side "-host or no " side "-user")
		if (!given && value(side "-auth") != "external") fail("nothing tells where the password is: " side "-password-file, or another of its kind, or " side "-account")
	}
	if (given > 1) fail("more than one place for a password: " side)
	return words
}

function identity(    id) {
	id = value("id")
	if (id == "") id = value("new-user")
	if (id == "") id = value("new-account")
	gsub(/%/, "%25", id)
	gsub(/\//, "%2F", id)
	sub(/^\./, "%2E", id)
	if (length(id) > 200) fail("the id is longer than 200 octets")
	if (id in line_of) fail("the same account as in line " line_of[id] ": " id "; a column id can tell them apart")
	line_of[id] = NR
	return id
}

BEGIN {
	names = split(columns " " secrets, name, " ")
	for (i = 1; i <= names; i++) known["old-" name[i]] = known["new-" name[i]] = 1
	split(secrets, list, " ")
	for (i in list) secret[list[i]] = 1
}
{ sub(/\r$/, "") }
NR == 1 {
	sub(/^\357\273\277/, "") # a byte order mark
	separator = match($0, /[,;\t]/) ? substr($0, RSTART, 1) : ","
}
{
	line = $0
	if (separator == "\t") gsub(/\t/, " ", line)
	# Controls, C1 too; marks that turn or hide text on a screen.
	if (line ~ /[\001-\037\177]|\302[\200-\237]|\342\200[\213\216\217\250-\256]|\342\201[\246-\251]|\357\273\277/) fail("there is a control character")
}
NR == 1 { header(); next }
/^[ ,;\t]*$/ { next }
{
	n = cells($0)
	if (n != width) fail("there are " n " fields, the header has " width)
	id = identity()
	print ++accounts "\t" id options("old") options("new")
}
END {
	if (failed) exit 64
	if (!accounts) { print "migrate-accounts: " FILENAME " names no account" > "/dev/stderr"; exit 66 }
}
