// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFollowPlace(t *testing.T) {
	dir := t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "real"), nil, 0o755)
	for name, to := range map[string]string{
		"python": "python3", "python3": "/usr/bin/python3.11", "up": "../base/python", "loop": "loop", "dir": ".",
		"tmp": "/tmp/python", "root": "/", "absent": "no-such-file", "other": "/opt/lib/x",
	} {
		err = errors.Join(err, os.Symlink(to, filepath.Join(dir, name)))
	}
	if err != nil {
		t.Skip(err)
	}
	binds := []Bind{{Source: dir, Target: "/opt/venv"}, {Source: dir, Target: "/opt/lib"}}
	for place, want := range map[string]string{
		ProgramPath: ProgramPath, "/opt/alone/python": "/opt/alone/python", "/opt/venv/real": "/opt/venv/real",
		"/opt/venv/python": "/usr/bin/python3.11", "/opt/venv/dir/python": "/usr/bin/python3.11", "/opt/venv/up": "/opt/base/python",
		"/opt/venv/loop": "too many links", "/opt/venv/tmp": "lies in /tmp", "/opt/venv/root": "clean path of a file",
		"/opt/venv/absent": "has no such file", "/opt/venv/other": "has no such file",
	} {
		got, err := followPlace(place, binds)
		if err != nil && (strings.HasPrefix(want, "/") || !strings.Contains(err.Error(), want)) || err == nil && got != want {
			t.Errorf("%s leads to %q, %v; want %q", place, got, err, want)
		}
	}
}
