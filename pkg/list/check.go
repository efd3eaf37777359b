package list

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// CheckOptions say how to check an archive.
type CheckOptions struct {
	Text     bool // for people, else NDJSON
	Safe     func(string) string
	Progress progress.Counter
	ExitCode fault.ExitCode // for the verdict
}

// Finding is a message that an archive lacks, or with UID 0 several of a
// folder.
type Finding struct {
	Type        string         `json:"type"` // lost, or failed: lacking since the archive was made
	Folder      string         `json:"folder"`
	UIDValidity jsonnum.Uint64 `json:"uidvalidity,omitempty"`
	UID         jsonnum.Uint64 `json:"uid,omitempty"`
	Messages    int64          `json:"messages,omitempty"` // of a finding about several
	Reason      string         `json:"reason"`
	Text        string         `json:"text,omitempty"`
}

// The reasons of lost messages. Those of failed ones are the stream's.
const (
	lostDamaged  = "damaged"  // the octets are not those of the sha256
	lostBodiless = "bodiless" // there are none
	lostConflict = "conflict" // the message stands twice, with different octets
	lostCut      = "cut"      // the archive ends before it
)

// Verdict is what was checked, and what came of it.
type Verdict struct {
	Type     string `json:"type"`    // check
	Verdict  string `json:"verdict"` // whole, incomplete, damaged, cut or aborted
	Streams  int    `json:"streams"`
	Records  int64  `json:"records"`
	Folders  int    `json:"folders"` // this and the next three count each once, in however many streams it stands
	Messages int64  `json:"messages"`
	Octets   int64  `json:"octets"` // of them that were hashed
	Hashed   int64  `json:"hashed"` // messages whose octets are those of their sha256
	Lost     int64  `json:"lost"`
	Failed   int64  `json:"failed"`
	Unknown  int64  `json:"unknown,omitempty"`      // messages whose flags, date or labels the server did not tell
	Differ   int64  `json:"sizes_differ,omitempty"` // and with another size than the server said
	Exit     int    `json:"exit"`
	Text     string `json:"text,omitempty"` // where reading ended, and why
}

// Check reads and hashes all that a stream holds, or several one after the
// other: structure, counts, hashes and every body. It names what is lost, and
// ends in fault.Data if anything is, or fault.Partial if a
// folder could not be read whole when the archive was made.
func Check(in *stream.Reader, opt CheckOptions, out io.Writer) error {
	c := &checker{opt: &opt, out: newFindings(out, opt), sum: Verdict{Type: "check", Verdict: "whole"},
		listed: map[place]bool{}}
	err := c.read(in)
	if err == nil {
		err = c.out.flush()
	}
	return err
}

// checker goes through an archive once.
type checker struct {
	opt    *CheckOptions
	out    *findings
	sum    Verdict
	seen   stream.Seen
	listed map[place]bool // folders
	sure   stream.Seen    // messages whose octets were hashed

	begin *stream.Begin // of the stream that is read, nil between two
	toc   []*stream.Folder
	here  map[string]*presence
	// unsure are folders that have failed, or about whose messages their server
	// contradicted itself, and that no later stream has tried again.
	unsure map[place]bool

	again  bool // the message stood in an earlier stream too
	body   openBody
	octets []byte
}

// openBody is the body of a message whose parts are under way.
type openBody struct {
	of   *stream.Message // nil between two
	hash hash.Hash
	size int64
	bad  error // why it cannot be read
}

// add takes the octets of a part in.
func (o *openBody) add(octets []byte, err error) {
	o.bad = err
	o.hash.Write(octets)
	o.size += int64(len(octets))
}

// check compares the body, which has ended, with its record and its last part.
func (o *openBody) check(last *stream.Body) error {
	if o.bad == nil && (o.size != o.of.Size || hex.EncodeToString(o.hash.Sum(nil)) != last.SHA256) {
		return &stream.DamageError{Folder: o.of.Folder, UID: o.of.UID}
	}
	return o.bad
}

// place is a folder of an account.
type place struct {
	account account.Account
	folder  string
}

