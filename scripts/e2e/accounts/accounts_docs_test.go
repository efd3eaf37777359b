package accounts

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

var (
	ourScript   = regexp.MustCompile(`\bimap-migrate\b([^|;&()<>]*)`)
	yamlBlock   = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	bashBlock   = regexp.MustCompile("(?s)```bash\n(.*?)```")
	accountsDoc = filepath.Join(harness.Root, "docs", "many-accounts.md")
)

// TestAccountsOptions: every option in the documents is one that the program has.
func TestAccountsOptions(t *testing.T) {
	t.Parallel()
	help := many(t, newList()).Sh(`"$MIGRATE" --help`).Wants(0).Stdout
	known := strings.FieldsFunc(help, func(r rune) bool { return strings.ContainsRune(" \n=,", r) })
	found := 0
	for _, page := range []string{accountsDoc, filepath.Join(harness.Root, "docs", "cookbook", "many-accounts.md")} {
		text := harness.ReadPage(t, page)
		for _, block := range slices.Concat(yamlBlock.FindAllStringSubmatch(text, -1), bashBlock.FindAllStringSubmatch(text, -1)) {
			text += "\n" + block[1]
		}
		for _, line := range harness.Recipes(text) {
			for _, m := range ourScript.FindAllStringSubmatch(harness.QuotedText.ReplaceAllString(line, "''"), -1) {
				for _, o := range harness.Option.FindAllStringSubmatch(m[1], -1) {
					if found++; !slices.Contains(known, o[1]) {
						t.Errorf("%s: there is no %s: %s", filepath.Base(page), o[1], line)
					}
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d options were found", found)
	}
}

// job is what the test reads of a Kubernetes Job.
type job struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Spec       struct {
		CompletionMode       string `yaml:"completionMode"`
		Completions          int
		BackoffLimitPerIndex int `yaml:"backoffLimitPerIndex"`
		MaxFailedIndexes     int `yaml:"maxFailedIndexes"`
		PodFailurePolicy     struct {
			Rules []struct {
				Action      string
				OnExitCodes struct {
					ContainerName string `yaml:"containerName"`
					Values        []int
				} `yaml:"onExitCodes"`
			}
		} `yaml:"podFailurePolicy"`
		Template struct {
			Spec struct {
				Containers []struct {
					Name          string
					Command, Args []string
					VolumeMounts  []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct{ Name string }
			}
		}
	}
}

// TestAccountsOnKubernetes reads the manifest as a cluster would, and runs what
// its pods run: one account each.
func TestAccountsOnKubernetes(t *testing.T) {
	t.Parallel()
	block := yamlBlock.FindStringSubmatch(harness.ReadPage(t, accountsDoc))
	if block == nil {
		t.Fatal("there is no manifest")
	}
	var manifest job
	if err := yaml.Unmarshal([]byte(block[1]), &manifest); err != nil {
		t.Fatal(err)
	}
	spec := manifest.Spec
	if manifest.APIVersion != "batch/v1" || manifest.Kind != "Job" || spec.CompletionMode != "Indexed" || spec.Completions != spec.MaxFailedIndexes || spec.BackoffLimitPerIndex == 0 {
		t.Errorf("this is no Indexed Job: %+v", manifest)
	}
	pod := spec.Template.Spec.Containers[0]
	var volumes, mounts []string
	for _, volume := range spec.Template.Spec.Volumes {
		volumes = append(volumes, volume.Name)
	}
	replace := []string{"imap-migrate", `"$MIGRATE"`}
	for _, mount := range pod.VolumeMounts {
		mounts = append(mounts, mount.Name)
		replace = append(replace, mount.MountPath, `"$PWD"`+mount.MountPath)
	}
	if !slices.Equal(volumes, mounts) {
		t.Errorf("the volumes are %v, mounted are %v", volumes, mounts)
	}
	for _, rule := range spec.PodFailurePolicy.Rules {
		if rule.Action != "FailIndex" {
			continue
		}
		if rule.OnExitCodes.ContainerName != pod.Name || slices.Contains(rule.OnExitCodes.Values, 75) || slices.Contains(rule.OnExitCodes.Values, 69) {
			t.Errorf("%+v", rule)
		}
	}

	server := imaptest.StartServer(t, imaptest.Options{})
	b := many(t, listOf(server, "ann", "bob", "cyd")).With("JOB_COMPLETION_INDEX", "1")
	b.Sh(`mkdir list state && mv accounts.csv password list/`).Wants(0)
	o := b.Sh(strings.NewReplacer(replace...).Replace(strings.Join(slices.Concat(pod.Command, pod.Args), " "))).WantsAccounts(0)
	if lines, _ := o.Summary(); len(lines) != 1 || lines[0].Id != "bob2" || lines[0].Exit != "0" {
		t.Errorf("%+v", lines)
	}
	harness.Same(t, server.Account("bob").Entries(), server.Account("bob2").Entries())
	if n := len(server.Account("ann2").Entries()); n != 0 {
		t.Errorf("another account got %d messages", n)
	}
	b.Sh(`"$MIGRATE" --summary --state state list/accounts.csv`).WantsAccounts(75).Stands(75, 0, 75)
}

// TestAccountsOnSlurm runs the tasks of the documents' job array, from the array
// that the script asks for.
func TestAccountsOnSlurm(t *testing.T) {
	t.Parallel()
	block := bashBlock.FindStringSubmatch(harness.ReadPage(t, accountsDoc))
	if block == nil {
		t.Fatal("there is no batch script")
	}
	array := regexp.MustCompile(`(?m)^#SBATCH --array=1-(\d+)$`).FindStringSubmatch(block[1])
	if array == nil || !strings.Contains(block[1], " --shard "+array[1]+" ") {
		t.Fatalf("the array is %q in\n%s", array, block[1])
	}
	server := imaptest.StartServer(t, imaptest.Options{})
	b := many(t, listOf(server, "ann", "bob", "cyd"))
	script := strings.NewReplacer("exec imap-migrate", `exec "$MIGRATE"`, " /shared/", ` "$PWD"/`).Replace(block[1])
	b.With("SLURM_ARRAY_TASK_ID", "2").Bash(script).WantsAccounts(0).Stands(0)
	if idle := b.With("SLURM_ARRAY_TASK_ID", "4").Bash(script).Wants(0); idle.Stdout != "total\t0 accounts\n" {
		t.Errorf("a task without an account says %q", idle.Stdout)
	}
	b.Sh(`"$MIGRATE" --summary --state migration accounts.csv`).WantsAccounts(75).Stands(75, 0, 75)
	harness.Same(t, server.Account("bob").Entries(), server.Account("bob2").Entries())
}

// listOf has the mail of users of a server, which get some, go to others there:
// that of ann goes to ann2.
func listOf(server *imaptest.Server, users ...string) *list {
	l := newList()
	for _, user := range users {
		server.Account(user).Fill(imaptest.Spread(imaptest.Generate(1, 5)))
		l.add(harness.Embedded(server, user), harness.Embedded(server, user+"2"))
	}
	return l
}

// TestAccountsShards: each account is in one of N shards, whoever says which.
func TestAccountsShards(t *testing.T) {
	t.Parallel()
	nobody := harness.Account{Addr: "127.0.0.1:1", User: "ann"}
	l := newList()
	for i := range 7 {
		l.add(nobody, harness.Account{Addr: nobody.Addr, User: fmt.Sprint("user", i)})
	}
	b := many(t, l)
	ids := func(o *harness.Outcome) (ids []string) {
		lines, _ := o.WantsAccounts(75).Summary()
		for _, line := range lines {
			ids = append(ids, line.Id)
		}
		return ids
	}
	all := map[string]int{}
	for i := 1; i <= 3; i++ {
		shard := ids(b.Sh(fmt.Sprintf(`"$MIGRATE" --summary --shard %d/3 accounts.csv`, i)))
		for _, id := range shard {
			all[id]++
		}
		for name, index := range map[string]string{"JOB_COMPLETION_INDEX": fmt.Sprint(i - 1), "SLURM_ARRAY_TASK_ID": fmt.Sprint(i)} {
			if got := ids(b.With(name, index).Sh(`"$MIGRATE" --summary --shard 3 accounts.csv`)); !slices.Equal(got, shard) {
				t.Errorf("%s=%s: %v, want %v", name, index, got, shard)
			}
		}
		later := b.With("SLURM_ARRAY_TASK_MIN", "40").With("SLURM_ARRAY_TASK_ID", fmt.Sprint(39+i))
		if got := ids(later.Sh(`"$MIGRATE" --summary --shard 3 accounts.csv`)); !slices.Equal(got, shard) {
			t.Errorf("an array that begins at 40: %v, want %v", got, shard)
		}
	}
	for id, n := range all {
		if n != 1 || len(all) != 7 {
			t.Errorf("%s is in %d shards", id, n)
		}
	}
	for _, shard := range []string{"3", "0/3", "4/3", "1/0", "a/b", "1/2/3", "''", "1/3 --row 1", "1/3 --only user1"} {
		b.Sh(`"$MIGRATE" --summary --shard ` + shard + ` accounts.csv`).Wants(64)
	}
	b.With("JOB_COMPLETION_INDEX", "3").Sh(`"$MIGRATE" --summary --shard 3 accounts.csv`).Wants(64)
}

// TestAccountsRecipes: the cookbook's ways to a list, and its loop.
func TestAccountsRecipes(t *testing.T) {
	t.Parallel()
	users := map[string]string{"ann": `p;1`, "bob": "p 2", "ann@new": "p\\3", "bob@new": "'p4'"}
	server := imaptest.StartServer(t, imaptest.Options{Users: users})
	for _, user := range []string{"ann", "bob"} {
		server.Account(user).Fill(imaptest.Spread(imaptest.Generate(1, 5)))
	}
	b := many(t, newList()).With("ADDR", server.Addr())
	b.Write("with-passwords", []byte("bob;p 2;bob@new;'p4'\n"))
	b.Sh(`umask 077; mkdir secrets
echo old-host,old-user,old-tls,old-password-file,new-host,new-user,new-tls,new-password-file > bob.csv
while IFS=';' read -r u1 p1 u2 p2; do
  printf '%s\n' "$p1" > "secrets/$u1.old"
  printf '%s\n' "$p2" > "secrets/$u2.new"
  echo "$ADDR,$u1,none,secrets/$u1.old,$ADDR,$u2,none,secrets/$u2.new"
done < with-passwords >> bob.csv
until "$MIGRATE" --resume bob.csv > summary; do
  cut -f 1 summary | grep -qx '69\|75' || break
  sleep 600
done
cat summary`).WantsAccounts(0).Stands(0)
	for name, password := range map[string]string{"old": "ann", "new": "ann@new"} {
		b.Write(name+".password", []byte(users[password]+"\n"))
		b.Write(name+".account", []byte("host "+server.Addr()+"\ntls none\npassword-file "+name+".password\n"))
	}
	b.Sh(`{ echo old-account,old-user,new-account,new-user
echo ann ann@new | while read -r old new; do
  echo "./old.account,$old,./new.account,$new"
done; } > ann.csv
"$MIGRATE" --provider-limit 127.0.0.1=1 ann.csv`).WantsAccounts(0).Stands(0)
	for _, user := range []string{"ann", "bob"} {
		harness.Same(t, server.Account(user).Entries(), server.Account(user+"@new").Entries())
	}
}
