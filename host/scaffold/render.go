// SPDX-License-Identifier: Apache-2.0

package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// sdkModule is the module that holds the SDK.
const sdkModule = "github.com/bulkhead-ml/bulkhead"

//go:embed templates
var templates embed.FS

// defaultLicence is that of Bulkhead itself.
const defaultLicence = "Apache-2.0"

// Licences lists the licences whose text a project can be given, by their SPDX
// identifiers.
func Licences() []string { return []string{defaultLicence, "BSD-3-Clause", "MIT"} }

// output is one file of a project and the template that it is made of.
type output struct{ name, template string }

// outputs are the files of a project.
func outputs(o Options) []output {
	common := []output{
		{"LICENSE", "licences/" + o.Licence}, {".gitignore", o.Language + "/gitignore"}, {"Makefile", o.Language + "/Makefile"},
		{"README.md", o.Language + "/README.md"}, {"manifest.json", "manifest.json"}, {".github/workflows/ci.yml", o.Language + "/ci.yml"},
		{"fixtures/" + fixtures[o.Kind] + ".json", o.Kind + "-fixture.json"},
	}
	if o.Language == Python {
		return append(common, output{"plugin.py", "python/" + o.Kind + ".py"}, output{"test_plugin.py", "python/test_" + o.Kind + ".py"},
			output{"pyproject.toml", "python/pyproject.toml"})
	}
	return append(common, output{"main.go", "go/" + o.Kind + ".go"}, output{"main_test.go", "go/main_test.go"}, output{"go.mod", "go/go.mod"})
}

// fixtures are the names of the example's fixtures.
var fixtures = map[string]string{Check: "one-cpu", Kernel: "edges", Collector: "quiet"}

// blanks are what templates fill in. All of them have been checked.
type blanks struct {
	Options
	Word       string // the name as one word: "few_cpus"
	Executable string
	Version    string // of the SDK
	Year       int
	Requires   []string // other modules that the SDK needs, as lines of go.mod
}

// funcs are what templates can call.
var funcs = template.FuncMap{
	// expression is one of the workflow language, whose braces are those of templates.
	"expression": func(text string) string { return "${{ " + text + " }}" },
}

// render fills in the templates of a project.
func render(o Options) ([]File, error) {
	b := blanks{Options: o, Word: strings.ReplaceAll(o.Name, "-", "_"), Executable: o.Name, Version: version.Version, Year: time.Now().UTC().Year()}
	var files []File
	switch {
	case o.Language == Python:
		b.Executable = "plugin.py"
	case o.SDK != "":
		sums, err := os.ReadFile(filepath.Join(o.SDK, "go.sum"))
		if err != nil {
			return nil, &OptionError{"sdk", o.SDK, "its go.sum cannot be read: " + err.Error()}
		}
		if b.Requires, err = requires(o.SDK); err != nil {
			return nil, err
		}
		files = append(files, File{"go.sum", sums})
	}
	for _, out := range outputs(o) {
		data, err := b.fill(out.template)
		if err != nil {
			return nil, err
		}
		files = append(files, File{out.name, data})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

func (b blanks) fill(name string) ([]byte, error) {
	text, err := templates.ReadFile("templates/" + name + ".tmpl")
	if err != nil {
		return nil, err
	}
	t, err := template.New(name).Funcs(funcs).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, b); err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	return out.Bytes(), nil
}
