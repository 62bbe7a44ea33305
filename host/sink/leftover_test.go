// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// TestSweep removes what killed processes left beside a target, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	stay := []string{".x.csv.new-", ".x.csv.new-ABCDEFGHIJKL.txt", ".x.csv.new-abcdefghijkl", ".y.csv.new-ABCDEFGHIJKL", "x.csv", "x.csv.new-ABCDEFGHIJKL"}
	for _, name := range append([]string{".x.csv.new-ABCDEFGHIJKL", ".x.csv.new-ABCDEFGHIJKL-plugin"}, stay...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := put(t, Spec{Path: path}, nil, batchOf(t, everything, rowsJSON)); err != nil {
		t.Fatal(err)
	}
	only(t, dir, stay...)
}

// TestSweepSparesTheLiving has two sinks of one target at the same time.
func TestSweepSparesTheLiving(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	batch := batchOf(t, everything, rowsJSON)
	first, err := Create(context.Background(), Spec{Path: path}, everything, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Create(context.Background(), Spec{Path: path}, everything, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Sink{first, second} {
		if err := s.Write(batch); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	only(t, dir, "x.csv")
}

// TestLongNames are those that leave no room for the ending of a draft.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("n", 250)
	if _, err := put(t, Spec{Path: filepath.Join(dir, name)}, nil, batchOf(t, everything, rowsJSON)); err != nil {
		t.Error(err)
	}
	only(t, dir, name)
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Skip(err)
	}
	for name, c := range map[string]struct {
		spec Spec
		says string
	}{
		"new file":      {Spec{Path: filepath.Join(dir, "new")}, ""},
		"old file":      {Spec{Path: file}, ""},
		"directory":     {Spec{Path: dir}, "Name a file in this directory"},
		"no directory":  {Spec{Path: filepath.Join(dir, "none", "x")}, "mkdir -p"},
		"below a file":  {Spec{Path: filepath.Join(file, "x")}, file},
		"device":        {Spec{Path: os.DevNull}, "a device"},
		"loop of links": {Spec{Path: loop}, "a symbolic link that leads to no file"},
		"compression":   {Spec{Path: file, Format: source.Arrow, Compression: "gzip"}, `"lz4"`},
	} {
		err := Check(c.spec)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	only(t, dir, "file", "loop")
}

// TestErrorsOfThePluginNameTheTarget and say that it is as it was.
func TestErrorsOfThePluginNameTheTarget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	cause := diag.Errorf("No room for the file", "The disk is full.")
	batch := batchOf(t, everything, rowsJSON)
	_, err := put(t, Spec{Path: path, Format: source.SQLite}, plugin{fail: cause}, batch)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Path != path || e.Summary != cause.Summary || !strings.Contains(e.Detail, "unchanged") || !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}
