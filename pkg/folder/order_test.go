package folder

import (
	"strings"
	"testing"
)

func TestOrder(t *testing.T) {
	names := []string{"INBOX", "INBOX/x", "Archive", "Archive/2019", "Archives", "Sent", "[Gmail]/All Mail", "Ärger"}
	for _, c := range []struct {
		first, last []string
		want        string
		missing     string
	}{
		{nil, nil, "INBOX INBOX/x Archive Archive/2019 Archives Sent [Gmail]/All Mail Ärger", ""},
		{[]string{"Sent"}, []string{"[Gmail]/All Mail"}, "Sent INBOX INBOX/x Archive Archive/2019 Archives Ärger [Gmail]/All Mail", ""},
		{[]string{"&AMQ-rger", "Sent"}, nil, "Ärger Sent INBOX INBOX/x Archive Archive/2019 Archives [Gmail]/All Mail", ""},
		{nil, []string{"Archive", "inbox"}, "INBOX/x Archives Sent [Gmail]/All Mail Ärger Archive Archive/2019 INBOX", ""},
		{[]string{"Archive/2019"}, []string{"Archive"}, "Archive/2019 INBOX INBOX/x Archives Sent [Gmail]/All Mail Ärger Archive", ""},
		{[]string{"Snet", "Sent"}, []string{"None"}, "Sent INBOX INBOX/x Archive Archive/2019 Archives [Gmail]/All Mail Ärger", "Snet None"},
	} {
		places, missing := Order(names, "/", c.first, c.last)
		var got []string
		for _, i := range places {
			got = append(got, names[i])
		}
		if strings.Join(got, " ") != c.want || strings.Join(missing, " ") != c.missing {
			t.Errorf("%q %q:\n got %q, missing %q\nwant %q", c.first, c.last, got, missing, c.want)
		}
	}
}
