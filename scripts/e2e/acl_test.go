package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// granted is a receipt about a right.
type granted struct {
	Result, Target, Identifier, Rights, Reason, Text string
	DroppedRights                                    string `json:"dropped_rights"`
}

// grantsOf are the receipts about rights, by target and identifier.
func grantsOf(o *outcome) map[string]granted {
	o.t.Helper()
	all := map[string]granted{}
	for line := range strings.Lines(o.stdout) {
		var g granted
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			o.t.Fatal(err)
		}
		if g.Identifier != "" {
			all[g.Target+" "+g.Identifier] = g
		}
	}
	return all
}

// aclOf is a folder's access control list, as imap-list shows it.
func aclOf(b *bench, at, folder string) map[string]string {
	b.t.Helper()
	all := b.sh(`imap-list --acl ` + at + ` --folder ` + quoted(folder)).wants(0).records()
	if len(all) != 1 || all[0].ACL == nil {
		b.t.Fatalf("%+v", all)
	}
	return all[0].ACL
}

// TestRights: access control lists are shown, carried and added to those of the
// destination; nobody loses a right, and nothing is done unasked.
func TestRights(t *testing.T) {
	t.Parallel()
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: []string{"joe", "ann", "bob", "kim"}})
	src := real(cyrus, "joe")
	src.tell(t, `CREATE INBOX.Team`, `SETACL INBOX.Team ann lrswn`, `SETACL INBOX.Team -bob w`, `SETACL INBOX.Team anyone lr`, `CREATE INBOX.Own`)
	b := newBench(t).with("SRC", src.options())
	want := map[string]string{"ann": "lrswn", "-bob": "w", "anyone": "lr", "joe": "lrswipkxteacdn"}
	if got := aclOf(b, "$SRC", "INBOX.Team"); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	b.sh(`imap-fetch --acl $SRC -o with.zst && imap-fetch $SRC -o without.zst`).wants(0)
	if got := b.sh(`zstdcat with.zst | jq -c 'select(.name == "INBOX.Team").acl'; zstdcat without.zst | jq -c 'select(.name == "INBOX.Team") | has("acl")'`).stdout; got != `{"-bob":"w","ann":"lrswn","anyone":"lr","joe":"lrswipkxteacdn"}`+"\nfalse\n" {
		t.Error(got)
	}

	t.Run("dovecot", func(t *testing.T) {
		dst := real(dovecotWithACL(t), "kim")
		dst.tell(t, `CREATE Team`, `SETACL Team ann i`)
		own := aclOf(b, dst.options(), "Team")
		b := b.with("DST", dst.options())
		b.t = t
		// Not unless asked for.
		b.sh(`imap-diff $DST with.zst | imap-push $DST`).wants(0)
		if got := aclOf(b, "$DST", "Team"); !maps.Equal(got, own) {
			t.Errorf("%v", got)
		}
		// This server refuses "anyone", and does not know "n".
		o := b.sh(`imap-diff $DST with.zst | imap-push --acl $DST`).wants(3).says(`the destination does not know the rights "n"`)
		got := grantsOf(o)
		for at, want := range map[string]string{"Team ann": "granted lrsw n", "Team -bob": "granted w ", "Team anyone": "rejected lr "} {
			if g := got[at]; g.Result+" "+g.Rights+" "+g.DroppedRights != want {
				t.Errorf("%s: %+v", at, g)
			}
		}
		if len(got) != 3 || !strings.Contains(got["Team anyone"].Text, "anyone") {
			t.Errorf("%+v", got)
		}
		now := map[string]string{"ann": "lrswi", "-bob": "w"}
		for identifier, rights := range own {
			if identifier != "ann" {
				now[identifier] = rights
			}
		}
		if got := aclOf(b, "$DST", "Team"); !maps.Equal(got, now) {
			t.Errorf("%v, want %v", got, now)
		}
		if mine := dst.tell(t, `MYRIGHTS Team`); !strings.Contains(mine, "MYRIGHTS Team lrwstipekxacd") {
			t.Errorf("the user has lost rights: %s", mine)
		}
		// The same again changes nothing.
		again := b.sh(`imap-diff $DST with.zst | imap-push --acl $DST --trace trace`).wants(3)
		if g := grantsOf(again)["Team ann"]; g.Result != "present" {
			t.Errorf("%+v", g)
		}
		if n := strings.Count(string(b.read("trace")), " SETACL "); n != 2 { // "anyone", and again at the end of the run
			t.Errorf("%d SETACL commands", n)
		}
		// And ann can use it.
		ann := real(&imaptest.Real{Addr: dst.addr}, "ann")
		if list := ann.tell(t, `LIST "" "*"`); !strings.Contains(list, "shared/kim/Team") {
			t.Error(list)
		}
	})
	t.Run("cyrus", func(t *testing.T) {
		dst := real(cyrus, "kim")
		b := b.with("DST", dst.options())
		b.t = t
		o := b.sh(`imap-diff $DST with.zst | imap-push --acl $DST`).wants(0)
		if got := slices.Sorted(maps.Keys(grantsOf(o))); fmt.Sprint(got) != "[INBOX.Team -bob INBOX.Team ann INBOX.Team anyone]" {
			t.Errorf("%q", got)
		}
		if got := aclOf(b, "$DST", "INBOX.Team"); got["ann"] != "lrswn" || got["-bob"] != "w" || got["anyone"] != "lr" || got["kim"] != "lrswipkxteacdn" || len(got) != 4 {
			t.Errorf("%v", got)
		}
	})
	t.Run("no ACL", func(t *testing.T) {
		dst := embedded(imaptest.StartServer(t, imaptest.Options{}), "dst")
		b := b.with("DST", dst.options())
		b.t = t
		o := b.sh(`imap-diff $DST with.zst | imap-push --acl $DST`).wants(0).says("--acl: the server has no access control lists (ACL); none are applied")
		if strings.Count(o.stderr, "warning") != 1 {
			t.Error(o)
		}
		b.sh(`imap-list --acl $DST`).wants(0).says("--acl: the server has no access control lists")
		b.sh(`imap-diff $DST without.zst | imap-push --acl $DST`).wants(0).says("the plan has no access control lists")
		o = b.sh(`imap-diff $DST with.zst | imap-push --acl --dry-run $DST`).wants(0)
		if g := grantsOf(o)["Team ann"]; g.Result != "skipped" || g.Reason != "dry-run" {
			t.Errorf("%+v", grantsOf(o))
		}
	})
}

