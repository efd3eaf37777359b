package folders

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// granted is a receipt about a right.
type granted struct {
	Result, Target, Identifier, Rights, Reason, Text string
	DroppedRights                                    string `json:"dropped_rights"`
}

// grantsOf are the receipts about rights, by target and identifier.
func grantsOf(o *harness.Outcome) map[string]granted {
	o.T.Helper()
	all := map[string]granted{}
	for line := range strings.Lines(o.Stdout) {
		var g granted
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			o.T.Fatal(err)
		}
		if g.Identifier != "" {
			all[g.Target+" "+g.Identifier] = g
		}
	}
	return all
}

// aclOf is a folder's access control list, as imap-list shows it.
func aclOf(b *harness.Shell, at, folder string) map[string]string {
	b.T.Helper()
	all := b.Sh(`imap-list --acl ` + at + ` --folder ` + harness.Quote(folder)).Wants(0).Records()
	if len(all) != 1 || all[0].ACL == nil {
		b.T.Fatalf("%+v", all)
	}
	return all[0].ACL
}

// TestRights: access control lists are shown, carried and added to those of the
// destination; nobody loses a right, and nothing is done unasked.
func TestRights(t *testing.T) {
	t.Parallel()
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: []string{"joe", "ann", "bob", "kim"}})
	src := harness.Real(cyrus, "joe")
	src.Tell(t, `CREATE INBOX.Team`, `SETACL INBOX.Team ann lrswn`, `SETACL INBOX.Team -bob w`, `SETACL INBOX.Team anyone lr`, `CREATE INBOX.Own`)
	b := harness.NewShell(t).With("SRC", src.Options())
	want := map[string]string{"ann": "lrswn", "-bob": "w", "anyone": "lr", "joe": "lrswipkxteacdn"}
	if got := aclOf(b, "$SRC", "INBOX.Team"); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	b.Sh(`imap-fetch --acl $SRC -o with.zst && imap-fetch $SRC -o without.zst`).Wants(0)
	if got := b.Sh(`zstdcat with.zst | jq -c 'select(.name == "INBOX.Team").acl'; zstdcat without.zst | jq -c 'select(.name == "INBOX.Team") | has("acl")'`).Stdout; got != `{"-bob":"w","ann":"lrswn","anyone":"lr","joe":"lrswipkxteacdn"}`+"\nfalse\n" {
		t.Error(got)
	}

	t.Run("dovecot", func(t *testing.T) {
		dst := harness.Real(harness.DovecotWithACL(t), "kim")
		dst.Tell(t, `CREATE Team`, `SETACL Team ann i`)
		own := aclOf(b, dst.Options(), "Team")
		b := b.With("DST", dst.Options())
		b.T = t
		// Not unless asked for.
		b.Sh(`imap-diff $DST with.zst | imap-push $DST`).Wants(0)
		if got := aclOf(b, "$DST", "Team"); !maps.Equal(got, own) {
			t.Errorf("%v", got)
		}
		// This server refuses "anyone", and does not know "n".
		o := b.Sh(`imap-diff $DST with.zst | imap-push --acl $DST`).Wants(3).Says(`the destination does not know the rights "n"`)
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
		if mine := dst.Tell(t, `MYRIGHTS Team`); !strings.Contains(mine, "MYRIGHTS Team lrwstipekxacd") {
			t.Errorf("the user has lost rights: %s", mine)
		}
		// The same again changes nothing.
		again := b.Sh(`imap-diff $DST with.zst | imap-push --acl $DST --trace trace`).Wants(3)
		if g := grantsOf(again)["Team ann"]; g.Result != "present" {
			t.Errorf("%+v", g)
		}
		if n := strings.Count(string(b.Read("trace")), " SETACL "); n != 2 { // "anyone", and again at the end of the run
			t.Errorf("%d SETACL commands", n)
		}
		// And ann can use it.
		ann := harness.Real(&imaptest.Real{Addr: dst.Addr}, "ann")
		if list := ann.Tell(t, `LIST "" "*"`); !strings.Contains(list, "shared/kim/Team") {
			t.Error(list)
		}
	})
	t.Run("cyrus", func(t *testing.T) {
		dst := harness.Real(cyrus, "kim")
		b := b.With("DST", dst.Options())
		b.T = t
		o := b.Sh(`imap-diff $DST with.zst | imap-push --acl $DST`).Wants(0)
		if got := slices.Sorted(maps.Keys(grantsOf(o))); fmt.Sprint(got) != "[INBOX.Team -bob INBOX.Team ann INBOX.Team anyone]" {
			t.Errorf("%q", got)
		}
		if got := aclOf(b, "$DST", "INBOX.Team"); got["ann"] != "lrswn" || got["-bob"] != "w" || got["anyone"] != "lr" || got["kim"] != "lrswipkxteacdn" || len(got) != 4 {
			t.Errorf("%v", got)
		}
	})
	t.Run("no ACL", func(t *testing.T) {
		dst := harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "dst")
		b := b.With("DST", dst.Options())
		b.T = t
		o := b.Sh(`imap-diff $DST with.zst | imap-push --acl $DST`).Wants(0).Says("rights: the server has no access control lists (ACL); none are applied")
		if strings.Count(o.Stderr, "warning") != 1 {
			t.Error(o)
		}
		b.Sh(`imap-list --acl $DST`).Wants(0).Says("rights: the server has no access control lists")
		b.Sh(`imap-diff $DST without.zst | imap-push --acl $DST`).Wants(0).Says("the plan has no access control lists")
		o = b.Sh(`imap-diff $DST with.zst | imap-push --acl --dry-run $DST`).Wants(0)
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
	joe, ann, admin := harness.Real(cyrus, "joe"), harness.Real(cyrus, "ann"), harness.Real(cyrus, "cyrus")
	joe.Tell(t, `CREATE INBOX.Team`, `SETACL INBOX ann lrs`, `SETACL INBOX.Team ann lrs`)
	admin.Tell(t, `CREATE news`, `SETACL news anyone lrs`)
	ann.Tell(t, `CREATE INBOX.Own`)
	joe.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(1, 3)}, {Path: "Team", Messages: imaptest.Generate(2, 2)}}})
	b := harness.NewShell(t).With("SRC", ann.Options())
	b.Sh(`imap-list $SRC`).Wants(0).Lists("INBOX", "INBOX.Own")
	b.Sh(`imap-list $SRC --namespace other`).Wants(0).Lists("user.joe", "user.joe.Team")
	b.Sh(`imap-list $SRC --namespace shared`).Wants(0).Lists("news")
	b.Sh(`imap-list $SRC --namespace all --exclude '^INBOX\.'`).Wants(0).Lists("INBOX", "news", "user.joe", "user.joe.Team")
	b.Sh(`imap-list $SRC --namespace personal --namespace shared`).Wants(0).Lists("INBOX", "INBOX.Own", "news")
	b.Sh(`imap-list $SRC --folder news`).Wants(3).Says("--namespace shared has it")
	b.Sh(`imap-list $SRC --namespace mine`).Wants(64).Says("--namespace is personal, other, shared or all")
	b.Sh(`imap-list $SRC --format table`).Wants(0)
	for _, r := range b.Sh(`imap-list $SRC --namespace all`).Wants(0).Records() {
		if want := map[string]string{"news": "shared", "user.joe": "other", "user.joe.Team": "other"}[r.Name]; r.Namespace != want {
			t.Errorf("%s: %q", r.Name, r.Namespace)
		}
	}
	// Another's INBOX does not become our own.
	target := imaptest.StartServer(t, imaptest.Options{})
	b = b.With("DST", harness.Embedded(target, "dst").Options())
	b.Sh(`imap-fetch --namespace other $SRC | tee other.zst | imap-diff $DST | imap-push $DST`).Wants(0).Appended(5)
	if n, m := len(target.Account("dst").Messages("user/joe")), len(target.Account("dst").Messages("user/joe/Team")); n != 3 || m != 2 {
		t.Errorf("%d and %d messages in %q", n, m, target.Account("dst").Mailboxes())
	}
	if got := b.Sh(`zstdcat other.zst | jq -c 'select(.type == "begin").filters'`).Stdout; got != `["namespace=other"]`+"\n" {
		t.Error(got)
	}
	// What is in an archive was chosen once: all of it is meant.
	b.Sh(`imap-list --source other.zst`).Wants(0).Lists("user.joe", "user.joe.Team")
	b.Sh(`imap-list --source other.zst --namespace shared`).Wants(0).Lists().Says("--namespace shared: the server lists no such folder")
	b.Sh(`imap-fetch --source other.zst --folder user.joe.Taem -o none.zst`).Wants(3).Says(`the archive has no such folder; did you mean "user.joe.Team"?`)
	if got := b.Sh(`imap-fetch --source other.zst --folder-rec user.joe -o all.zst && zstdcat all.zst | jq -r 'select(.type == "message").folder' | sort | uniq -c`).Wants(0).Stdout; strings.Join(strings.Fields(got), " ") != "3 user.joe 2 user.joe.Team" {
		t.Error(got)
	}
	// A list says whose folders it means.
	b.Sh(`imap-list $SRC --namespace all | jq -c 'select(.messages > 0)' | imap-fetch --select - $SRC -o picked.zst`).Wants(0)
	if got := b.Sh(`zstdcat picked.zst | jq -r 'select(.type == "folder").name'`).Stdout; got != "user.joe\nuser.joe.Team\n" {
		t.Error(got)
	}
	// A plan that names somebody else's folder finds it.
	joe.Tell(t, `SETACL INBOX.Team ann lrswipkxte`)
	b = b.With("NONE", harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "none").Options())
	run := b.Sh(`imap-fetch --namespace other --folder user.joe.Team $SRC | imap-diff --level none $NONE | jq -c 'if .target then .target = "user.joe.Team" else . end' | imap-push --edited $SRC`).Wants(0).Appended(0)
	if end := run.Receipts().End(t); end.Present != 2 {
		t.Errorf("%+v", end)
	}
}

