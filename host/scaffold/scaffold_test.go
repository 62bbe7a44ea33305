// SPDX-License-Identifier: Apache-2.0

package scaffold

import (
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// each makes a project of every kind in every language.
func each(t *testing.T, f func(*testing.T, *Project)) {
	for _, language := range Languages() {
		for _, kind := range Kinds() {
			t.Run(language+"/"+kind, func(t *testing.T) {
				p, err := New(Options{Kind: kind, Name: "few-things", Language: language})
				if err != nil {
					t.Fatal(err)
				}
				f(t, p)
			})
		}
	}
}

func (p *Project) text(name string) string {
	for _, f := range p.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// TestFiles holds every project to its list of files, and each file to its form.
func TestFiles(t *testing.T) {
	common := []string{".github/workflows/ci.yml", ".gitignore", "LICENSE", "Makefile", "README.md", "manifest.json"}
	own := map[string][]string{Go: {"go.mod", "main.go", "main_test.go"}, Python: {"plugin.py", "pyproject.toml", "test_plugin.py"}}
	each(t, func(t *testing.T, p *Project) {
		want := append(slices.Concat(common, own[p.Options.Language]), "fixtures/"+fixtures[p.Options.Kind]+".json")
		slices.Sort(want)
		var got []string
		for _, f := range p.Files {
			got = append(got, f.Name)
			if strings.Contains(string(f.Data), "<no value>") || !strings.HasSuffix(string(f.Data), "\n") || strings.HasSuffix(string(f.Data), "\n\n") {
				t.Errorf("%s is not filled in or does not end with one line feed", f.Name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("files %q, want %q", got, want)
		}
	})
}

// TestSmall is the promise of how little a plugin needs.
func TestSmall(t *testing.T) {
	most := map[string]int{Check: 30, Kernel: 60, Collector: 60}
	each(t, func(t *testing.T, p *Project) {
		name := map[string]string{Go: "main.go", Python: "plugin.py"}[p.Options.Language]
		if n := strings.Count(p.text(name), "\n"); n == 0 || n > most[p.Options.Kind] {
			t.Errorf("%s has %d lines, more than %d", name, n, most[p.Options.Kind])
		}
	})
}

func TestGoIsFormatted(t *testing.T) {
	each(t, func(t *testing.T, p *Project) {
		for _, f := range p.Files {
			if filepath.Ext(f.Name) != ".go" {
				continue
			}
			want, err := format.Source(f.Data)
			if err != nil || string(want) != string(f.Data) {
				t.Errorf("%s is not as gofmt writes it: %v", f.Name, err)
			}
		}
	})
}

// TestForms parses what other programs will.
func TestForms(t *testing.T) {
	each(t, func(t *testing.T, p *Project) {
		m, err := manifest.Parse([]byte(p.text("manifest.json")))
		if err != nil || m.Name != "few-things" || m.Version == "" || m.Executable == "" {
			t.Errorf("manifest %+v, %v", m, err)
		}
		if _, err := plugintest.ParseFixture([]byte(p.text("fixtures/" + fixtures[p.Options.Kind] + ".json"))); err != nil {
			t.Error(err)
		}
		if p.Options.Language == Go {
			f, err := modfile.Parse("go.mod", []byte(p.text("go.mod")), nil)
			if err != nil || f.Module.Mod.Path != "example.com/few-things" || f.Require[0].Mod.Version != "v"+Version() {
				t.Errorf("go.mod %+v, %v", f, err)
			}
		}
		if text := p.text("pyproject.toml"); p.Options.Language == Python && strings.Contains(text, "[kernels]") != (p.Options.Kind == Kernel) {
			t.Errorf("pyarrow is for kernels:\n%s", text)
		}
	})
}

var pinned = regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)

// TestActionsArePinned: a tag can be moved to other code.
func TestActionsArePinned(t *testing.T) {
	each(t, func(t *testing.T, p *Project) {
		var workflow struct {
			Jobs map[string]struct {
				Steps []struct{ Uses, Run string }
			}
		}
		if err := yaml.Unmarshal([]byte(p.text(".github/workflows/ci.yml")), &workflow); err != nil {
			t.Fatal(err)
		}
		runs := ""
		for _, s := range workflow.Jobs["plugin"].Steps {
			if s.Uses != "" && !pinned.MatchString(s.Uses) {
				t.Errorf("%s is not pinned by its commit", s.Uses)
			}
			runs += s.Run + "\n"
		}
		for _, want := range []string{"make test", "make contract", "make pack"} {
			if !strings.Contains(runs, want) {
				t.Errorf("the workflow does not %s", want)
			}
		}
	})
}

// TestMakefileHasWhatIsNamed: every command that a user is told to type exists.
func TestMakefileHasWhatIsNamed(t *testing.T) {
	each(t, func(t *testing.T, p *Project) {
		for _, command := range p.Next() {
			if target, ok := strings.CutPrefix(command, "make "); ok && !strings.Contains(p.text("Makefile"), "\n"+target+":") {
				t.Errorf("the Makefile has no target %s", target)
			}
		}
	})
}

func TestLicences(t *testing.T) {
	for _, l := range Licences() {
		p, err := New(Options{Kind: Check, Name: "a", Language: Go, Licence: l})
		if err != nil {
			t.Fatal(err)
		}
		if text := p.text("LICENSE"); len(text) < 500 || !strings.Contains(p.text("main.go"), "SPDX-License-Identifier: "+l+"\n") || !strings.Contains(p.text("manifest.json"), `"licence": "`+l+`"`) {
			t.Errorf("%s: a licence of %d bytes", l, len(text))
		}
	}
}

func TestWrongOptions(t *testing.T) {
	right := Options{Kind: Check, Name: "few-things", Language: Go}
	for option, change := range map[string]func(*Options){
		"kind": func(o *Options) { o.Kind = "probe" }, "language": func(o *Options) { o.Language = "rust" },
		"licence": func(o *Options) { o.Licence = "../MIT" }, "module": func(o *Options) { o.Module = "a b\nreplace" },
		"sdk": func(o *Options) { o.SDK = t.TempDir() },
	} {
		o := right
		change(&o)
		if _, err := New(o); !is(err, option) {
			t.Errorf("%s: %v", option, err)
		}
	}
	for _, name := range []string{"", "A", "1a", "a_b", "a b", "a\"b", "../a", "a-", "a--b", "gpu", "any", "con", "com1", "{{.Name}}", strings.Repeat("a", 64)} {
		o := right
		o.Name = name
		if _, err := New(o); !is(err, "name") {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func is(err error, option string) bool {
	e, ok := errors.AsType[*OptionError](err)
	return ok && e.Option == option && e.Error() != ""
}

// TestNothingIsOverwritten, and nothing is written beside what is there.
func TestNothingIsOverwritten(t *testing.T) {
	p, err := New(Options{Kind: Kernel, Name: "few-things", Language: Go})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		dir := t.TempDir()
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("nowhere", name); err != nil {
			t.Skip(err)
		}
		if exists, ok := errors.AsType[*ExistsError](p.Write(dir)); !ok || exists.Path != name {
			t.Errorf("%s: %v", f.Name, exists)
		}
		if n := countFiles(t, dir); n != 1 {
			t.Errorf("%s: %d files", f.Name, n)
		}
	}
	dir := t.TempDir()
	if err := p.Write(dir); err != nil || countFiles(t, dir) != len(p.Files) {
		t.Errorf("%d files, %v", countFiles(t, dir), err)
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// FuzzName: a name that is taken gives files that parse, whatever it is.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a", "few-cpus", "x9", "if", "import", "class", "main", "con"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, kind := range Kinds() {
			p, err := New(Options{Kind: kind, Name: name, Language: Go})
			if err != nil {
				return
			}
			if _, err := format.Source([]byte(p.text("main.go"))); err != nil {
				t.Error(err)
			}
			if m, err := manifest.Parse([]byte(p.text("manifest.json"))); err != nil || m.Name != name {
				t.Error(m, err)
			}
		}
	})
}

func ExampleNew() {
	p, err := New(Options{Kind: Check, Name: "few-cpus", Language: Go})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range p.Files {
		fmt.Println(f.Name)
	}
	// Output:
	// .github/workflows/ci.yml
	// .gitignore
	// LICENSE
	// Makefile
	// README.md
	// fixtures/one-cpu.json
	// go.mod
	// main.go
	// main_test.go
	// manifest.json
}
