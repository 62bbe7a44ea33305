// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSpecs(t *testing.T) {
	path := write(t, "a,b\n1,2\n")
	for name, c := range map[string]struct {
		spec Spec
		says string
	}{
		"format":         {Spec{Path: path, Format: "xls"}, "csv, jsonl, parquet"},
		"two places":     {Spec{Path: path, URL: "http://x/"}, "A file and an address"},
		"query of CSV":   {Spec{Path: path, Query: "SELECT 1"}, "sqlite source"},
		"both":           {Spec{Path: path, Format: SQLite, Query: "SELECT 1", Table: "t"}, "Give one of them up"},
		"secret in URL":  {Spec{URL: "http://u:geheim@h/x?key=geheim", Format: "xls"}, "http://u:xxxxx@h/x?..."},
		"broken URL":     {Spec{URL: "http://[::1", Format: "xls"}, "the address of the source"},
		"tab and quotes": {Spec{Path: path, Delimiter: '\r'}, "Delimiter"},
		"wide delimiter": {Spec{Path: path, Delimiter: '；'}, "Delimiter"},
		"type's unit":    {Spec{Path: path, Types: map[string]string{"a": "timestamp[h]"}}, "timestamp[UNIT, ZONE]"},
	} {
		_, err := Open(context.Background(), c.spec, nil)
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Error(), c.says) || strings.Contains(e.Error(), "geheim") {
			t.Errorf("%s: error %v does not say %q", name, err, c.says)
		}
	}
}

// TestKeysOfTheConfiguration are written so that they can be pasted.
func TestKeysOfTheConfiguration(t *testing.T) {
	for name, want := range map[string]string{"a": "a", "a_1": "a_1", "1a": `"1a"`, "a b": `"a b"`, "größe": `"größe"`, `a"b`: `"a\"b"`} {
		if got := hclKey(name); got != want {
			t.Errorf("%q is written %s, want %s", name, got, want)
		}
	}
}

// TestReplacedWhileItIsRead puts another file in the place of one that is being
// read, or grows it.
func TestReplacedWhileItIsRead(t *testing.T) {
	content := "a,b\n" + strings.Repeat("1,2\n", 200000)
	old := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(path string) error{
		"grown":   func(path string) error { return os.WriteFile(path, []byte(content+"3,4\n"), 0o600) },
		"touched": func(path string) error { return os.Chtimes(path, old, old) },
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, content)
			tab, err := Open(context.Background(), Spec{Path: path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var last error
			steps := 0
			for _, last = range tab.Batches(context.Background()) {
				if steps++; steps == 1 {
					if err := change(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			if last == nil || !strings.Contains(last.Error(), "changed") {
				t.Errorf("error %v", last)
			}
		})
	}
	path, other := write(t, content), filepath.Join(t.TempDir(), "other")
	tab, err := Open(context.Background(), Spec{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(other, []byte(content), 0o600), os.Chtimes(other, info.ModTime(), info.ModTime()), os.Rename(other, path)); err != nil {
		t.Fatal(err)
	}
	for _, err = range tab.Batches(context.Background()) {
		if err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("another file of the same size and time: error %v", err)
	}
}
