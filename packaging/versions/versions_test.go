// SPDX-License-Identifier: Apache-2.0

package versions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes a source tree that names versions.
func tree(t *testing.T, python, changelog string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{pythonFile: python, changelogFile: changelog} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheck(t *testing.T) {
	const older = "\n## [0.1.0] - 2026-01-01\n"
	for _, c := range []struct{ name, want, python, changelog, tag, err string }{
		{"all agree", "0.2.0", "0.2.0", "## [0.2.0] - 2026-12-01" + older, "v0.2.0", ""},
		{"not released yet", "0.2.0", "0.2.0", "## [0.2.0] - unreleased" + older, "", ""},
		{"the day is missing", "0.2.0", "0.2.0", "## [0.2.0] - unreleased" + older, "v0.2.0", "for the day of release"},
		{"another tag", "0.2.0", "0.2.0", "## [0.2.0] - 2026-12-01", "v0.2.1", "the tag is v0.2.1"},
		{"a tag without v", "0.2.0", "0.2.0", "## [0.2.0] - 2026-12-01", "0.2.0", "the tag is 0.2.0"},
		{"python is older", "0.2.0", "0.1.0", "## [0.2.0] - 2026-12-01", "v0.2.0", "_version.py says 0.1.0"},
		{"changelog is older", "0.2.0", "0.2.0", older, "v0.2.0", "CHANGELOG.md says 0.1.0"},
		{"a candidate, as Python writes it", "0.2.0-rc.1", "0.2.0rc1", "## [0.2.0-rc.1] - 2026-12-01", "v0.2.0-rc.1", ""},
		{"a candidate, as Python does not", "0.2.0-rc.1", "0.2.0-rc.1", "## [0.2.0-rc.1] - 2026-12-01", "", "_version.py"},
		{"windows line breaks", "0.2.0", "0.2.0", "# Changelog\r\n\r\n## [0.2.0] - 2026-12-01\r\n", "v0.2.0", ""},
		{"no heading", "0.2.0", "0.2.0", "# Changelog\n", "", "CHANGELOG.md names no version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := check(tree(t, "VERSION = \""+c.python+"\"\n", c.changelog), c.want, c.tag)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, want %q", err, c.err)
			}
		})
	}
}

// TestTellsAllAtOnce: one run names everything that is to be changed.
func TestTellsAllAtOnce(t *testing.T) {
	err := check(tree(t, "VERSION = \"1\"\n", "## [2] - unreleased\n"), "3.0.0", "v4")
	for _, want := range []string{"says 1,", "says 2,", "the tag is v4", "unreleased"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if err := check(t.TempDir(), "1.0.0", ""); err == nil {
		t.Error("an empty tree passes")
	}
}
