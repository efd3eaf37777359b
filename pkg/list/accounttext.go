package list

import (
	"fmt"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// lines is a report for people: a name and what there is to say of it.
type lines struct{ strings.Builder }

func (l *lines) add(name, format string, args ...any) {
	fmt.Fprintf(l, "%s%s%s\n", text.Pad(name, nameColumns), gap, text.Safe(fmt.Sprintf(format, args...)))
}

// more goes on with the line before.
func (l *lines) more(format string, args ...any) { l.add("", format, args...) }

// nameColumns is the width of the names.
const nameColumns = 12

// people is the report for them.
func (r *accountReport) people(now time.Time) string {
	l := &lines{}
	where := r.Host
	if r.Address != "" {
		where += " (" + r.Address + ")"
	}
	l.add("server", "%s, account %s", where, r.User)
	r.TLS.text(l, now)
	if r.Greeting != "" {
		l.add("greeting", "%s", r.Greeting)
	}
	if len(r.Offered) > 0 {
		l.add("before login", "%s", strings.Join(r.Offered, " "))
	}
	r.login(l)
	if r.Namespaces != nil {
		r.Namespaces.text(l)
		r.quotaText(l)
		r.limits(l)
	}
	for i, p := range r.FastPaths {
		name, has := "", "yes"
		if i == 0 {
			name = "fast paths"
		}
		if !p.Has {
			has = "no "
		}
		l.add(name, "%s  %s %s", has, text.Pad(p.Name, len("COMPRESS=DEFLATE")), p.does)
	}
	if r.Exit != 0 {
		l.add("failed", "%s: %s", r.Failed, r.Text)
	}
	return l.String()
}

func (t *tlsReport) text(l *lines, now time.Time) {
	if t == nil {
		l.add("encryption", "none")
		return
	}
	l.add("encryption", "%s, %s", t.Version, t.Cipher)
	l.add("certificate", "%s", t.Subject)
	if len(t.Names) > 0 {
		l.more("for %s", strings.Join(t.Names, ", "))
	}
	l.more("issued by %s", t.Issuer)
	when := fmt.Sprintf("in %d days", int(t.expires.Sub(now).Hours()/24))
	if t.expires.Before(now) {
		when = "it has expired"
	}
	l.more("good until %s (%s)", t.NotAfter, when)
	if t.Pin != "" {
		l.more("--tls-pin %s", t.Pin)
	}
}

func (r *accountReport) login(l *lines) {
	switch {
	case r.Preauth:
		l.add("login", "not needed: the server greets with PREAUTH")
	case r.Login != "":
		l.add("login", "%s", r.Login)
	}
	if len(r.Capabilities) > 0 {
		l.add("after login", "%s", strings.Join(r.Capabilities, " "))
	}
	for i, f := range r.ID {
		name := ""
		if i == 0 {
			name = "id"
		}
		l.add(name, "%s: %s", f.Name, f.Value)
	}
}

func (s *spacesReport) text(l *lines) {
	name := "namespaces"
	for _, kind := range []struct {
		label string
		list  []spaceReport
	}{{"personal", s.Personal}, {"other users'", s.Other}, {"shared", s.Shared}} {
		for _, ns := range kind.list {
			l.add(name, "%s: prefix %q, delimiter %q", kind.label, ns.Prefix, ns.Delimiter)
			name = ""
		}
	}
}

func (r *accountReport) quotaText(l *lines) {
	if len(r.Quota) == 0 {
		l.add("quota", "none, or the server does not tell")
	}
	for i, q := range r.Quota {
		name := ""
		if i == 0 {
			name = "quota"
		}
		l.add(name, "%q: %s, %d %%", q.Root, q.amount(), q.Percent)
	}
}

// amount is how much of a quota is used.
func (q *quotaReport) amount() string {
	if q.Resource == "STORAGE" {
		const unit = 1024
		return text.Octets(q.Used*unit) + " of " + text.Octets(q.Limit*unit)
	}
	return fmt.Sprintf("%s %s of %s", q.Resource, text.Thousands(q.Used), text.Thousands(q.Limit))
}

func (r *accountReport) limits(l *lines) {
	told := false
	for _, x := range []struct {
		n    *int64
		show func(int64) string
		what string
	}{
		{r.AppendLimit, text.Octets, "a message (APPENDLIMIT)"},
		{r.MessageLimit, text.Thousands, "messages in one command (MESSAGELIMIT)"},
		{r.SaveLimit, text.Thousands, "messages that a search result keeps (SAVELIMIT)"},
	} {
		if x.n != nil {
			name := ""
			if !told {
				name = "limits"
			}
			told = true
			l.add(name, "%s %s", x.show(*x.n), x.what)
		}
	}
	if !told {
		l.add("limits", "none are told")
	}
	l.add("keywords", "%s", map[string]string{
		"any": "any can be kept in INBOX", "none": "none can be kept in INBOX",
		"in-use":   "some are in use in INBOX; whether others can be kept is told to writers only",
		"not-told": "whether INBOX keeps any is told to writers only",
	}[r.Keywords])
}
