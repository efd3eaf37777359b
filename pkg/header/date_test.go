package header

import (
	"testing"
	"time"
)

func TestParseDate(t *testing.T) {
	for value, want := range map[string]string{
		"Sat, 03 Mar 2012 10:11:12 +0100":             "2012-03-03T10:11:12+01:00",
		"Sat, 3 Mar 2012 10:11 -0930 (somewhere)":     "2012-03-03T10:11:00-09:30",
		"3 Mar 2012 10:11:12":                         "2012-03-03T10:11:12Z",
		"3 Mar 12 10:11:12 EST":                       "2012-03-03T10:11:12-05:00",
		"Sat,3 Mar 112 10:11:12 GMT":                  "2012-03-03T10:11:12Z",
		"3 Mar 69 10:11:12 Z":                         "1969-03-03T10:11:12Z",
		"3 Mar 49 10:11:12 Z":                         "2049-03-03T10:11:12Z",
		"Sat Mar  3 10:11:12 2012":                    "2012-03-03T10:11:12Z",
		"Sat Mar 3 10:11:12 PST 2012":                 "2012-03-03T10:11:12-08:00",
		"Saturday, 03-Mar-12 10:11:12 GMT":            "2012-03-03T10:11:12Z",
		"03-MAR-2012 10:11:12 -0000":                  "2012-03-03T10:11:12Z",
		"March 3, 2012 3:04:05 PM":                    "2012-03-03T15:04:05Z",
		"3 Sept. 2012 12:30:00 am":                    "2012-09-03T00:30:00Z",
		"2012-03-03T10:11:12.5+05:30":                 "2012-03-03T10:11:12+05:30",
		"2012-03-03 10:11:12Z":                        "2012-03-03T10:11:12Z",
		"2012/03/03":                                  "2012-03-03T00:00:00Z",
		"3 (the third) Mar (not (only) April) 2012":   "2012-03-03T00:00:00Z",
		"Sat, 3 Mar 2012 10:11:12 +0100 (unclosed":    "2012-03-03T10:11:12+01:00",
		"Sat, 3 Mar 2012 10:11:12 W. Europe Standard": "2012-03-03T10:11:12Z",
		`"Sat, 3 Mar 2012 10:11:12 +0100"`:            "2012-03-03T10:11:12+01:00",
		"Sat, 3 Mar 2012 25:61:61 +0100":              "2012-03-03T00:00:00+01:00",
		"Sat, 3 Mar 2012 10:11:12 +9999":              "2012-03-03T10:11:12Z",
		"Sat, 3 Mar 2012 10:11:60 +0000":              "2012-03-03T10:11:59Z",
		"Sat, 3 Mar 2012 10:11:12+0100":               "2012-03-03T10:11:12+01:00",
		"29 Feb 2012":                                 "2012-02-29T00:00:00Z",
		"Sam., 3 Mar 2012 10:11:12 +0100, le matin":   "2012-03-03T10:11:12+01:00",
		"Tue, 31 Dec 9999 23:59:59 -2359":             "9999-12-31T23:59:59-23:59",
		"":                                            "", "never": "", "31 Foo 20012 25:61:61 +9999": "", "31 Feb 2012": "", "29 Feb 2011": "", "0 Mar 2012": "", "32 Mar 2012": "",
		"Mar 2012": "", "3 2012": "", "3 Mar": "", "03/04/2012": "", "3 Mar 0000": "", "3 Mar 2": "", "2012-13-03": "", "2012-00-03": "",
		"10:11:12 +0100": "", "((((": "", ")": "", ":::": "", "+": "", "-": "", "1:x1:x1:": "", "\x00": "", "\xff\xfe": "",
	} {
		got, ok := ParseDate(value)
		if ok != (want != "") || ok && got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v %v, want %q", value, got.Format(time.RFC3339), ok, want)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	f.Add("Sat, 03 Mar 2012 10:11:12 +0100 (CET)")
	f.Add("2012-03-03T10:11:12Z")
	f.Fuzz(func(t *testing.T, value string) {
		date, ok := ParseDate(value)
		if ok && (date.Year() < 1 || date.Year() > 9999) {
			t.Errorf("%q is %v", value, date)
		}
		if !ok && !date.IsZero() {
			t.Errorf("%q is no date, and %v", value, date)
		}
		if !ok {
			return
		}
		// What is read can be written and read again.
		if again, ok := ParseDate(date.Format(time.RFC1123Z)); !ok || !again.Equal(date) {
			t.Errorf("%q is %v, and again %v %v", value, date, again, ok)
		}
	})
}
