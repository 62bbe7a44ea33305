// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
)

// TestNamedHCLLoads loads the blocks of a page that name a file, such as those
// of a module and of its user, as the files of one directory.
func TestNamedHCLLoads(t *testing.T) {
	loaded := 0
	for _, page := range pages(t) {
		dir := t.TempDir()
		named := 0
		for _, f := range fences(page, read(t, page)) {
			file, ok := strings.CutPrefix(f.language, "hcl ")
			if !ok {
				continue
			}
			named++
			writeNamed(t, filepath.Join(dir, filepath.FromSlash(file)), f)
		}
		if named == 0 {
			continue
		}
		loaded++
		if _, diags := config.Load(t.Context(), config.LoadOptions{Paths: []string{dir}}); diags.HasErrors() {
			t.Errorf("the files of %s do not load: %v", page, diags.Err())
		}
	}
	if loaded == 0 {
		t.Error("no page names the file of an HCL block")
	}
}

// writeNamed writes a block into its file, if it is as `bulkhead fmt` writes it.
func writeNamed(t *testing.T, file string, f fence) {
	t.Helper()
	formatted, diags := config.Format(file, []byte(f.text))
	if diags.HasErrors() || string(formatted) != f.text {
		t.Errorf("%s:%d is not in the form that `bulkhead fmt` writes:\n%s", f.page, f.line, formatted)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(f.text), 0o600); err != nil {
		t.Fatal(err)
	}
}
