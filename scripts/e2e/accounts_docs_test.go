package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

var (
	ourScript   = regexp.MustCompile(`\bimap-migrate\b([^|;&()<>]*)`)
	yamlBlock   = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	bashBlock   = regexp.MustCompile("(?s)```bash\n(.*?)```")
	accountsDoc = filepath.Join("..", "..", "docs", "many-accounts.md")
)

// TestAccountsOptions: every option in the documents is one that the program has.
func TestAccountsOptions(t *testing.T) {
	t.Parallel()
	help := many(t, newList()).sh(`"$MIGRATE" --help`).wants(0).stdout
	known := strings.FieldsFunc(help, func(r rune) bool { return strings.ContainsRune(" \n=,", r) })
	found := 0
	for _, page := range []string{accountsDoc, filepath.Join("..", "..", "docs", "cookbook", "many-accounts.md")} {
		text := read(t, page)
		for _, block := range slices.Concat(yamlBlock.FindAllStringSubmatch(text, -1), bashBlock.FindAllStringSubmatch(text, -1)) {
			text += "\n" + block[1]
		}
		for _, line := range recipes(text) {
			for _, m := range ourScript.FindAllStringSubmatch(quotedText.ReplaceAllString(line, "''"), -1) {
				for _, o := range option.FindAllStringSubmatch(m[1], -1) {
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
	block := yamlBlock.FindStringSubmatch(read(t, accountsDoc))
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
	b := many(t, listOf(server, "ann", "bob", "cyd")).with("JOB_COMPLETION_INDEX", "1")
	b.sh(`mkdir list state && mv accounts.csv password list/`).wants(0)
	o := b.sh(strings.NewReplacer(replace...).Replace(strings.Join(slices.Concat(pod.Command, pod.Args), " "))).wantsAccounts(0)
	if lines, _ := o.summary(); len(lines) != 1 || lines[0].id != "bob2" || lines[0].exit != "0" {
		t.Errorf("%+v", lines)
	}
	same(t, server.Account("bob").Entries(), server.Account("bob2").Entries())
	if n := len(server.Account("ann2").Entries()); n != 0 {
		t.Errorf("another account got %d messages", n)
	}
	b.sh(`"$MIGRATE" --summary --state state list/accounts.csv`).wantsAccounts(75).stands(75, 0, 75)
}

// TestAccountsOnSlurm runs the tasks of the documents' job array, from the array
// that the script asks for.
func TestAccountsOnSlurm(t *testing.T) {
	t.Parallel()
	block := bashBlock.FindStringSubmatch(read(t, accountsDoc))
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
	b.with("SLURM_ARRAY_TASK_ID", "2").bash(script).wantsAccounts(0).stands(0)
	if idle := b.with("SLURM_ARRAY_TASK_ID", "4").bash(script).wants(0); idle.stdout != "total\t0 accounts\n" {
		t.Errorf("a task without an account says %q", idle.stdout)
	}
	b.sh(`"$MIGRATE" --summary --state migration accounts.csv`).wantsAccounts(75).stands(75, 0, 75)
	same(t, server.Account("bob").Entries(), server.Account("bob2").Entries())
}

// listOf has the mail of users of a server, which get some, go to others there:
// that of ann goes to ann2.
func listOf(server *imaptest.Server, users ...string) *list {
	l := newList()
	for _, user := range users {
		server.Account(user).Fill(imaptest.Spread(imaptest.Generate(1, 5)))
		l.add(embedded(server, user), embedded(server, user+"2"))
	}
	return l
}

// TestAccountsShards: each account is in one of N shards, whoever says which.
func TestAccountsShards(t *testing.T) {
	t.Parallel()
	nobody := account{"127.0.0.1:1", "ann"}
	l := newList()
	for i := range 7 {
		l.add(nobody, account{nobody.addr, fmt.Sprint("user", i)})
	}
	b := many(t, l)
	ids := func(o *outcome) (ids []string) {
		lines, _ := o.wantsAccounts(75).summary()
		for _, line := range lines {
			ids = append(ids, line.id)
		}
		return ids
	}
	all := map[string]int{}
	for i := 1; i <= 3; i++ {
		shard := ids(b.sh(fmt.Sprintf(`"$MIGRATE" --summary --shard %d/3 accounts.csv`, i)))
		for _, id := range shard {
			all[id]++
		}
		for name, index := range map[string]string{"JOB_COMPLETION_INDEX": fmt.Sprint(i - 1), "SLURM_ARRAY_TASK_ID": fmt.Sprint(i)} {
			if got := ids(b.with(name, index).sh(`"$MIGRATE" --summary --shard 3 accounts.csv`)); !slices.Equal(got, shard) {
				t.Errorf("%s=%s: %v, want %v", name, index, got, shard)
			}
		}
		later := b.with("SLURM_ARRAY_TASK_MIN", "40").with("SLURM_ARRAY_TASK_ID", fmt.Sprint(39+i))
		if got := ids(later.sh(`"$MIGRATE" --summary --shard 3 accounts.csv`)); !slices.Equal(got, shard) {
			t.Errorf("an array that begins at 40: %v, want %v", got, shard)
		}
	}
	for id, n := range all {
		if n != 1 || len(all) != 7 {
			t.Errorf("%s is in %d shards", id, n)
		}
	}
	for _, shard := range []string{"3", "0/3", "4/3", "1/0", "a/b", "1/2/3", "''", "1/3 --row 1", "1/3 --only user1"} {
		b.sh(`"$MIGRATE" --summary --shard ` + shard + ` accounts.csv`).wants(64)
	}
	b.with("JOB_COMPLETION_INDEX", "3").sh(`"$MIGRATE" --summary --shard 3 accounts.csv`).wants(64)
}

// TestAccountsRecipes: the cookbook's ways to a list, and its loop.
func TestAccountsRecipes(t *testing.T) {
	t.Parallel()
	users := map[string]string{"ann": `p;1`, "bob": "p 2", "ann@new": "p\\3", "bob@new": "'p4'"}
	server := imaptest.StartServer(t, imaptest.Options{Users: users})
	for _, user := range []string{"ann", "bob"} {
		server.Account(user).Fill(imaptest.Spread(imaptest.Generate(1, 5)))
	}
	b := many(t, newList()).with("ADDR", server.Addr())
	b.write("with-passwords", []byte("bob;p 2;bob@new;'p4'\n"))
	b.sh(`umask 077; mkdir secrets
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
cat summary`).wantsAccounts(0).stands(0)
	for name, password := range map[string]string{"old": "ann", "new": "ann@new"} {
		b.write(name+".password", []byte(users[password]+"\n"))
		b.write(name+".account", []byte("host "+server.Addr()+"\ntls none\npassword-file "+name+".password\n"))
	}
	b.sh(`{ echo old-account,old-user,new-account,new-user
echo ann ann@new | while read -r old new; do
  echo "./old.account,$old,./new.account,$new"
done; } > ann.csv
"$MIGRATE" --provider-limit 127.0.0.1=1 ann.csv`).wantsAccounts(0).stands(0)
	for _, user := range []string{"ann", "bob"} {
		same(t, server.Account(user).Entries(), server.Account(user+"@new").Entries())
	}
}