func (c *checker) placeOf(folder string) place { return place{c.begin.Account(), folder} }

// presence is what is here of a folder.
type presence struct {
	accounted int64 // message, gone and failed records
	last      uint64
}

func (c *checker) read(in *stream.Reader) error {
	for rec, err := range in.All() {
		if err == nil {
			c.sum.Records++
			err = c.record(rec)
		}
		var damage *stream.Error
		if errors.As(err, &damage) {
			return c.broken(damage)
		}
		if err != nil {
			return err
		}
	}
	return c.finish()
}

func (c *checker) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		c.begin, c.toc, c.here, c.body.of = r, nil, map[string]*presence{}, nil
		c.sum.Streams++
	case *stream.Folder:
		c.toc = append(c.toc, r)
		c.here[r.Name] = &presence{}
		delete(c.unsure, c.placeOf(r.Name))
		if p := c.placeOf(r.Name); !c.listed[p] {
			c.listed[p] = true
			c.sum.Folders++
		}
	case *stream.FolderExpunged:
		c.seen.ForgetFolder(c.begin, r)
		c.sure.ForgetFolder(c.begin, r)
	case *stream.Message:
		return c.message(r)
	case *stream.Body:
		return c.part(r)
	case *stream.Failed:
		return c.failed(r)
	case *stream.Expunged:
		c.account(r.Folder, r.UID)
	case *stream.Skipped:
		c.account(r.Folder, r.UID)
	case *stream.End:
		c.begin = nil
	case *stream.Abort:
		return c.aborted(r)
	}
	return nil
}

func (c *checker) account(folder string, uid uint64) {
	if p := c.here[folder]; p != nil {
		p.accounted++
		p.last = max(p.last, uid)
	}
}

func (c *checker) message(m *stream.Message) error {
	c.opt.Progress.Folder(m.Folder)
	c.opt.Progress.Add(1, m.Size)
	c.account(m.Folder, m.UID)
	again, conflict := c.seen.Again(c.begin, m)
	if c.again = again; !again {
		c.sum.count(m, 1)
	}
	if conflict != nil {
		return c.lost(m, lostConflict, conflict)
	}
	switch {
	case m.Parts > 0:
		c.body = openBody{of: m.Clone(), hash: sha256.New()}
		return nil
	case m.HasBody():
		var err error
		c.octets, err = m.AppendBody(c.octets[:0])
		return c.hashed(m, err)
	case c.begin.Content == stream.Full && m.Change == "" && !again:
		return c.lost(m, lostBodiless, errors.New("the record has no body"))
	}
	return nil
}

// count counts a message, or takes it back.
func (v *Verdict) count(m *stream.Message, n int64) {
	v.Messages += n
	if len(m.Unknown) > 0 {
		v.Unknown += n
	}
	if m.RFC822Size != nil {
		v.Differ += n
	}
}

func (c *checker) part(b *stream.Body) error {
	if c.body.of == nil {
		return nil
	}
	if c.body.bad == nil {
		var err error
		c.octets, err = b.AppendOctets(c.octets[:0])
		c.body.add(c.octets, err)
	}
	if b.Part < b.Parts {
		return nil
	}
	body := c.body
	c.body.of = nil
	if conflict := c.seen.Part(b); conflict != nil {
		return c.lost(body.of, lostConflict, conflict)
	}
	return c.hashed(body.of, body.check(b))
}

// hashed counts a message whose octets were hashed, or reports why it is lost.
func (c *checker) hashed(m *stream.Message, err error) error {
	if err != nil {
		return c.lost(m, lostDamaged, errors.New("the body is not what its size and sha256 say"))
	}
	if again, _ := c.sure.Again(c.begin, m); !again {
		c.sum.Hashed++
		c.sum.Octets += m.Size
	}
	return nil
}

func (c *checker) lost(m *stream.Message, reason string, err error) error {
	c.sum.Lost++
	return c.out.finding(&Finding{Type: "lost", Folder: m.Folder, UIDValidity: jsonnum.Uint64(m.UIDValidity),
		UID: jsonnum.Uint64(m.UID), Reason: reason, Text: err.Error()})
}