// TestNamespaces: one's own folders, unless other users' or shared ones are
// asked for; those keep their whole name.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	joe, ann, admin := real(cyrus, "joe"), real(cyrus, "ann"), real(cyrus, "cyrus")
	joe.tell(t, `CREATE INBOX.Team`, `SETACL INBOX ann lrs`, `SETACL INBOX.Team ann lrs`)
	admin.tell(t, `CREATE news`, `SETACL news anyone lrs`)
	ann.tell(t, `CREATE INBOX.Own`)
	joe.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(1, 3)}, {Path: "Team", Messages: imaptest.Generate(2, 2)}}})
	b := newBench(t).with("SRC", ann.options())
	b.sh(`imap-list $SRC`).wants(0).lists("INBOX", "INBOX.Own")
	b.sh(`imap-list $SRC --namespace other`).wants(0).lists("user.joe", "user.joe.Team")
	b.sh(`imap-list $SRC --namespace shared`).wants(0).lists("news")
	b.sh(`imap-list $SRC --namespace all --exclude '^INBOX\.'`).wants(0).lists("INBOX", "news", "user.joe", "user.joe.Team")
	b.sh(`imap-list $SRC --namespace personal --namespace shared`).wants(0).lists("INBOX", "INBOX.Own", "news")
	b.sh(`imap-list $SRC --folder news`).wants(3).says("--namespace shared has it")
	b.sh(`imap-list $SRC --namespace mine`).wants(64).says("--namespace is personal, other, shared or all")
	b.sh(`imap-list $SRC --format table`).wants(0)
	for _, r := range b.sh(`imap-list $SRC --namespace all`).wants(0).records() {
		if want := map[string]string{"news": "shared", "user.joe": "other", "user.joe.Team": "other"}[r.Name]; r.Namespace != want {
			t.Errorf("%s: %q", r.Name, r.Namespace)
		}
	}
	// Another's INBOX does not become our own.
	target := imaptest.StartServer(t, imaptest.Options{})
	b = b.with("DST", embedded(target, "dst").options())
	b.sh(`imap-fetch --namespace other $SRC | tee other.zst | imap-diff $DST | imap-push $DST`).wants(0).appended(5)
	if n, m := len(target.Account("dst").Messages("user/joe")), len(target.Account("dst").Messages("user/joe/Team")); n != 3 || m != 2 {
		t.Errorf("%d and %d messages in %q", n, m, target.Account("dst").Mailboxes())
	}
	if got := b.sh(`zstdcat other.zst | jq -c 'select(.type == "begin").filters'`).stdout; got != `["namespace=other"]`+"\n" {
		t.Error(got)
	}
	// What is in an archive was chosen once: all of it is meant.
	b.sh(`imap-list --source other.zst`).wants(0).lists("user.joe", "user.joe.Team")
	b.sh(`imap-list --source other.zst --namespace shared`).wants(0).lists().says("--namespace shared: the server lists no such folder")
	b.sh(`imap-fetch --source other.zst --folder user.joe.Taem -o none.zst`).wants(3).says(`the archive has no such folder; did you mean "user.joe.Team"?`)
	if got := b.sh(`imap-fetch --source other.zst --folder-rec user.joe -o all.zst && zstdcat all.zst | jq -r 'select(.type == "message").folder' | sort | uniq -c`).wants(0).stdout; strings.Join(strings.Fields(got), " ") != "3 user.joe 2 user.joe.Team" {
		t.Error(got)
	}
	// A list says whose folders it means.
	b.sh(`imap-list $SRC --namespace all | jq -c 'select(.messages > 0)' | imap-fetch --select - $SRC -o picked.zst`).wants(0)
	if got := b.sh(`zstdcat picked.zst | jq -r 'select(.type == "folder").name'`).stdout; got != "user.joe\nuser.joe.Team\n" {
		t.Error(got)
	}
	// A plan that names somebody else's folder finds it.
	joe.tell(t, `SETACL INBOX.Team ann lrswipkxte`)
	b = b.with("NONE", embedded(imaptest.StartServer(t, imaptest.Options{}), "none").options())
	run := b.sh(`imap-fetch --namespace other --folder user.joe.Team $SRC | imap-diff --level none $NONE | jq -c 'if .target then .target = "user.joe.Team" else . end' | imap-push --edited $SRC`).wants(0).appended(0)
	if end := run.receipts().end(t); end.Present != 2 {
		t.Errorf("%+v", end)
	}
}

// TestSharedOnDovecot: shared folders of a server that lists them apart.
func TestSharedOnDovecot(t *testing.T) {
	t.Parallel()
	r := dovecotWithACL(t)
	joe, ann := real(r, "joe"), real(r, "ann")
	joe.tell(t, `CREATE Team`, `SETACL INBOX ann lr`, `SETACL Team ann lr`)
	joe.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(1, 3)}}})
	b := newBench(t).with("SRC", ann.options())
	b.sh(`imap-list $SRC`).wants(0).lists("INBOX")
	b.sh(`imap-list $SRC --namespace other`).wants(0).lists("shared", "shared/joe", "shared/joe/Team")
	o := b.sh(`imap-list $SRC --format table`).wants(0)
	if !strings.Contains(o.stdout, "skipped: another namespace (--namespace other)") {
		t.Error(o.stdout)
	}
	if n := b.sh(`imap-fetch --level none --namespace other $SRC | jq -c 'select(.type == "message")' | wc -l`).wants(0).stdout; strings.TrimSpace(n) != "3" {
		t.Error(n)
	}
	b.sh(`imap-list --acl --namespace other $SRC`).wants(0).says("--acl: not to be seen of 2 folders")
}
