// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

func machineOf(t *testing.T) (words, string) {
	home := t.TempDir()
	return words{&target.Machine{
		Home: home, ProjectDir: home + "/project", ProcessDir: "/proc/4711", Pythons: []string{home + "/venv"},
		Env: map[string]string{"CUDA_HOME": home, "HF_HOME": "/no/such/directory", "ROOT_DIR": "/", "BULKHEAD_X_DIR": home},
	}}, home
}

// Paths come back in the words of manifests, and a word covers what it stands for.
func TestWords(t *testing.T) {
	w, home := machineOf(t)
	for p, want := range map[string]string{
		home + "/project/data/x": "./data/x", home + "/venv/bin/python": manifest.Python, "/proc/4711/limits": "${process}/limits",
		"/proc/47110/limits": "/proc/47110/limits", "/etc/hosts": "/etc/hosts", home + "x/y": home + "x/y",
	} {
		got := w.fold(p)
		if got != want {
			t.Errorf("%s is %s, want %s", p, got, want)
		}
		if !w.covers(got, p) {
			t.Errorf("%s does not cover %s", got, p)
		}
	}
	if got := w.fold(home + "/.cache/x"); got != "~/.cache/x" {
		t.Errorf("%s in the home", got)
	}
	w.Env = map[string]string{"LIBS": "/a/b:/c/d"}
	for granted, p := range map[string]string{"$LIBS/x*": "/c/d/xyz/deep", "/sys/*/y": "/sys/a/y", "~/a": home + "/a"} {
		if !w.covers(granted, p) || w.covers(granted, "/q"+p) {
			t.Errorf("%s and %s", granted, p)
		}
	}
}

// Many files become their directory, those of a kind a glob, and a listed directory
// stands for what is in it.
func TestGroup(t *testing.T) {
	w, _ := machineOf(t)
	j := &judge{words: w}
	read := func(paths ...string) (out []Mark) {
		for _, p := range paths {
			out = append(out, Mark{Path: p, Use: sandbox.UseRead, Count: 1, Found: true})
		}
		return out
	}
	listed := Mark{Path: "/opt/thing/d", Use: sandbox.UseRead, Directory: true, Found: true}
	for name, c := range map[string]struct {
		marks []Mark
		want  string
	}{
		"apart":      {read("/etc/a", "/opt/thing/x"), "/etc/a /opt/thing/x"},
		"a kind":     {read("/proc/driver/nvidia/gpus/0000:01:00.0/information", "/proc/driver/nvidia/gpus/0000:02:00.0/information"), "/proc/driver/nvidia/gpus/*/information"},
		"many":       {read(strings.Fields("/opt/m/a /opt/m/b /opt/m/c /opt/m/d /opt/m/e /opt/m/f /opt/m/g /opt/m/h /opt/m/i")...), "/opt/m"},
		"listed":     {append(read("/opt/thing/d/x", "/opt/thing/d/y"), listed), "/opt/thing/d"},
		"on the way": {append(read("/opt/thing/d/x"), Mark{Path: "/opt/thing", Use: sandbox.UseLook, Directory: true, Found: true}), "/opt/thing/d/x"},
		"globs":      {read("/opt/we[i]rd*"), "/opt/we[[]i]rd[*]"},
	} {
		var got []string
		for _, g := range j.group(manifest.Read, c.marks) {
			got = append(got, g.path)
			if err := (manifest.Grant{Kind: manifest.Read, Path: g.path, Why: "w"}).Validate(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, m := range g.marks {
				if !w.covers(g.path, m.Path) {
					t.Errorf("%s: %s does not cover %s", name, g.path, m.Path)
				}
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A recorder forgets what is too much, and says so.
func TestRecorderIsBounded(t *testing.T) {
	var r Recorder
	for i := range maxMarks + 10 {
		r.Touched(sandbox.Touch{Path: "/x/" + strings.Repeat("y", i%250) + string(rune('a'+i/250%26)) + string(rune('a'+i/6500))})
	}
	for range 3 {
		r.Touched(sandbox.Touch{Path: "/x/a", Found: true})
		r.Asked("h:1")
		r.Ended([]sandbox.Denial{{Call: "ptrace", Count: 2}})
	}
	seen := r.Seen()
	if len(seen.Marks) > maxMarks || seen.Lost+len(seen.Marks) < maxMarks || seen.Asked["h:1"] != 3 || seen.Denials[0].Count != 6 {
		t.Errorf("%d marks, %d lost, %v, %v", len(seen.Marks), seen.Lost, seen.Asked, seen.Denials)
	}
}

// FuzzGroup: what a hostile plugin names becomes grants that cover it, or none.
func FuzzGroup(f *testing.F) {
	f.Add("/etc/os-release", "/proc/1/x")
	f.Add("/a[/b*", "/a\\/c\x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		w := words{&target.Machine{Home: "/home/u", ProjectDir: "/home/u/p", ProcessDir: "/proc/7"}}
		j := &judge{words: w, Run: Run{Machine: w.Machine, Doing: "x"}}
		j.out.Grants = []manifest.Grant{}
		for _, p := range []string{a, b} {
			if len(p) > 1 && p[0] == '/' {
				j.wanted = append(j.wanted, want{manifest.Read, Mark{Path: p, Use: sandbox.UseRead, Count: 1}})
			}
		}
		j.opened()
		for _, g := range j.out.Grants {
			if err := g.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}
