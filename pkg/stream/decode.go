package stream

func (f *fields) message(r *Message) {
	f.bodies = true
	f.visit(func(name []byte) int {
		switch string(name) {
		case "folder":
			r.Folder = f.intern(r.Folder)
			return 0
		case "uidvalidity":
			r.UIDValidity = f.num64()
			return 1
		case "uid":
			r.UID = f.num64()
			return 2
		case "target":
			r.Target = f.intern(r.Target)
			return 3
		case "key":
			r.Key = f.str()
			return 4
		case "flags":
			r.Flags = f.list()
			return 5
		case "internaldate":
			r.InternalDate = f.str()
			return 6
		case "size":
			r.Size = f.num()
			return 7
		case "received":
			r.Received = f.str()
			return 8
		case "twin":
			r.Twin = f.boolean()
			return 9
		case "header":
			r.Header = f.object()
			return 10
		case "parts":
			r.Parts = int(f.num32())
			return 11
		case "sha256":
			r.SHA256 = f.digest()
			return 12
		case "tie":
			r.Tie = f.tieOf()
			return 13
		case "gmail_labels":
			if r.GmailLabels = f.list(); r.GmailLabels == nil {
				r.GmailLabels = []string{}
			}
			return 14
		case "gmail_msgid":
			r.GmailMsgID = f.str()
			return 15
		case "gmail_thrid":
			r.GmailThrID = f.str()
			return 16
		case "change":
			r.Change = f.str()
			return 17
		case "rfc822_size":
			size := f.num()
			r.RFC822Size = &size
			return 18
		case "unknown":
			r.Unknown = f.list()
			return 19
		}
		return -1
	})
	r.Extra, r.body, r.bodyKind = f.extra, f.body, f.kind
	switch {
	case f.err != nil:
	case f.seen&7 != 7 || r.UID == 0:
		f.fail("a message without folder, uidvalidity or uid")
	case r.bodyKind != noBody && (r.SHA256 == "" || r.Parts != 0):
		f.fail("a body without a sha256, or beside parts")
	case r.Change != "" && r.Change != ChangeFlags:
		f.fail("a change of something else than flags")
	case r.bodyKind != noBody && r.Size > PartSize, r.Parts != 0 && r.Parts != PartCount(r.Size):
		f.fail("size and parts do not fit")
	}
}

// tieOf reads which tie a message belongs to.
func (f *fields) tieOf() *TieOf {
	t := &TieOf{}
	if !f.expect('{') {
		return nil
	}
	for first := true; f.next('}', &first); {
		name := f.str()
		f.expect(':')
		switch name {
		case "id":
			t.ID = f.num64()
		case "of":
			t.Of = int(f.num32())
		case "drop":
			t.Drop = int(f.num32())
		case "digests":
			if t.Digests = f.list(); t.Digests == nil {
				t.Digests = []string{}
			}
		default:
			f.value(nil, 1)
		}
	}
	return t
}

// tie reads which messages are there of those that only octets tell apart.
func (f *fields) tie(r *Tie) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "id":
			r.ID = f.num64()
			return 0
		case "of":
			r.Of = int(f.num32())
			return 1
		case "there":
			f.expect('[')
			for first := true; f.next(']', &first); {
				r.There = append(r.There, f.tied())
			}
			return 2
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && (f.seen&7 != 7 || r.ID == 0) {
		f.fail("a tie without id, of or there")
	}
}

// tied reads one message of a tie.
func (f *fields) tied() (x Tied) {
	f.expect('{')
	for first := true; f.next('}', &first); {
		name := f.str()
		f.expect(':')
		switch name {
		case "uid":
			x.UID = f.num64()
		case "date":
			x.Date = f.num()
		case "size":
			x.Size = f.num()
		case "digest":
			x.Digest = f.digest()
		case "body":
			x.Body = f.digest()
		default:
			f.value(nil, 2)
		}
	}
	return x
}

func (f *fields) part(r *Body) {
	f.bodies = true
	f.visit(func(name []byte) int {
		switch string(name) {
		case "folder":
			r.Folder = f.intern(r.Folder)
			return 0
		case "uid":
			r.UID = f.num64()
			return 1
		case "part":
			r.Part = int(f.num32())
			return 2
		case "parts":
			r.Parts = int(f.num32())
			return 3
		case "sha256":
			r.SHA256 = f.digest()
			return 4
		}
		return -1
	})
	r.Extra, r.body, r.bodyKind = f.extra, f.body, f.kind
	if f.err == nil && (f.seen&15 != 15 || r.bodyKind == noBody || (r.SHA256 != "") != (r.Part == r.Parts)) {
		f.fail("a body part without folder, uid, part, parts or octets, or with its sha256 in the wrong place")
	}
}

// place is what failed, gone, vanished, skipped, create and subscribe records have
// between them.
type place struct {
	folder, target  string
	validity, uid   uint64
	reason, comment string
}

