package stream

import "iter"

// AppendObject appends a JSON object of texts for people, such as a message's
// header field.
func AppendObject(dst []byte, members iter.Seq2[string, string]) []byte {
	o := object{append(dst, '{')}
	for name, value := range members {
		if c := o.b[len(o.b)-1]; c != '{' {
			o.b = append(o.b, ',')
		}
		o.b = appendString(o.b, name)
		o.b = appendString(append(o.b, ':'), value)
	}
	return append(o.b, '}')
}

// Line returns a record as it stands in a stream, with its line feed.
func Line(r Record) []byte {
	b, _ := r.appendTo(nil)
	return append(b, '\n')
}

// Each appendTo writes one record as canonical JSON without its line feed.
// bodyAt is where the line stops counting for the stream's hash: at the comma
// before the body, else at its end.

func open(b []byte, kind string) object {
	o := object{append(b, '{')}
	o.str("type", kind)
	return o
}

func (o *object) done() ([]byte, int) {
	o.b = append(o.b, '}')
	return o.b, len(o.b)
}

// body writes the last field of a record that has one.
func (o *object) body(token []byte, kind bodyKind) ([]byte, int) {
	if kind == noBody {
		return o.done()
	}
	at := len(o.b)
	o.name(kind.field())
	o.b = append(o.b, '"')
	o.b = append(o.b, token...)
	o.b = append(o.b, '"', '}')
	return o.b, at
}

func (r *Begin) appendTo(b []byte) ([]byte, int) {
	o := open(b, "begin")
	o.str("format", Format)
	o.num("version", Version)
	o.str("tool", r.Tool)
	o.str("content", string(r.Content))
	o.flag("plan", r.Plan)
	o.str("user", r.User)
	o.str("host", r.Host)
	o.optNum("port", int64(r.Port))
	o.opt("prefix", r.Prefix)
	o.opt("delimiter", r.Delimiter)
	o.opt("target_user", r.TargetUser)
	o.opt("target_host", r.TargetHost)
	o.optNum("target_port", int64(r.TargetPort))
	o.str("key", r.Key)
	o.list("filters", r.Filters)
	o.name("labels")
	o.b = AppendObject(o.b, func(yield func(string, string) bool) {
		for _, l := range r.Labels {
			if !yield(l.Name, l.Value) {
				return
			}
		}
	})
	o.opt("base", r.Base)
	o.extra(r.Extra)
	o.str("spec", SpecURL)
	return o.done()
}

func (r *Folder) appendTo(b []byte) ([]byte, int) {
	o := open(b, "folder")
	o.str("name", r.Name)
	o.str("delimiter", r.Delimiter)
	o.list("attributes", r.Attributes)
	o.flag("subscribed", r.Subscribed)
	o.opt("namespace", r.Namespace)
	o.num64("uidvalidity", r.UIDValidity)
	if r.Unstable {
		o.flag("uidvalidity_unstable", true)
	}
	o.num64("uidnext", r.UIDNext)
	o.opt("highestmodseq", r.HighestModSeq)
	o.num("messages", int64(r.Messages))
	o.opt("uids", r.UIDs)
	if r.Octets >= 0 {
		o.num("octets", r.Octets)
	}
	if r.LargestUID != 0 {
		o.num("largest", r.Largest)
		o.num64("largest_uid", r.LargestUID)
	}
	o.opt("oldest", r.Oldest)
	o.opt("newest", r.Newest)
	if r.ACL != nil {
		o.name("acl")
		o.b = AppendObject(o.b, func(yield func(string, string) bool) {
			for _, g := range r.ACL {
				if !yield(g.Identifier, g.Rights) {
					return
				}
			}
		})
	}
	o.opt("target", r.Target)
	if r.Target != "" && r.TargetUIDValidity != 0 {
		o.num64("target_uidvalidity", r.TargetUIDValidity)
		o.num64("target_uidnext", r.TargetUIDNext)
	}
	o.extra(r.Extra)
	return o.done()
}

func (r *Message) appendTo(b []byte) ([]byte, int) {
	o := open(b, "message")
	o.str("folder", r.Folder)
	o.num64("uidvalidity", r.UIDValidity)
	o.num64("uid", r.UID)
	o.opt("change", r.Change)
	o.opt("target", r.Target)
	o.str("key", r.Key)
	o.list("flags", r.Flags)
	o.opt("internaldate", r.InternalDate)
	o.num("size", r.Size)
	if r.RFC822Size != nil {
		o.num("rfc822_size", *r.RFC822Size)
	}
	if len(r.Unknown) > 0 {
		o.list("unknown", r.Unknown)
	}
	o.opt("received", r.Received)
	if r.Twin {
		o.flag("twin", true)
	}
	if r.Header != nil {
		o.raw("header", r.Header)
	}
	if r.GmailLabels != nil {
		o.list("gmail_labels", r.GmailLabels)
	}
	o.opt("gmail_msgid", r.GmailMsgID)
	o.opt("gmail_thrid", r.GmailThrID)
	if r.Tie != nil {
		o.tie(r.Tie)
	}
	o.optNum("parts", int64(r.Parts))
	o.extra(r.Extra)
	o.opt("sha256", r.SHA256)
	return o.body(r.body, r.bodyKind)
}

func (o *object) tie(t *TieOf) {
	o.name("tie")
	in := object{append(o.b, '{')}
	if t.ID != 0 {
		in.num64("id", t.ID)
	} else {
		in.num("of", int64(t.Of))
		in.num("drop", int64(t.Drop))
		if t.Digests != nil {
			in.list("digests", t.Digests)
		}
	}
	o.b = append(in.b, '}')
}

