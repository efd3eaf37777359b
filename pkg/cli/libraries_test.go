package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// optionsNamed lists the files of libraries that name options, and why they may.
var optionsNamed = map[string]string{
	"list/accounttext.go": "what --check prints can be pasted into a command line",
	"folder/selection.go": "why a folder is not chosen is said in the user's own words",
}

// A library does not know what the options of a command are called: it names the cause
// of an error, and the command's table of hints has the option (see Hint).
func TestLibrariesNameNoOptions(t *testing.T) {
	option := regexp.MustCompile(`(?:^|[^-\w])--[a-z][a-z-]*`)
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "../cli" || path == "../imaptest"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING || !option.MatchString(text.Value) {
				return true
			}
			name := filepath.ToSlash(strings.TrimPrefix(path, "../"))
			if seen[name] = true; optionsNamed[name] == "" {
				t.Errorf("%s: %s", name, text.Value)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range optionsNamed {
		if !seen[name] {
			t.Errorf("%s names no option any more", name)
		}
	}
}
