// SPDX-License-Identifier: Apache-2.0

package learn_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/target"
)

// project has files below directories, and a link out of one of them.
func project(t *testing.T) *target.Machine {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"deep/er/config.json", "deep/er/secret", "logs/today/a.log", "logs/today/b.log", "runs/first/metrics.json", "runs/second/metrics.json", "data/data.csv"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"linked": "data", "deep/er/latest": "config.json"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := target.This(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// One strict run tells all that a plugin looks for, also below directories that it
// sees nothing of, and with that nothing is refused any more.
func TestOneRunTellsTheWhole(t *testing.T) {
	exe, machine := built(t, "seeker"), project(t)
	first := collect(t, exe, machine, nil)
	want := []string{"read ./deep/er/config.json", "read ./deep/er/latest", "read ./linked/data.csv", "read ./logs/today", "read ./runs/*/metrics.json"}
	if got := names(first.Grants); !slices.Equal(got, want) {
		t.Fatalf("proposed %q\n%+v", got, first)
	}
	if !slices.Contains(first.Absent, filepath.Join(machine.ProjectDir, "nowhere/at/all")) {
		t.Errorf("absent %q", first.Absent)
	}
	second := collect(t, exe, machine, first.Grants)
	if got := names(second.Grants); len(second.Refused)+len(second.Unused) > 0 || !slices.Equal(got, want) {
		t.Errorf("with the proposal: refused %q, unused %v, proposed %q", refused(second), second.Unused, got)
	}
}

// A directory of which a plugin sees a part, because another grant lies in it, is one
// that it lists all the same.
func TestPartOfADirectory(t *testing.T) {
	exe, machine := built(t, "seeker"), project(t)
	whole := collect(t, exe, machine, nil).Grants
	for i, g := range whole {
		switch g.Path {
		case "./logs/today":
			whole[i].Path = "./logs/today/a.log"
		case "./runs/*/metrics.json":
			whole[i].Path = "./runs/first/metrics.json"
		}
	}
	p := collect(t, exe, machine, whole)
	if got, want := refused(p), []string{"read ./logs/today", "read ./runs/*/metrics.json"}; !slices.Equal(got, want) {
		t.Errorf("refused %q, proposed %q", got, names(p.Grants))
	}
}

// A directory that is shown for the sake of a pattern is shown as that was asked for.
func TestDirectoryOfAPattern(t *testing.T) {
	exe, machine := built(t, "seeker"), project(t)
	whole := collect(t, exe, machine, nil).Grants
	for i, g := range whole {
		if g.Path == "./logs/today" {
			whole[i].Path = "./logs/today/*.log"
		}
	}
	if p := collect(t, exe, machine, whole); len(p.Refused) > 0 {
		t.Errorf("refused %q", refused(p))
	}
}