// failed reports what could not be had when the archive was made.
func (c *checker) failed(f *stream.Failed) error {
	if c.body.of != nil { // taken back
		if c.seen.Forget(); !c.again {
			c.sum.count(c.body.of, -1)
		}
		c.body.of = nil
	} else if f.UID != 0 {
		c.account(f.Folder, f.UID)
	}
	c.sum.Failed++
	if f.UID == 0 || f.Reason == stream.ReasonContradiction {
		if c.unsure == nil {
			c.unsure = map[place]bool{}
		}
		c.unsure[c.placeOf(f.Folder)] = true
	}
	return c.out.finding(&Finding{Type: "failed", Folder: f.Folder, UIDValidity: jsonnum.Uint64(f.UIDValidity),
		UID: jsonnum.Uint64(f.UID), Reason: string(f.Reason), Text: f.Text})
}

// rest reports what the table of contents lists and the stream that breaks off
// does not hold, where nothing was left out on purpose.
func (c *checker) rest() error {
	if c.begin == nil {
		return nil
	}
	if m := c.body.of; m != nil {
		c.body.of = nil
		c.seen.Forget()
		if err := c.lost(m, lostCut, errors.New("its parts break off")); err != nil {
			return err
		}
	}
	if c.begin.Plan || c.begin.Base != "" || len(c.begin.Filters) > 0 {
		return nil
	}
	for _, f := range c.toc {
		p := c.here[f.Name]
		n := int64(f.Messages) - p.accounted
		if n <= 0 {
			continue
		}
		lost := "all " + text.Count(n, "message")
		if p.last > 0 {
			lost = fmt.Sprintf("%d of %s, those behind UID %d", n, text.Count(f.Messages, "message"), p.last)
		}
		c.sum.Lost += n
		if err := c.out.finding(&Finding{Type: "lost", Folder: f.Name, UIDValidity: jsonnum.Uint64(f.UIDValidity),
			Messages: n, Reason: lostCut, Text: lost}); err != nil {
			return err
		}
	}
	return nil
}

// aborted is the end of a stream whose producer stopped early.
func (c *checker) aborted(a *stream.Abort) error {
	err := c.rest()
	c.begin, c.sum.Verdict = nil, "aborted"
	c.sum.Text = fmt.Sprintf("%s stopped early: %s", a.Command, a.Text)
	return err
}

// broken is the place from which nothing can be read.
func (c *checker) broken(damage *stream.Error) error {
	if err := c.rest(); err != nil {
		return err
	}
	if c.sum.Verdict = "damaged"; damage.Kind == stream.Truncated {
		c.sum.Verdict = "cut"
	}
	c.sum.Text = damage.Error()
	return c.finish()
}

// finish prints the verdict.
func (c *checker) finish() error {
	if c.sum.Verdict == "whole" && c.sum.Lost > 0 {
		c.sum.Verdict = "damaged"
	}
	if c.sum.Verdict == "whole" && len(c.unsure) > 0 {
		c.sum.Verdict = "incomplete"
	}
	err := c.failure()
	c.sum.Exit = c.opt.ExitCode.Of(err)
	if err := c.out.verdict(&c.sum); err != nil {
		return err
	}
	if err := c.out.flush(); err != nil {
		return err
	}
	return err
}

// failure is the error of an archive with such a verdict, or nil.
func (c *checker) failure() error {
	switch {
	case c.sum.Verdict == "whole":
		return nil
	case c.sum.Verdict == "incomplete":
		return fault.Errorf(fault.Partial, "the archive is incomplete: %s could not be read whole when it was made",
			text.Count(len(c.unsure), "folder"))
	case c.sum.Lost > 0:
		return fault.Errorf(fault.Data, "the archive is %s: %s lost", c.sum.Verdict, text.Count(c.sum.Lost, "message"))
	}
	return fault.Errorf(fault.Data, "the archive is %s: %s", c.sum.Verdict, c.sum.Text)
}
