package list

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// AccountOptions say how to tell what CheckAccount finds.
type AccountOptions struct {
	NDJSON   bool // one record, for programs
	Warn     func(format string, args ...any)
	Now      time.Time      // to tell how long a certificate is good for
	ExitCode fault.ExitCode // for the record
}

// What a user should act on before it is too late.
const (
	almostFull    = 90 // percent of a quota
	almostExpired = 14 * 24 * time.Hour
)

// CheckAccount tells what the server of an account is: encryption, greeting,
// capabilities, ID, namespaces, quota and limits. INBOX is only looked at.
// However far it came, what was learnt is written; the error then says which
// step failed: fault.Unavailable the connection, fault.Protocol TLS or IMAP,
// fault.Login the login.
func CheckAccount(ctx context.Context, conn imapconn.Options, opt AccountOptions, out io.Writer) error {
	session, server, err := imapconn.Probe(ctx, conn)
	r := &accountReport{Type: "server", Host: conn.Host, User: conn.User}
	r.tell(server)
	if err == nil {
		defer session.Close()
		err = r.learn(ctx, session)
	}
	if err != nil {
		r.Exit, r.Failed, r.Text = opt.ExitCode.Of(err), string(server.Step), err.Error()
		if server.Step == imapconn.Ready {
			r.Failed = string(imapconn.Entering)
		}
	}
	for _, w := range r.warnings(opt.Now) {
		opt.Warn("%s", w)
	}
	var writeErr error
	if opt.NDJSON {
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return fault.Wrap(fault.Bug, err)
		}
		_, writeErr = io.WriteString(out, text.SafeJSON(strings.TrimSpace(line.String()))+"\n")
	} else {
		_, writeErr = io.WriteString(out, r.people(opt.Now))
	}
	if writeErr != nil {
		return fault.Wrap(fault.IO, writeErr)
	}
	return err
}

// accountReport is what is known of an account's server, as the record that
// imap-list --check writes: a field for each field of the record.
type accountReport struct {
	Type         string        `json:"type"`
	Host         string        `json:"host"`
	User         string        `json:"user"`
	Address      string        `json:"address,omitempty"`
	TLS          *tlsReport    `json:"tls,omitempty"`
	Greeting     string        `json:"greeting,omitempty"`
	Preauth      bool          `json:"preauth,omitempty"`
	Offered      []string      `json:"capabilities_before_login,omitempty"`
	Login        string        `json:"login,omitempty"`
	Capabilities []string      `json:"capabilities,omitempty"`
	ID           []idField     `json:"id,omitempty"`
	Namespaces   *spacesReport `json:"namespaces,omitempty"`
	Quota        []quotaReport `json:"quota,omitempty"`
	AppendLimit  *int64        `json:"appendlimit,omitempty"`
	MessageLimit *int64        `json:"messagelimit,omitempty"`
	SaveLimit    *int64        `json:"savelimit,omitempty"`
	Flags        []string      `json:"flags,omitempty"`
	Permanent    []string      `json:"permanentflags,omitempty"`
	Keywords     string        `json:"keywords,omitempty"`
	FastPaths    []fastPath    `json:"fast_paths,omitempty"`
	Exit         int           `json:"exit"`
	Failed       string        `json:"failed,omitempty"`
	Text         string        `json:"text,omitempty"`
}

type tlsReport struct {
	Version  string   `json:"version"`
	Cipher   string   `json:"cipher"`
	Subject  string   `json:"subject"`
	Issuer   string   `json:"issuer"`
	Names    []string `json:"names"`
	NotAfter string   `json:"not_after"`
	Pin      string   `json:"pin,omitempty"`
	expires  time.Time
}

type idField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type spacesReport struct {
	Personal []spaceReport `json:"personal"`
	Other    []spaceReport `json:"other"`
	Shared   []spaceReport `json:"shared"`
}

type spaceReport struct {
	Prefix    string `json:"prefix"`
	Delimiter string `json:"delimiter"`
}

type quotaReport struct {
	Root     string `json:"root"`
	Resource string `json:"resource"`
	Used     int64  `json:"used"`
	Limit    int64  `json:"limit"`
	Percent  int64  `json:"percent"`
}

// fastPath is a capability that makes our work quicker or surer.
type fastPath struct {
	Name string `json:"name"`
	Has  bool   `json:"has"`
	does string
}

