// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
)

// A script brings packages in a directory of its own, never through a link.
func TestPackages(t *testing.T) {
	dir := t.TempDir()
	script, site := filepath.Join(dir, "x.py"), filepath.Join(dir, plugin.PackagesName)
	if got := packages(script); got != "" {
		t.Errorf("without any: %q", got)
	}
	if err := os.Mkdir(site, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := packages(script); got != site {
		t.Errorf("got %q", got)
	}
	if err := os.Remove(site); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), site); err != nil {
		t.Skip(err)
	}
	if got := packages(script); got != "" {
		t.Errorf("through a link: %q", got)
	}
}
