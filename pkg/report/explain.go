package report

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// mostExplained is how many missing messages are explained: more of them have
// the same reason.
const mostExplained = 20

// NearMiss is a missing message beside one of the destination that looks like
// it, is nobody's, and has another key; or a message that is present by its key
// alone beside the one that it was taken for.
type NearMiss struct {
	Type      string         `json:"type"` // near
	Folder    string         `json:"folder"`
	UID       jsonnum.Uint64 `json:"uid"`
	Target    string         `json:"target"`
	TargetUID jsonnum.Uint64 `json:"target_uid"`
	Same      []string       `json:"same"` // of internaldate and size; none where only the key is the same
	Key       string         `json:"key"`
	TargetKey string         `json:"target_key,omitempty"`
	Fields    []NearField    `json:"fields"` // of the recipe; none where the destination is a stream
}

// NearField is a header field on both sides, unfolded and decoded.
type NearField struct {
	Name  string `json:"name"`
	Here  string `json:"here,omitempty"`
	There string `json:"there,omitempty"`
}

// explainer reads the header fields of a key.
type explainer interface {
	Explain(e *match.Entry) (key string, fields []headerkey.Field, err error)
}

// unmatched is a message that is to be explained.
type unmatched struct {
	d      *Difference
	target *diff.Target
	taken  *match.Entry // what it was taken for by its key alone; nil: it is missing
}

// keepUnmatched keeps a message that is to be explained, if there is room.
func (r *reporter) keepUnmatched(d *Difference, t *diff.Target, taken *match.Entry) {
	if r.opt.Explain && len(r.unmatched) < mostExplained {
		r.unmatched = append(r.unmatched, unmatched{d, t, taken})
	}
}

// keyFields are the fields of the key as the record shows them.
func (r *reporter) keyFields(m *stream.Message) []headerkey.Field {
	var fields []headerkey.Field
	for _, name := range r.explained(true) {
		if value := canonical.StringMember(m.Header, name); value != "" {
			fields = append(fields, headerkey.Field{Name: name, Value: value})
		}
	}
	return fields
}

// explained are the names of the fields that are shown: those of the key, where
// more is true also those that people know a message by.
func (r *reporter) explained(more bool) []string {
	var names []string
	for _, name := range r.recipe.Fields() {
		names = append(names, headerkey.Spell(name))
	}
	if names != nil && !more {
		return names
	}
	for _, name := range []string{"Message-ID", "Date", "From", "Subject"} { // all of them are too many
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// explain tells the near misses, best first for each.
func (r *reporter) explain() error {
	for _, p := range r.unmatched {
		e, same := p.taken, []string{}
		if e == nil {
			e, same = p.nearest()
		}
		if e == nil {
			continue
		}
		miss := &NearMiss{Type: "near", Folder: p.d.Folder, UID: p.d.UID, Target: p.target.Name,
			TargetUID: jsonnum.Uint64(e.UID()), Same: same, Key: p.d.Key, Fields: []NearField{}}
		if reads, ok := p.target.Matcher.Reader.(explainer); ok {
			key, fields, err := reads.Explain(e)
			if err != nil {
				return err
			}
			miss.TargetKey = key
			for _, name := range r.explained(p.taken != nil) {
				miss.Fields = append(miss.Fields, NearField{name, valueOf(p.d.fields, name), valueOf(fields, name)})
			}
		}
		if err := r.out.Near(miss); err != nil {
			return err
		}
	}
	return nil
}

func valueOf(fields []headerkey.Field, name string) string {
	if i := slices.IndexFunc(fields, func(f headerkey.Field) bool { return strings.EqualFold(f.Name, name) }); i >= 0 {
		return fields[i].Value
	}
	return ""
}

// nearest finds the message of the destination that nobody claimed and that
// looks most like the missing one, if any does.
func (p *unmatched) nearest() (best *match.Entry, same []string) {
	if p.target.Matcher == nil {
		return nil, nil
	}
	most := match.Trait(0)
	p.target.Matcher.Index.Each(func(e *match.Entry) {
		common := match.Trait(0)
		if e.Date == p.d.looks.Date && e.Date != 0 {
			common |= match.SameDate
		}
		if e.Size == p.d.looks.Size {
			common |= match.SameSize
		}
		if e.Claimed == match.Unclaimed && common > most {
			best, most = e, common
		}
	})
	if most&match.SameDate != 0 {
		same = append(same, "internaldate")
	}
	if most&match.SameSize != 0 {
		same = append(same, "size")
	}
	return best, same
}
