// SPDX-License-Identifier: Apache-2.0

package network

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestCertificatesAreFoundWithoutLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bundle.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := file
	if runtime.GOOS != "windows" {
		link = filepath.Join(dir, "link.pem")
		if err := os.Symlink("bundle.pem", link); err != nil {
			t.Fatal(err)
		}
	}
	missing := filepath.Join(dir, "missing")
	for _, c := range []struct {
		name, chosen string
		usual        []string
		want         string
	}{
		{"the second place", "", []string{missing, link}, file},
		{"chosen by the environment", link, []string{missing}, file},
		{"a chosen file that is missing", missing, []string{file}, file},
		{"a directory", dir, nil, ""},
		{"a relative name", "bundle.pem", nil, ""},
		{"nowhere", "", nil, ""},
	} {
		if got := certificates(c.chosen, c.usual); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
