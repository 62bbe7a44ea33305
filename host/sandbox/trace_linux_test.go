// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// touches keeps what a trace tells.
type touches struct {
	sync.Mutex
	all []Touch
}

func (s *touches) add(t Touch) {
	s.Lock()
	defer s.Unlock()
	s.all = append(s.all, t)
}

func (s *touches) of(path string) (out []Touch) {
	s.Lock()
	defer s.Unlock()
	for _, t := range s.all {
		if t.Path == path {
			out = append(out, t)
		}
	}
	return out
}

// A traced program does what it would have done, and each name that it uses is told.
func TestTrace(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"given", "kept"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("words of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	given, kept := filepath.Join(dir, "given"), filepath.Join(dir, "kept")
	for _, level := range []Level{Full, Namespaced} {
		var seen touches
		s, r := look(t, "read:"+TargetDir+given+",read:"+TargetDir+kept+",write:new,mkdir:sub,exec:/usr/bin/true", func(s *Spec) {
			s.Ceiling, s.Floor, s.Trace = level, level, seen.add
			s.Binds = append(s.Binds, Bind{Source: given})
		})
		if r.Level != level {
			t.Fatalf("level %v", r.Level)
		}
		if got := s.Results["read:"+TargetDir+given]; !strings.HasPrefix(got, "ok") {
			t.Errorf("the traced program could not read: %s", got)
		}
		for path, want := range map[string]Touch{
			TargetDir + given: {Use: UseRead, Found: true}, TargetDir + kept: {Use: UseRead}, "/usr/bin/true": {Use: UseStart},
		} {
			ok := false
			for _, got := range seen.of(path) {
				ok = ok || got.Use == want.Use && got.Found == want.Found && !got.Directory
			}
			if !ok {
				t.Errorf("%v: %s: %+v", level, path, seen.of(path))
			}
		}
		wrote := false
		for _, touch := range seen.all {
			wrote = wrote || touch.Use == UseWrite && strings.HasSuffix(touch.Path, "/new")
		}
		if got := s.Results["exec:/usr/bin/true"]; strings.HasPrefix(got, "ok") || !wrote {
			t.Errorf("%v: exec without a grant: %s; the new file was seen: %v", level, got, wrote)
		}
	}
}

// Where nothing could be seen, a launch fails and says so.
func TestNoTrace(t *testing.T) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	for name, spec := range map[string]Spec{
		"walls-only": {Ceiling: WallsOnly, Floor: WallsOnly}, "weak": {Ceiling: Weak, Floor: Weak}, "a runtime": {Runtime: "runc"},
	} {
		spec.Exe, spec.Args, spec.PrivateDir, spec.Trace = self, []string{"x"}, t.TempDir(), func(Touch) {}
		if p, err := Launch(t.Context(), spec); !errors.Is(err, ErrNoTrace) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// An attached program is let go of and not ended.
func TestAttach(t *testing.T) {
	own, err := Attach(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if own.Report().Level != None || own.PID() != os.Getpid() {
		t.Errorf("%+v", own.Report())
	}
	own.Kill()
	<-own.Done()
	if own.Exit() == nil || own.Exit().Code != -1 {
		t.Errorf("exit %+v", own.Exit())
	}
	for _, pid := range []int{0, -1, 1 << 30} {
		if _, err := Attach(pid); err == nil {
			t.Errorf("attached to process %d", pid)
		}
	}
}