var fastPaths = []fastPath{
	{Name: "MULTIAPPEND", does: "many messages in one APPEND"},
	{Name: "LITERAL+", does: "messages are sent without waiting for consent"},
	{Name: "UIDPLUS", does: "receipts tell the new UIDs"},
	{Name: "LIST-STATUS", does: "folders and their state in one answer"},
	{Name: "STATUS=SIZE", does: "the octets of a folder without asking for each message"},
	{Name: "CONDSTORE", does: "only changed flags are asked for"},
	{Name: "COMPRESS=DEFLATE", does: "less on the line"},
}

// tell takes over what the hello told.
func (r *accountReport) tell(s *imapconn.Server) {
	r.Address, r.Greeting, r.Preauth, r.Offered, r.Login, r.Capabilities = s.Address, s.Greeting, s.Preauth, s.Offered,
		s.Login, s.Has
	for _, f := range s.ID {
		r.ID = append(r.ID, idField(f))
	}
	if t := s.TLS; t != nil {
		r.TLS = &tlsReport{
			Version: t.Version, Cipher: t.Cipher, Subject: t.Subject, Issuer: t.Issuer, Names: t.Names,
			NotAfter: t.NotAfter.UTC().Format(time.RFC3339), expires: t.NotAfter,
		}
		if t.Pin != "" {
			r.TLS.Pin = "sha256:" + t.Pin
		}
	}
	if s.Has == nil {
		return
	}
	for _, p := range fastPaths {
		p.Has = slices.Contains(s.Has, p.Name)
		r.FastPaths = append(r.FastPaths, p)
	}
}

// learn asks for what the hello does not tell.
func (r *accountReport) learn(ctx context.Context, session *imapconn.Session) error {
	own := spacesOf(session, folder.Personal)
	if ns := session.Namespace(); len(own) == 0 || own[0] != spaceReport(ns) {
		own = []spaceReport{spaceReport(ns)} // not told, or the options say otherwise
	}
	r.Namespaces = &spacesReport{own, spacesOf(session, folder.Others), spacesOf(session, folder.Shared)}
	if err := r.quotas(ctx, session); err != nil {
		return err
	}
	for name, place := range map[string]**int64{"MESSAGELIMIT": &r.MessageLimit, "SAVELIMIT": &r.SaveLimit} {
		if n := session.Limit(name); n >= 0 {
			*place = &n
		}
	}
	limit, err := session.AppendLimit(ctx, folder.Inbox)
	if err != nil {
		return err
	}
	if limit >= 0 {
		r.AppendLimit = &limit
	}
	box, err := session.Examine(ctx, folder.Inbox)
	if err != nil {
		return err
	}
	r.Flags, r.Permanent, r.Keywords = box.Flags, box.PermanentFlags, keywords(box)
	return nil
}

func spacesOf(session *imapconn.Session, space folder.Space) []spaceReport {
	list := []spaceReport{}
	for _, ns := range session.Namespaces(space) {
		list = append(list, spaceReport(ns))
	}
	return list
}

// quotas asks for INBOX's quota roots.
func (r *accountReport) quotas(ctx context.Context, session *imapconn.Session) error {
	results, roots, err := session.Quotas(ctx, []imapconn.Mailbox{{Name: folder.Inbox, Wire: folder.Inbox}})
	if errors.Is(err, imapconn.ErrNoQuota) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range results[0].Roots {
		root := roots[name]
		if root == nil {
			continue
		}
		for _, x := range root.Resources {
			q := quotaReport{Root: name, Resource: string(x.Name), Used: x.Used, Limit: x.Limit}
			if x.Limit > 0 {
				q.Percent = 100 * x.Used / x.Limit
			}
			r.Quota = append(r.Quota, q)
		}
	}
	return nil
}

// keywords reports whether flags may be invented, as far as a mailbox tells that
// is only looked at.
func keywords(box *imapconn.Selected) string {
	isKeyword := func(flag string) bool { return !strings.HasPrefix(flag, `\`) }
	switch {
	case box.AnyKeyword:
		return "any"
	case slices.ContainsFunc(box.Flags, isKeyword):
		return "in-use"
	case len(box.PermanentFlags) > 0:
		return "none"
	}
	return "not-told"
}

// warnings are what needs somebody's care.
func (r *accountReport) warnings(now time.Time) (list []string) {
	if r.TLS != nil && r.TLS.expires.Before(now.Add(almostExpired)) {
		list = append(list, fmt.Sprintf("the certificate of %s is good until %s only", r.Host, r.TLS.NotAfter))
	}
	for _, q := range r.Quota {
		if q.Limit > 0 && q.Percent >= almostFull {
			list = append(list, fmt.Sprintf("the quota %q is %d %% full: %s", q.Root, q.Percent, q.amount()))
		}
	}
	return list
}
