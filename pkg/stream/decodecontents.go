package stream

import (
	"fmt"
)

func (f *fields) begin(r *Begin) {
	var format string
	var version int64 = -1
	f.visit(func(name []byte) int {
		switch string(name) {
		case "format":
			format = f.str()
			return 0
		case "version":
			version = f.num()
			return 1
		case "tool":
			r.Tool = f.str()
			return 2
		case "content":
			r.Content = Content(f.str())
			return 3
		case "plan":
			r.Plan = f.boolean()
			return 4
		case "user":
			r.User = f.str()
			return 5
		case "host":
			r.Host = f.str()
			return 6
		case "prefix":
			r.Prefix = f.str()
			return 7
		case "delimiter":
			r.Delimiter = f.str()
			return 8
		case "target_user":
			r.TargetUser = f.str()
			return 9
		case "target_host":
			r.TargetHost = f.str()
			return 10
		case "key":
			r.Key = f.str()
			return 11
		case "filters":
			r.Filters = f.list()
			return 12
		case "labels":
			r.Labels = f.labels()
			return 13
		case "base":
			r.Base = f.str()
			return 14
		case "spec":
			f.str() // the writer gives its own
			return 15
		case "port":
			r.Port = f.port()
			return 16
		case "target_port":
			r.TargetPort = f.port()
			return 17
		}
		return -1
	})
	r.Extra = f.extra
	switch {
	case f.err != nil && version <= Version:
	case format != Format:
		f.err = &formatError{format}
	case version != Version:
		f.err = &versionError{version}
	case r.Content != Headers && r.Content != Hashes && r.Content != Full:
		f.err = fmt.Errorf("content %s is none of headers, hashes, full", quote(string(r.Content)))
	}
}

type formatError struct{ format string }

func (e *formatError) Error() string {
	return fmt.Sprintf("the format is %s, not %s", quote(e.format), quote(Format))
}

type versionError struct{ version int64 }

func (f *fields) labels() []Label {
	var out []Label
	if !f.expect('{') {
		return nil
	}
	for first := true; f.next('}', &first); {
		name := f.str()
		f.expect(':')
		out = append(out, Label{name, f.str()})
	}
	return out
}

func (f *fields) folder(r *Folder) {
	r.Octets = -1
	f.visit(func(name []byte) int {
		switch string(name) {
		case "name":
			r.Name = f.str()
			return 0
		case "delimiter":
			r.Delimiter = f.str()
			return 1
		case "attributes":
			r.Attributes = f.list()
			return 2
		case "subscribed":
			r.Subscribed = f.boolean()
			return 3
		case "uidvalidity":
			r.UIDValidity = f.num64()
			return 4
		case "uidnext":
			r.UIDNext = f.num64()
			return 5
		case "highestmodseq":
			r.HighestModSeq = f.str()
			return 6
		case "messages":
			r.Messages = f.num32()
			return 7
		case "octets":
			r.Octets = f.num()
			return 8
		case "target":
			r.Target = f.str()
			return 9
		case "target_uidvalidity":
			r.TargetUIDValidity = f.num64()
			return 10
		case "target_uidnext":
			r.TargetUIDNext = f.num64()
			return 11
		case "namespace":
			r.Namespace = f.str()
			return 12
		case "largest":
			r.Largest = f.num()
			return 13
		case "largest_uid":
			r.LargestUID = f.num64()
			return 14
		case "oldest":
			r.Oldest = f.str()
			return 15
		case "newest":
			r.Newest = f.str()
			return 16
		case "acl":
			r.ACL = f.grants()
			return 17
		case "uids":
			r.UIDs = f.str()
			return 18
		case "uidvalidity_unstable":
			r.Unstable = f.boolean()
			return 19
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && r.Name == "" {
		f.fail("a folder without a name")
	}
}

func (f *fields) grants() []Grant {
	out := []Grant{}
	for _, l := range f.labels() {
		out = append(out, Grant{l.Name, l.Value})
	}
	return out
}

func (e *versionError) Error() string {
	return fmt.Sprintf("the stream has version %d; this program reads version %d", e.version, Version)
}
