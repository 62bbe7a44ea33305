// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

//go:embed templates/*.tmpl
var ciTemplates embed.FS

// ciFiles are what `bulkhead init ci` writes, by template.
var ciFiles = []struct{ template, name string }{
	{"workflow.yml.tmpl", ".github/workflows/bulkhead.yml"},
	{"pre-commit.yaml.tmpl", ".pre-commit-config.yaml"},
}

// initCI is what `bulkhead init ci` did.
type initCI struct {
	SchemaVersion string   `json:"schema_version"`
	Written       []string `json:"written"`
	// Kept are files that were there and are not overwritten.
	Kept []string `json:"kept"`

	dir string
}

func (a *app) initCICmd() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "ci [DIR]", Short: "Write a GitHub Actions workflow and pre-commit hooks",
		Long: "Ci writes .github/workflows/bulkhead.yml, which checks the configuration, brings\n" +
			"the locked plugins and diagnoses the runner, and .pre-commit-config.yaml, whose\n" +
			"hooks check the configuration before each commit. A file that is there is kept.",
		Args: atMost(1, "at most one directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context(), nil, nil)
			if err != nil {
				return err
			}
			defer s.close()
			return a.initCI(strings.Join(args, ""), force, s)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite what is there")
	return cmd
}

func (a *app) initCI(dir string, force bool, s *session) error {
	if dir == "" {
		dir = "."
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return misuse("%s is no directory; name the top of your repository", dir)
	}
	out := initCI{SchemaVersion: report.SchemaVersion, Written: []string{}, Kept: []string{}, dir: dir}
	for _, f := range ciFiles {
		text, err := ciText(f.template, s)
		if err != nil {
			return failed("A template cannot be filled in", err)
		}
		switch err := writeNew(filepath.Join(dir, filepath.FromSlash(f.name)), text, force); {
		case errors.Is(err, fs.ErrExist):
			out.Kept = append(out.Kept, f.name)
		case err != nil:
			return failed("A file could not be written", err)
		default:
			out.Written = append(out.Written, f.name)
		}
	}
	return a.result(out)
}

// ciText fills in a template.
func ciText(name string, s *session) ([]byte, error) {
	t, err := template.ParseFS(ciTemplates, "templates/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		Version          string
		Config, Registry bool
	}{version.Version, s.cfg != nil, len(registryPlugins(s.cfg)) > 0})
	return out.Bytes(), err
}

// writeNew writes a file and the directories on the way; fs.ErrExist when it is
// there already.
func writeNew(name string, text []byte, force bool) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// WriteJSON writes what was done as one JSON document.
func (i initCI) WriteJSON(w io.Writer) error { return writeJSON(w, i) }

// WriteText says what was written and what to do next.
func (i initCI) WriteText(w io.Writer, _ report.Options) error {
	for _, name := range i.Written {
		fmt.Fprintf(w, "wrote %s\n", report.CleanLine(filepath.Join(i.dir, name)))
	}
	for _, name := range i.Kept {
		fmt.Fprintf(w, "kept %s, which was there; --force overwrites it\n", report.CleanLine(filepath.Join(i.dir, name)))
	}
	_, err := fmt.Fprintln(w, "\nCommit these files; `pre-commit install` puts the hooks to work.")
	return err
}
