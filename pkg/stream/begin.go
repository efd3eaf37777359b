package stream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
)

// Begin is the first record of a stream. It has a field for each field of the record.
type Begin struct {
	Tool       string
	Content    Content
	Plan       bool // the stream has been through imap-diff
	User, Host string
	Port       int    // 0: a standard one, 993 or 143
	Prefix     string // of the personal namespace at the source (RFC 2342)
	Delimiter  string
	TargetUser string // in a plan: the destination that it was made for
	TargetHost string
	TargetPort int
	Key        string   // the key recipe
	Filters    []string // everything that was left out, one selection each
	Labels     []Label  // sorted by name
	Base       string   // hash of the stream that this one continues
	Extra      []byte

	format, spec string // as they were read; the writer gives its own
	version      int64
}

// Account returns whose messages the stream holds.
func (b *Begin) Account() account.Account { return account.Of(b.User, b.Host, b.Port) }

// TargetAccount returns the account that a plan was made for.
func (b *Begin) TargetAccount() account.Account {
	return account.Of(b.TargetUser, b.TargetHost, b.TargetPort)
}

// NotFor says for whom a plan was made if it was not for this account, else "".
func (b *Begin) NotFor(this account.Account) string {
	if b.TargetAccount() == this {
		return ""
	}
	return fmt.Sprintf("the plan was made for %s, and this is %s", b.TargetAccount().Words(), this.Words())
}

// SetAccount says whose messages the stream holds.
func (b *Begin) SetAccount(a account.Account) { b.User, b.Host, b.Port = a.User, a.Host, a.Port }

// SetTarget says which account a plan is made for.
func (b *Begin) SetTarget(a account.Account) {
	b.TargetUser, b.TargetHost, b.TargetPort = a.User, a.Host, a.Port
}

func (*Begin) kind() string { return beginTable.Kind }

func (r *Begin) appendTo(b []byte) ([]byte, int) { return beginTable.Encode(b, r) }

var beginTable = newTable("begin", codec.Fields[Begin]{
	codec.Fixed(`"`+Format+`"`, codec.String("format", func(r *Begin) *string { return &r.format }, required, 1)),
	codec.Fixed(strconv.Itoa(Version), codec.Int64("version", func(r *Begin) *int64 { return &r.version }, required, 1)),
	codec.String("tool", func(r *Begin) *string { return &r.Tool }, written, 1),
	codec.String("content", func(r *Begin) *Content { return &r.Content }, required, 1),
	codec.Bool("plan", func(r *Begin) *bool { return &r.Plan }, written, 1),
	codec.String("user", func(r *Begin) *string { return &r.User }, written, 1),
	codec.String("host", func(r *Begin) *string { return &r.Host }, written, 1),
	codec.Port("port", func(r *Begin) *int { return &r.Port }, optional, 1),
	codec.String("prefix", func(r *Begin) *string { return &r.Prefix }, optional, 1),
	codec.String("delimiter", func(r *Begin) *string { return &r.Delimiter }, optional, 1),
	codec.String("target_user", func(r *Begin) *string { return &r.TargetUser }, optional, 1),
	codec.String("target_host", func(r *Begin) *string { return &r.TargetHost }, optional, 1),
	codec.Port("target_port", func(r *Begin) *int { return &r.TargetPort }, optional, 1),
	codec.String("key", func(r *Begin) *string { return &r.Key }, written, 1),
	codec.Strings("filters", func(r *Begin) *[]string { return &r.Filters }, written, 1),
	codec.Pairs("labels", func(r *Begin) *[]Label { return &r.Labels }, makeLabel, Label.pair, written, 1),
	codec.String("base", func(r *Begin) *string { return &r.Base }, optional, 1),
	codec.Others(func(r *Begin) *[]byte { return &r.Extra }),
	codec.Fixed(`"`+SpecURL+`"`, codec.String("spec", func(r *Begin) *string { return &r.spec }, written, 1)),
}, Begin{version: -1}, checkBegin)

func makeLabel(name, value string) Label { return Label{name, value} }

func (l Label) pair() (name, value string) { return l.Name, l.Value }

// checkBegin says first what no other field can mend: that the stream is another format or version.
func checkBegin(d *codec.Decoder, r *Begin) {
	switch {
	case d.Err != nil && r.version <= Version:
	case r.format != Format:
		d.Err = &formatError{r.format}
	case r.version != Version:
		d.Err = &versionError{r.version}
	case r.Content != Headers && r.Content != Hashes && r.Content != Full:
		d.Fail("content %s is none of headers, hashes, full", quote(string(r.Content)))
	}
}

type formatError struct{ format string }

func (e *formatError) Error() string {
	return fmt.Sprintf("the format is %s, not %s", quote(e.format), quote(Format))
}

type versionError struct{ version int64 }

func (e *versionError) Error() string {
	return fmt.Sprintf("the stream has version %d; this program reads version %d", e.version, Version)
}

// Content says how much of each message a stream carries.
type Content string

// The values of begin's content field.
const (
	Headers Content = "headers" // no bodies
	Hashes  Content = "hashes"  // the sha256 of each body
	Full    Content = "full"    // the bodies
)

// Label is one pair of begin's labels.
type Label struct{ Name, Value string }

// MergeLabels returns the labels of a stream together with others that are put
// on it now, which win over those of the same name.
func MergeLabels(labels, others []Label) []Label {
	out := slices.DeleteFunc(slices.Clone(labels), func(l Label) bool {
		return slices.ContainsFunc(others, func(o Label) bool { return o.Name == l.Name })
	})
	out = append(out, others...)
	slices.SortStableFunc(out, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	return out
}
