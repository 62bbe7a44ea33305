// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// TestPrinted: what -print shows is a file that reads back as the pipeline.
func TestPrinted(t *testing.T) {
	p := ridge("rows.csv")
	var out bytes.Buffer
	if err := print(&out, p); err != nil {
		t.Fatal(err)
	}
	if q, err := pipeline.Parse(out.Bytes(), "p.hcl"); err != nil || !p.Equal(q) {
		t.Errorf("%v\n%s", err, out.Bytes())
	}
}

// TestRace runs the example with the host that `make build` left.
func TestRace(t *testing.T) {
	bin := os.Getenv("BULKHEAD_TEST_BIN")
	if bin == "" {
		t.Skip("BULKHEAD_TEST_BIN names no directory with a built host; `make test` does")
	}
	path, err := filepath.Abs(filepath.Join(bin, "bulkhead"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	data, err := filepath.Abs("../breast-cancer/breast_cancer.csv")
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "XDG_STATE_HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir())
	var out bytes.Buffer
	if err := race(t.Context(), &out, pipeline.Host{Path: path, Dir: t.TempDir(), Env: env}, ridge(data)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "alpha 0.01") || !strings.Contains(lines[4], "R2 0.") {
		t.Errorf("printed\n%s", out.String())
	}
}