// place reads the fields that a record of this kind has; any other is passed
// on, also one that another kind has.
func (f *fields) place(kind string) (p place) {
	told := kind == "failed" || kind == "skipped"
	folder := kind == "folder-expunged"
	source := told || folder || kind == "expunged"
	f.visit(func(name []byte) int {
		switch n := string(name); {
		case n == "folder":
			p.folder = f.str()
			return 0
		case n == "target" && !source:
			p.target = f.str()
			return 1
		case n == "uidvalidity" && source:
			p.validity = f.num64()
			return 2
		case n == "uid" && source && !folder:
			p.uid = f.num64()
			return 3
		case n == "reason" && told:
			p.reason = f.str()
			return 4
		case n == "text" && told:
			p.comment = f.str()
			return 5
		}
		return -1
	})
	switch {
	case f.err != nil:
	case source && p.folder == "", source && kind != "failed" && !folder && p.uid == 0:
		f.fail("no folder or uid")
	case folder && f.seen&(1<<2) == 0:
		f.fail("no uidvalidity")
	case told && p.reason == "":
		f.fail("no reason")
	case !source && p.target == "":
		f.fail("no target")
	}
	return p
}

func (f *fields) deletion(r *Delete) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "target":
			r.Target = f.str()
			return 0
		case "target_uidvalidity":
			r.TargetUIDValidity = f.num64()
			return 1
		case "target_uid":
			r.TargetUID = f.num64()
			return 2
		case "key":
			r.Key = f.str()
			return 3
		case "copy_of":
			r.CopyOf = f.num64()
			return 4
		case "sha256":
			r.SHA256 = f.digest()
			return 5
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && (r.Target == "" || r.TargetUIDValidity == 0 || r.TargetUID == 0 || r.Key == "" || r.CopyOf == r.TargetUID) {
		f.fail("a message to delete without target, target_uidvalidity, target_uid or key, or that is its own copy")
	}
}

func (f *fields) rmdir(r *DeleteFolder) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "target":
			r.Target = f.str()
			return 0
		case "target_uidvalidity":
			r.TargetUIDValidity = f.num64()
			return 1
		case "target_uidnext":
			r.TargetUIDNext = f.num64()
			return 2
		case "messages":
			r.Messages = f.num32()
			return 3
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && (r.Target == "" || f.seen&15 != 15) {
		f.fail("a folder to remove without target, target_uidvalidity, target_uidnext or messages")
	}
}

func (f *fields) flagChange(r *FlagChange) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "folder":
			r.Folder = f.str()
			return 0
		case "uidvalidity":
			r.UIDValidity = f.num64()
			return 1
		case "uid":
			r.UID = f.num64()
			return 2
		case "target":
			r.Target = f.str()
			return 3
		case "target_uidvalidity":
			r.TargetUIDValidity = f.num64()
			return 4
		case "target_uid":
			r.TargetUID = f.num64()
			return 5
		case "add":
			r.Add = f.list()
			return 6
		case "remove":
			r.Remove = f.list()
			return 7
		}
		return -1
	})
	r.Extra = f.extra
	switch {
	case f.err != nil:
	case r.Folder == "" || r.UID == 0 || r.Target == "" || r.TargetUIDValidity == 0 || r.TargetUID == 0:
		f.fail("flags without folder, uid, target, target_uidvalidity or target_uid")
	case len(r.Add)+len(r.Remove) == 0:
		f.fail("flags that neither add nor remove")
	}
}

func (f *fields) end(r *End) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "listed":
			r.Listed = f.num()
			return 0
		case "present":
			r.Present, r.Plan = f.num(), true
			return 1
		case "missing":
			r.Missing = f.num()
			return 2
		case "ambiguous":
			r.Ambiguous = f.num()
			return 3
		case "emitted":
			r.Emitted = f.num()
			return 4
		case "expunged":
			r.Expunged = f.num()
			return 5
		case "failed":
			r.Failed = f.num()
			return 6
		case "folders_failed":
			r.Folders = f.num()
			return 7
		case "octets":
			r.Octets = f.num()
			return 8
		case "records":
			r.Records = f.num()
			return 9
		case "hash":
			r.Hash = f.str()
			return 10
		case "spare":
			r.Spare = f.num()
			return 11
		case "excluded":
			r.Excluded = f.num()
			return 12
		case "skipped":
			r.Skipped = f.num()
			return 13
		case "flag_changes":
			r.FlagChanges = f.num()
			return 14
		case "unknown":
			r.Unknown = f.num()
			return 15
		case "sizes_differ":
			r.SizesDiffer = f.num()
			return 16
		case "present_by_key":
			r.PresentByKey = f.num()
			return 17
		}
		return -1
	})
	r.Extra = f.extra
}

func (f *fields) abort(r *Abort) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "command":
			r.Command = f.str()
			return 0
		case "exit":
			r.Exit = int(f.num32())
			return 1
		case "text":
			r.Text = f.str()
			return 2
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && (r.Exit < 1 || r.Exit > 255) {
		f.fail("abort with exit %d", r.Exit)
	}
}
