// SPDX-License-Identifier: Apache-2.0

package staging

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

const author = `{"name": "few", "version": "0.1.0", "summary": "s", "licence": "MIT", "grants": []}`

// tree writes files; a name that ends with * can be executed.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		mode := os.FileMode(0o644)
		if rest, ok := strings.CutSuffix(name, "*"); ok {
			name, mode = rest, 0o755
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			below, _ := filepath.Rel(dir, name)
			out = append(out, filepath.ToSlash(below))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFind(t *testing.T) {
	script := strings.Replace(author, `"grants"`, `"runtime": {"python": ">=3.10"}, "grants"`, 1)
	several := map[string]string{"manifest.json": author, "linux_amd64/few": "l", "windows_amd64/few.exe": "w", "docs/x": "no platform"}
	for _, tt := range []struct {
		what     string
		files    map[string]string
		platform string
		want     []string
		wantErr  string
	}{
		{"the plugin itself", map[string]string{"manifest.json": author}, "", []string{release.Host()}, ""},
		{"the plugin itself, for another platform", map[string]string{"manifest.json": author}, "darwin_arm64", []string{"darwin_arm64"}, ""},
		{"a script", map[string]string{"manifest.json": script}, "", []string{"any"}, ""},
		{"several", several, "", []string{"linux_amd64", "windows_amd64"}, ""},
		{"one of several", several, "windows_amd64", []string{"windows_amd64"}, ""},
		{"none of several", several, "darwin_arm64", nil, "it has linux_amd64, windows_amd64"},
		{"no manifest", map[string]string{"few": "x"}, "", nil, "manifest.json"},
	} {
		found, err := Find(tree(t, tt.files), tt.platform)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%s: error %v", tt.what, err)
			}
		} else if err != nil || !slices.Equal(Platforms(found), tt.want) {
			t.Errorf("%s: %v, %v", tt.what, Platforms(found), err)
		}
	}
}

// TestStage: what is staged packs, and only once each name.
func TestStage(t *testing.T) {
	dir := tree(t, map[string]string{
		"manifest.json": author, "LICENSE": "free", "data/table.csv": "of all", ".git/HEAD": "x", "__pycache__/a.pyc": "x",
		"linux_amd64/few*": "program", "linux_amd64/data/table.csv": "of linux", "linux_amd64/.venv/x": "x", "windows_amd64/few.exe": "other",
	})
	found, err := Find(dir, "linux_amd64")
	if err != nil {
		t.Fatal(err)
	}
	before := list(t, dir)
	to := t.TempDir()
	s, err := found[0].Stage(to, "2.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, to), []string{"LICENSE", "data/table.csv", "few", "manifest.json"}; !slices.Equal(got, want) {
		t.Errorf("staged %q, want %q", got, want)
	}
	if data, _ := os.ReadFile(filepath.Join(to, "data/table.csv")); string(data) != "of linux" {
		t.Errorf("the table %q", data)
	}
	if !slices.Equal(before, list(t, dir)) {
		t.Error("the source changed")
	}
	m, err := manifest.Load(to)
	if err != nil || m.Version != "2.0.0" || m.Executable != "few" || s.Executable != filepath.Join(to, "few") {
		t.Errorf("%+v %+v, %v", m, s, err)
	}
	packed, err := archive.Pack(to, new(strings.Builder), archive.Options{})
	if err != nil || len(packed.Files) != 4 {
		t.Errorf("%+v, %v", packed, err)
	}
}

// TestExecutable finds programs by all their names.
func TestExecutable(t *testing.T) {
	for name, want := range map[string]string{"few": "few", "few.exe": "few.exe", "bulkhead-plugin-few": "bulkhead-plugin-few", "other": ""} {
		dir := tree(t, map[string]string{"manifest.json": author, name: "x"})
		s, err := Source{Platform: "any", Dir: dir}.Stage(t.TempDir(), "")
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "few or few.exe or bulkhead-plugin-few") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || filepath.Base(s.Executable) != want || s.Manifest.Executable != want {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestStageRefusesLinks(t *testing.T) {
	dir := tree(t, map[string]string{"manifest.json": author, "few": "x"})
	if err := os.Symlink("few", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if _, err := (Source{Platform: "any", Dir: dir}).Stage(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("error %v", err)
	}
}

func TestStageSaysWhatIsLeftOut(t *testing.T) {
	dir := tree(t, map[string]string{
		"manifest.json": author, ".env": "k", "linux_amd64/few*": "l", "linux_amd64/.env": "k", "linux_amd64/.git/HEAD": "h",
		"linux_amd64/lib/__pycache__/a.pyc": "p", "linux_amd64/lib/a.py": "a",
	})
	found, err := Find(dir, "linux_amd64")
	if err != nil {
		t.Fatal(err)
	}
	s, err := found[0].Stage(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{".env", ".git", "lib/__pycache__"}; !slices.Equal(s.LeftOut, want) {
		t.Errorf("left out %q, want %q", s.LeftOut, want)
	}
}
