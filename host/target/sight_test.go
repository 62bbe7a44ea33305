// SPDX-License-Identifier: Apache-2.0

package target

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

func reading(paths ...string) (out []manifest.Grant) {
	for _, p := range paths {
		out = append(out, manifest.Grant{Kind: manifest.Read, Path: p})
	}
	return out
}

// One look sees one moment; the next one sees what has changed.
func TestLookIsOneMoment(t *testing.T) {
	for name, m := range map[string]*Machine{"live": liveMachine(t), "root": machineWith(t, "/project/a.py")} {
		t.Run(name, func(t *testing.T) {
			m.ProjectDir = map[bool]string{true: m.ProjectDir, false: "/project"}[m.Live()]
			writeFile(t, m.host(m.ProjectDir), "a.py", "")
			grants := reading("./*.py", "./later/x")
			first := m.Look()
			before := binds(first.Expand(grants))
			writeFile(t, m.host(m.ProjectDir), "b.py", "")
			writeFile(t, m.host(m.ProjectDir), "later/x", "")
			if again := binds(first.Expand(grants)); len(before) != 1 || !reflect.DeepEqual(again, before) {
				t.Errorf("%q, then %q by the same look", before, again)
			}
			if now := binds(m.Expand(grants)); len(now) != 3 {
				t.Errorf("a new look gives %q", now)
			}
		})
	}
}

// Plugins that share a look see what each would see by itself, also at the same
// time.
func TestSharedLookGivesTheSame(t *testing.T) {
	live := liveMachine(t)
	root := machineWith(t, "/opt/env/bin/python3", "/opt/env/lib/x", "/usr/lib/python3.11/os.py", "/data/one/x", "/data/two/x")
	link(t, "../usr/lib/../../data/one", root.host("/opt/to"))
	link(t, "loop", root.host("/opt/loop"))
	link(t, "one/../two", root.host("/data/other"))
	for _, m := range []*Machine{live, root} {
		grants := [][]manifest.Grant{
			reading("/data/*/x", "/data/one", "/opt/to/x", "/opt/loop/x", "/data/other/x", "./*.py", "~/.conda/envs/*/bin/python*"),
			reading("/opt/env/lib", "/opt/env/lib/x/y", "/opt/*", "/usr/lib/python3*", "~/.conda/environments.txt", "/proc/self/status"),
			reading("/opt/loop", "/opt/to", "/data/one/x", "/no/such/place", "/no/such/*"),
		}
		look := m.Look()
		var wg sync.WaitGroup
		for _, g := range append(grants, grants...) {
			wg.Go(func() {
				if got, want := look.Expand(g), m.Expand(g); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %+v, alone %+v", m.Root, got, want)
				}
			})
		}
		wg.Wait()
	}
}

// What links say is followed name by name, as the kernel does.
func TestLinksAreFollowedByName(t *testing.T) {
	m := machineWith(t, "/data/deep/er/x", "/data/x")
	link(t, "/data/deep/er", m.host("/in"))
	link(t, "in/../x", m.host("/up")) // in leads to /data/deep/er
	link(t, "in/../er/x", m.host("/down"))
	writeFile(t, m.host("/data/deep"), "y", "")
	link(t, "/in/../y", m.host("/absolute"))
	files, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	for p, want := range map[string]string{"/in/x": "/data/deep/er/x", "/down": "/data/deep/er/x", "/absolute": "/data/deep/y", "/up": "", "/data/x/z": ""} {
		got, err := files.resolve(p)
		if got != want && want != "" || (want == "") != (err != nil) {
			t.Errorf("%s leads to %q (%v), want %q", p, got, err, want)
		}
	}
}

// Of errors only absence is kept.
func TestMemoKeepsAnswers(t *testing.T) {
	denied := &fs.PathError{Op: "stat", Err: syscall.EACCES}
	for _, tt := range []struct {
		err  error
		asks int
	}{{nil, 1}, {fs.ErrNotExist, 1}, {&fs.PathError{Op: "stat", Err: syscall.ENOTDIR}, 1}, {denied, 2}, {errors.New("other"), 2}} {
		var m memo[int]
		asks := 0
		ask := func() (int, error) { asks++; return asks, tt.err }
		_, _ = m.get("/a", ask)
		if v, err := m.get("/a", ask); asks != tt.asks || v != asks || !errors.Is(err, tt.err) {
			t.Errorf("%v: asked %d times, %d, %v", tt.err, asks, v, err)
		}
	}
}

// A directory that is not there is asked for once, however many grants name
// something in it.
func TestAbsenceIsShared(t *testing.T) {
	m := liveMachine(t)
	files, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	gone := m.Home + "/gone"
	for _, p := range []string{gone + "/a/b/x", gone + "/a/c/x", gone + "/d/x"} {
		if _, err := files.lstat(p); !absent(err) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if err := os.MkdirAll(filepath.FromSlash(gone+"/e"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := files.stat(gone + "/e"); !absent(err) {
		t.Errorf("%s was looked for again: %v", gone, err)
	}
}
