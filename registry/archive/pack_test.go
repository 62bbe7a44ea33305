// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPackIsReproducible(t *testing.T) {
	files := plugin()
	want, p := pack(t, lay(t, files, false))
	other := lay(t, files, true)
	must(t, filepath.WalkDir(other, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		if info, _ := d.Info(); !d.IsDir() {
			must(t, os.Chmod(path, info.Mode()&0o700|0o400))
		}
		if os.Geteuid() == 0 {
			must(t, os.Lchown(path, 12345, 54321))
		}
		return os.Chtimes(path, time.Unix(1, 0), time.Unix(1e9, 0))
	}))
	for _, left := range []string{".git/config", ".env", "lib/.cache", "__pycache__/x.pyc", "lib/__pycache__/y.pyc"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(other, left)), 0o755))
		must(t, os.WriteFile(filepath.Join(other, left), []byte(left), 0o644))
	}
	must(t, os.Mkdir(filepath.Join(other, "empty"), 0o755))
	got, q := pack(t, other)
	if !bytes.Equal(want, got) || p.H1 != q.H1 || p.SHA256 != q.SHA256 {
		t.Error("a copy of a directory is packed into other bytes")
	}
	if want := []string{".env", ".git", "__pycache__", "lib/.cache", "lib/__pycache__"}; !slices.Equal(q.LeftOut, want) {
		t.Errorf("%q", q.LeftOut)
	}
}

func TestPackRefuses(t *testing.T) {
	change := func(name, content string) func(map[string]string) {
		return func(files map[string]string) { files[name] = content }
	}
	tests := map[string]struct {
		change func(map[string]string)
		rule   Rule
		text   string
	}{
		"no manifest":        {func(f map[string]string) { delete(f, "manifest.json") }, RuleManifest, "no manifest.json"},
		"unknown key":        {change("manifest.json", `{"name": "a", "colour": 1}`), RuleManifest, "colour"},
		"incomplete":         {change("manifest.json", `{"name": "scaler", "version": "1.0.0", "grants": []}`), RuleManifest, "lacks protocols, executable, digest"},
		"another executable": {change("scaler", "other"), RuleManifest, "digest"},
		"no executable":      {func(f map[string]string) { delete(f, "scaler") }, RuleManifest, "not there"},
		"backslash":          {change(`a\b`, ""), RuleName, `\`},
		"device":             {change("lib/aux.c", ""), RuleName, "device"},
		"clash":              {change("LIB/a.SO", ""), RuleClash, "one name"},
		"decomposed":         {change("data/cafe\u0301", ""), RuleName, "normalisation"},
	}
	for name, test := range tests {
		files := plugin()
		test.change(files)
		if runtime.GOOS != "linux" && (name == "clash" || test.rule == RuleName) {
			continue // the file system here cannot hold such names
		}
		_, err := Pack(lay(t, files, false), io.Discard, Options{})
		refused(t, name, err, test.rule, test.text)
	}
}

func refused(t *testing.T, name string, err error, rule Rule, text string) {
	t.Helper()
	e, ok := errors.AsType[*RefusedError](err)
	if !ok || e.Rule != rule || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v; want the rule %s and %q", name, err, rule, text)
	}
}

func TestPackRefusesWhatIsNoFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such files on Windows")
	}
	tests := map[Rule]func(name string) error{
		RuleLink: func(name string) error { return os.Symlink("scaler", name) },
		RuleMode: func(name string) error {
			return errors.Join(os.WriteFile(name, nil, 0o644), os.Chmod(name, 0o755|fs.ModeSetuid))
		},
		RuleSpecial: makePipe,
	}
	for rule, make := range tests {
		dir := lay(t, plugin(), false)
		must(t, make(filepath.Join(dir, "lib", "odd")))
		_, err := Pack(dir, io.Discard, Options{})
		refused(t, string(rule), err, rule, "lib/odd")
	}
	if _, err := Pack(filepath.Join(t.TempDir(), "none"), io.Discard, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestPackNoticesChanges(t *testing.T) {
	dir := lay(t, plugin(), false)
	_, err := Pack(dir, io.Discard, Options{Progress: func(name string, _ int64) {
		if name == "lib/a.so" {
			must(t, os.WriteFile(filepath.Join(dir, "lib", "a.so"), []byte("short"), 0o755))
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "changed while it was packed") {
		t.Error(err)
	}
}

func TestPackReportsAFailedWrite(t *testing.T) {
	full := errors.New("the disk is full")
	if _, err := Pack(lay(t, plugin(), false), failing{full}, Options{}); !errors.Is(err, full) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
