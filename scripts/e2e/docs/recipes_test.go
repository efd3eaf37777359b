package docs

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// missingTool returns a tool that a recipe needs and that is not here, "" for none.
func missingTool(block string) string {
	for _, tool := range []string{"age", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil && strings.Contains(block, tool+" -") {
			return tool
		}
	}
	return ""
}

// TestCookbookRecipes runs what the cookbook says, in its order.
func TestCookbookRecipes(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	for page, least := range map[string]int{"messages.md": 17, "archives.md": 12, "files.md": 9, "plan.md": 10} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			account := server.Account("joe")
			account.Fill(harness.Mail(60))
			for i, name := range []string{"INBOX", "Projects", "Projects/2019", "Archive/2020"} {
				account.AddMessage(name, nil, time.Now().Add(-time.Duration(i)*time.Hour), harness.Letter(fmt.Sprint("new-", i), "contract\n"))
			}
			b := harness.NewShell(t).With("OLD", harness.Embedded(server, "joe").Options()).With("NEW", harness.Embedded(server, "new").Options()).WithTools()
			b.Sh(`for f in joe.imap all full monday tuesday friday; do imap-fetch $OLD -o $f.zst || exit; done`).Wants(0)
			if _, err := exec.LookPath("ssh-keygen"); err == nil && page == "archives.md" {
				b.Sh(`mkdir -m 700 .ssh; ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519; echo "joe@example.net $(cut -d " " -f 1,2 .ssh/id_ed25519.pub)" >signers`).Wants(0)
			}
			all := harness.Blocks(t, page)
			if len(all) < least {
				t.Errorf("%d recipes", len(all))
			}
			for _, block := range all {
				if tool := missingTool(block); tool != "" {
					t.Logf("SKIPPED, there is no %s(1): %s", tool, block)
					continue
				}
				if strings.Contains(block, "age1…") {
					continue // a key of one's own
				}
				b.Sh("set -e\n" + block).Wants(0)
			}
		})
	}
}