func (r *Tie) appendTo(b []byte) ([]byte, int) {
	o := open(b, "tie")
	o.num64("id", r.ID)
	o.num("of", int64(r.Of))
	o.name("there")
	o.b = append(o.b, '[')
	for i := range r.There {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		in := object{append(o.b, '{')}
		x := &r.There[i]
		in.num64("uid", x.UID)
		in.optNum("date", x.Date)
		in.optNum("size", x.Size)
		in.opt("digest", x.Digest)
		in.opt("body", x.Body)
		o.b = append(in.b, '}')
	}
	o.b = append(o.b, ']')
	o.extra(r.Extra)
	return o.done()
}

func (r *Body) appendTo(b []byte) ([]byte, int) {
	o := open(b, "body")
	o.str("folder", r.Folder)
	o.num64("uid", r.UID)
	o.num("part", int64(r.Part))
	o.num("parts", int64(r.Parts))
	o.extra(r.Extra)
	o.opt("sha256", r.SHA256)
	return o.body(r.body, r.bodyKind)
}

func (r *Failed) appendTo(b []byte) ([]byte, int) {
	o := open(b, "failed")
	o.str("folder", r.Folder)
	o.optNum64("uidvalidity", r.UIDValidity)
	o.optNum64("uid", r.UID)
	o.str("reason", string(r.Reason))
	o.opt("text", r.Text)
	o.extra(r.Extra)
	return o.done()
}

func (r *Expunged) appendTo(b []byte) ([]byte, int) {
	o := open(b, "expunged")
	o.str("folder", r.Folder)
	o.num64("uidvalidity", r.UIDValidity)
	o.num64("uid", r.UID)
	o.extra(r.Extra)
	return o.done()
}

func (r *FolderExpunged) appendTo(b []byte) ([]byte, int) {
	o := open(b, "folder-expunged")
	o.str("folder", r.Folder)
	o.num64("uidvalidity", r.UIDValidity)
	o.extra(r.Extra)
	return o.done()
}

func (r *Skipped) appendTo(b []byte) ([]byte, int) {
	o := open(b, "skipped")
	o.str("folder", r.Folder)
	o.num64("uidvalidity", r.UIDValidity)
	o.num64("uid", r.UID)
	o.str("reason", string(r.Reason))
	o.opt("text", r.Text)
	o.extra(r.Extra)
	return o.done()
}

func appendTarget(b []byte, kind, target, folder string, extra []byte) ([]byte, int) {
	o := open(b, kind)
	o.str("target", target)
	o.opt("folder", folder)
	o.extra(extra)
	return o.done()
}

func (r *Create) appendTo(b []byte) ([]byte, int) {
	return appendTarget(b, "create", r.Target, r.Folder, r.Extra)
}

func (r *Subscribe) appendTo(b []byte) ([]byte, int) {
	return appendTarget(b, "subscribe", r.Target, r.Folder, r.Extra)
}

func (r *Delete) appendTo(b []byte) ([]byte, int) {
	o := open(b, "delete")
	o.str("target", r.Target)
	o.num64("target_uidvalidity", r.TargetUIDValidity)
	o.num64("target_uid", r.TargetUID)
	o.str("key", r.Key)
	o.optNum64("copy_of", r.CopyOf)
	o.extra(r.Extra)
	o.opt("sha256", r.SHA256)
	return o.done()
}

func (r *DeleteFolder) appendTo(b []byte) ([]byte, int) {
	o := open(b, "delete-folder")
	o.str("target", r.Target)
	o.num64("target_uidvalidity", r.TargetUIDValidity)
	o.num64("target_uidnext", r.TargetUIDNext)
	o.num("messages", int64(r.Messages))
	o.extra(r.Extra)
	return o.done()
}

func (r *FlagChange) appendTo(b []byte) ([]byte, int) {
	o := open(b, "flags")
	o.str("folder", r.Folder)
	o.num64("uidvalidity", r.UIDValidity)
	o.num64("uid", r.UID)
	o.str("target", r.Target)
	o.num64("target_uidvalidity", r.TargetUIDValidity)
	o.num64("target_uid", r.TargetUID)
	if len(r.Add) > 0 {
		o.list("add", r.Add)
	}
	if len(r.Remove) > 0 {
		o.list("remove", r.Remove)
	}
	o.extra(r.Extra)
	return o.done()
}

func (r *End) appendTo(b []byte) ([]byte, int) {
	o := open(b, "end")
	o.num("listed", r.Listed)
	if r.Plan {
		o.num("present", r.Present)
		o.optNum("present_by_key", r.PresentByKey)
		o.num("missing", r.Missing)
		o.num("ambiguous", r.Ambiguous)
		o.optNum("spare", r.Spare)
		o.optNum("flag_changes", r.FlagChanges)
	}
	o.num("emitted", r.Emitted)
	o.num("expunged", r.Expunged)
	o.num("failed", r.Failed)
	o.num("folders_failed", r.Folders)
	o.num("octets", r.Octets)
	o.optNum("unknown", r.Unknown)
	o.optNum("sizes_differ", r.SizesDiffer)
	o.optNum("excluded", r.Excluded)
	o.optNum("skipped", r.Skipped)
	o.extra(r.Extra)
	o.num("records", r.Records)
	o.str("hash", r.Hash)
	return o.done()
}

func (r *Abort) appendTo(b []byte) ([]byte, int) {
	o := open(b, "abort")
	o.str("command", r.Command)
	o.num("exit", int64(r.Exit))
	o.str("text", r.Text)
	o.extra(r.Extra)
	return o.done()
}

func (r *Unknown) appendTo(b []byte) ([]byte, int) {
	b = append(b, r.Line...)
	return b, len(b)
}
