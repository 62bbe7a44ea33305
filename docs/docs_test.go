// SPDX-License-Identifier: Apache-2.0

// Package docs_test holds the documentation to what the program does: examples
// load, commands exist, links lead somewhere, versions agree.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// root is the project's directory.
const root = ".."

// read returns a file of the project with its line breaks as LF.
func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// pages lists every Markdown file of the project that people read.
func pages(t *testing.T) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(name string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".md" {
			out = append(out, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range out {
		out[i] = strings.TrimPrefix(filepath.ToSlash(name), root+"/")
	}
	if len(out) < 20 {
		t.Fatalf("only %d pages found: %v", len(out), out)
	}
	return out
}

// fence is one block of code in a page.
type fence struct {
	page, language, text string
	line                 int
}

// fences returns the blocks of a page.
func fences(page, text string) []fence {
	var out []fence
	open := false
	for i, line := range strings.Split(text, "\n") {
		language, edge := strings.CutPrefix(line, "```")
		switch {
		case edge && !open:
			out = append(out, fence{page: page, language: language, line: i + 2})
			open = true
		case edge:
			open = false
		case open:
			out[len(out)-1].text += line + "\n"
		}
	}
	return out
}

// blocks returns every block of a language outside of generated pages.
func blocks(t *testing.T, language string) []fence {
	t.Helper()
	var out []fence
	for _, page := range pages(t) {
		for _, f := range fences(page, read(t, page)) {
			if f.language == language && !strings.HasPrefix(page, "docs/reference/") {
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no block of %s found in any page", language)
	}
	return out
}

func TestHCLLoads(t *testing.T) {
	for _, f := range blocks(t, "hcl") {
		file := filepath.Join(t.TempDir(), "bulkhead.hcl")
		if err := os.WriteFile(file, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := config.Load(t.Context(), config.LoadOptions{Paths: []string{file}})
		if diags.HasErrors() {
			t.Errorf("%s:%d does not load: %v", f.page, f.line, diags.Err())
		}
		formatted, diags := config.Format(file, []byte(f.text))
		if diags.HasErrors() || string(formatted) != f.text {
			t.Errorf("%s:%d is not in the form that `bulkhead fmt` writes:\n%s", f.page, f.line, formatted)
		}
	}
}

// TestGoIsReal wants every Go block of the guides in a file that is compiled.
func TestGoIsReal(t *testing.T) {
	sources := []string{"examples/hello-check/main.go", "examples/hello-kernel/main.go", "examples/hello-ledger/main.go", "examples/hello-check/main_test.go", "docs/authors_test.go", "docs/authors_kernels_test.go"}
	for _, f := range blocks(t, "go") {
		if !slices.ContainsFunc(sources, func(name string) bool { return strings.Contains(read(t, name), f.text) }) {
			t.Errorf("%s:%d is in none of %v, so nothing compiles it", f.page, f.line, sources)
		}
	}
	check := read(t, "examples/hello-check/main.go")
	if !strings.Contains(read(t, "README.md"), "```go\n"+check+"```\n") {
		t.Error("the README does not show examples/hello-check/main.go as it is")
	}
}

// TestReadmeBeginsWithTwoCommands wants what a newcomer types first.
func TestReadmeBeginsWithTwoCommands(t *testing.T) {
	var commands []string
	for _, f := range fences("README.md", read(t, "README.md")) {
		for line := range strings.Lines(f.text) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "git clone") && !strings.HasPrefix(line, "cd ") {
				commands = append(commands, line)
			}
		}
	}
	if got := commands[:2]; !slices.Equal(got, []string{"make run", "make test"}) {
		t.Errorf("the first two commands are %q", got)
	}
}

// TestReadmeShowsTheExample wants the pipeline that `make run` runs.
func TestReadmeShowsTheExample(t *testing.T) {
	example := read(t, "examples/breast-cancer/bulkhead.hcl")
	for _, f := range fences("README.md", read(t, "README.md")) {
		if f.language == "hcl" && strings.Contains(example, f.text) {
			return
		}
	}
	t.Error("the README does not show examples/breast-cancer/bulkhead.hcl as it is")
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(withoutFences(read(t, page)), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			info, err := os.Stat(filepath.Join(root, file))
			if err != nil {
				t.Errorf("%s links to %s, which does not exist", page, m[1])
				continue
			}
			if anchor != "" && !info.IsDir() && !slices.Contains(anchors(read(t, file)), anchor) {
				t.Errorf("%s links to %s, and %s has no such heading", page, m[1], file)
			}
		}
	}
}

// withoutFences blanks blocks of code, in which brackets are no links.
func withoutFences(text string) string {
	var out strings.Builder
	open := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			open = !open
		} else if !open {
			out.WriteString(line)
		}
	}
	return out.String()
}

var heading = regexp.MustCompile(`(?m)^#+ (.+)$`)

// anchors are the names that headings get: lower case, dashes for spaces, no
// punctuation.
func anchors(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(withoutFences(text), -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(name, " ", "-"))
	}
	return out
}

func TestChangelogAgrees(t *testing.T) {
	m := regexp.MustCompile(`(?m)^## \[([^\]]+)\]`).FindStringSubmatch(read(t, "CHANGELOG.md"))
	if m == nil || m[1] != version.Version {
		t.Errorf("the top entry of CHANGELOG.md is %v, and this is version %s", m, version.Version)
	}
}

// TestDependenciesAreListed wants a line for every module that go.mod requires
// directly, with its version, and none for one that it does not.
func TestDependenciesAreListed(t *testing.T) {
	mod, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+\.\S+/\S+|\S+\.net/\S+) \| (v\S+) \|`).FindAllStringSubmatch(read(t, "docs/dependencies.md"), -1) {
		listed[row[1]] = row[2]
	}
	required := map[string]string{}
	for _, r := range mod.Require {
		required[r.Mod.Path] = r.Mod.Version
		if !r.Indirect && listed[r.Mod.Path] != r.Mod.Version {
			t.Errorf("go.mod has %s %s; docs/dependencies.md says %q", r.Mod.Path, r.Mod.Version, listed[r.Mod.Path])
		}
	}
	for path, v := range listed {
		if required[path] != v {
			t.Errorf("docs/dependencies.md lists %s %s; go.mod has %q", path, v, required[path])
		}
	}
}