// TestSharedOnDovecot: shared folders of a server that lists them apart.
func TestSharedOnDovecot(t *testing.T) {
	t.Parallel()
	r := harness.DovecotWithACL(t)
	joe, ann := harness.Real(r, "joe"), harness.Real(r, "ann")
	joe.Tell(t, `CREATE Team`, `SETACL INBOX ann lr`, `SETACL Team ann lr`)
	joe.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(1, 3)}}})
	b := harness.NewShell(t).With("SRC", ann.Options())
	b.Sh(`imap-list $SRC`).Wants(0).Lists("INBOX")
	b.Sh(`imap-list $SRC --namespace other`).Wants(0).Lists("shared", "shared/joe", "shared/joe/Team")
	o := b.Sh(`imap-list $SRC --format table`).Wants(0)
	if !strings.Contains(o.Stdout, "skipped: another namespace (--namespace other)") {
		t.Error(o.Stdout)
	}
	if n := b.Sh(`imap-fetch --level none --namespace other $SRC | jq -c 'select(.type == "message")' | wc -l`).Wants(0).Stdout; strings.TrimSpace(n) != "3" {
		t.Error(n)
	}
	b.Sh(`imap-list --acl --namespace other $SRC`).Wants(0).Says("rights: not to be seen of 2 folders")
}
