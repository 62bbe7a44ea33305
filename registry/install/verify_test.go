// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// damage is what somebody does to an entry, and the file that is then named.
var damage = map[string]struct {
	file string
	do   func(dir string) error
}{
	"content": {"lib/a.txt", func(dir string) error { return overwrite(filepath.Join(dir, "lib", "a.txt"), "b") }},
	"executable": {"scaler", func(dir string) error {
		return overwrite(filepath.Join(dir, "scaler"), "#!bad")
	}},
	"same size and time": {"LICENSE", func(dir string) error {
		name := filepath.Join(dir, "LICENSE")
		info, err := os.Stat(name)
		return errors.Join(err, overwrite(name, "slav"), os.Chtimes(name, info.ModTime(), info.ModTime()))
	}},
	"added":   {"lib/b.txt", func(dir string) error { return overwrite(filepath.Join(dir, "lib", "b.txt"), "b") }},
	"removed": {"LICENSE", func(dir string) error { return remove(filepath.Join(dir, "LICENSE")) }},
	"renamed": {"lib/z.txt", func(dir string) error {
		return errors.Join(os.Chmod(filepath.Join(dir, "lib"), 0o755), os.Rename(filepath.Join(dir, "lib", "a.txt"), filepath.Join(dir, "lib", "z.txt")))
	}},
	"link": {"LICENSE", func(dir string) error {
		return errors.Join(remove(filepath.Join(dir, "LICENSE")), os.Symlink("/etc/hostname", filepath.Join(dir, "LICENSE")))
	}},
	"not executable":           {"scaler", func(dir string) error { return os.Chmod(filepath.Join(dir, "scaler"), 0o444) }},
	"world-writable":           {"lib/a.txt", func(dir string) error { return os.Chmod(filepath.Join(dir, "lib", "a.txt"), 0o666) }},
	"set-id":                   {"scaler", func(dir string) error { return os.Chmod(filepath.Join(dir, "scaler"), 0o555|fs.ModeSetuid) }},
	"world-writable directory": {"lib", func(dir string) error { return os.Chmod(filepath.Join(dir, "lib"), 0o777) }},
}

// overwrite and remove have the rights of the store's owner.
func overwrite(name, content string) error {
	_ = os.Chmod(filepath.Dir(name), 0o755)
	_ = os.Chmod(name, 0o644)
	return os.WriteFile(name, []byte(content), 0o644)
}

func remove(name string) error {
	return errors.Join(os.Chmod(filepath.Dir(name), 0o755), os.Remove(name))
}

func TestDamageIsFoundAndRepaired(t *testing.T) {
	for what, d := range damage {
		if runtime.GOOS == "windows" && (strings.Contains(what, "execut") || strings.Contains(what, "world") || strings.Contains(what, "set-id")) {
			continue
		}
		t.Run(what, func(t *testing.T) {
			s, p := newStore(t), newPlugin(t, "#!run", nil)
			dir := add(t, s, p)
			must(t, s.Quick(p.Platform.H1))
			must(t, d.do(dir))
			for call, err := range map[string]error{"Quick": s.Quick(p.Platform.H1), "Verify": s.Verify(t.Context(), p.Platform.H1)} {
				if e, ok := errors.AsType[*TamperedError](err); !ok || e.File != d.file || e.Dir != dir || !strings.Contains(err.Error(), "bulkhead plugin verify --repair") {
					t.Errorf("%s: %v", call, err)
				}
			}
			_, err := s.Add(t.Context(), p.Archive, p.Platform)
			if _, ok := errors.AsType[*TamperedError](err); !ok {
				t.Errorf("Add: %v", err)
			}
			repaired, err := s.Repair(t.Context(), p.Archive, p.Platform)
			if err != nil || repaired != dir {
				t.Fatal(repaired, err)
			}
			must(t, s.Verify(t.Context(), p.Platform.H1))
			if got := listed(t, s, quarantineDir); len(got) != 1 {
				t.Error(got)
			}
		})
	}
}

// TestRestoredFilesAreFine puts back what was there: the stamps differ, the files
// do not.
func TestRestoredFilesAreFine(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	dir := add(t, s, p)
	must(t, overwrite(filepath.Join(dir, "lib", "a.txt"), "a"))
	must(t, s.Quick(p.Platform.H1))
	must(t, s.Verify(t.Context(), p.Platform.H1))
}

// TestQuickUsesTheVerdict changes a file behind the back of a verdict, by writing
// one that has seen the change. Only hashing finds it.
func TestQuickUsesTheVerdict(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	dir := add(t, s, p)
	name, err := entryName(p.Platform.H1)
	must(t, err)
	must(t, overwrite(filepath.Join(dir, "lib", "a.txt"), "b"))
	v, err := look(dir, s.now())
	must(t, err)
	for i, it := range v.items {
		v.items[i].sum = p.files[it.name]
	}
	s.saveVerdict(name, v)
	must(t, s.Quick(p.Platform.H1))
	if err := s.Verify(t.Context(), p.Platform.H1); err == nil {
		t.Error("Verify trusts a verdict")
	}
	// A verdict whose digests are not those of the entry is none.
	for i := range v.items {
		v.items[i].sum = [32]byte{1}
	}
	s.saveVerdict(name, v)
	if err := s.Quick(p.Platform.H1); err == nil {
		t.Error("a forged verdict is trusted")
	}
}

// TestAYoungVerdictDoesNotCount makes a verdict within the resolution of a clock.
func TestAYoungVerdictDoesNotCount(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	s.now = time.Now
	dir := add(t, s, p)
	name, err := entryName(p.Platform.H1)
	must(t, err)
	v := s.loadVerdict(name)
	if v == nil || v.holds(dir) {
		t.Error("a verdict counts though its files were written a moment ago")
	}
	v.at += int64(settled) + int64(time.Minute)
	if !v.holds(dir) {
		t.Error("a verdict does not count later")
	}
}

func TestVerifyWithoutVerdict(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	dir := add(t, s, p)
	name, err := entryName(p.Platform.H1)
	must(t, err)
	verdict := s.path(verdictDir, name)
	must(t, os.Remove(verdict))
	must(t, s.Quick(p.Platform.H1))
	if _, err := os.Stat(verdict); err != nil {
		t.Error("Quick keeps no verdict", err)
	}
	must(t, os.Remove(verdict))
	must(t, overwrite(filepath.Join(dir, "LICENSE"), "b"))
	err = s.Quick(p.Platform.H1)
	if e, ok := errors.AsType[*TamperedError](err); !ok || e.File != "" || !strings.Contains(err.Error(), "another digest") {
		t.Error(err)
	}
	if err := s.Verify(t.Context(), imagined("x").Platform.H1); !isMissing(err) {
		t.Error(err)
	}
	if err := s.Quick("h1:nonsense"); err == nil {
		t.Error("a digest that is none is taken")
	}
}

func FuzzParseVerdict(f *testing.F) {
	v := &verdict{at: 5, items: []item{{name: ".", dir: true}, {name: "a b", stamp: stamp{1, 2, 3, 4, 5}}, {name: "lib", dir: true}}}
	f.Add(v.encode())
	f.Add([]byte(verdictHead + "\n1\n"))
	f.Add([]byte(verdictHead + "\n1\n- 1 1 1 1 1 ../x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseVerdict(data)
		if err != nil {
			return
		}
		for _, it := range v.items {
			if it.name != "." && !filepath.IsLocal(filepath.FromSlash(it.name)) {
				t.Errorf("%q leads outside", it.name)
			}
		}
		again, err := parseVerdict(v.encode())
		if err != nil || !bytes.Equal(again.encode(), v.encode()) {
			t.Errorf("%q is not read again: %v", v.encode(), err)
		}
	})
}

// BenchmarkCheck measures what a launch pays for a plugin already seen, beside
// hashing it, and their ratio.
func BenchmarkCheck(b *testing.B) {
	extra := map[string]string{}
	for i := range 20 {
		extra["lib/"+strings.Repeat("x", i+1)] = strings.Repeat("y", 1000*i)
	}
	s, p := newStore(b), newPlugin(b, strings.Repeat("machine code ", 3<<20/2), extra)
	add(b, s, p)
	must(b, s.Quick(p.Platform.H1))
	var quick, whole time.Duration
	for b.Loop() {
		begin := time.Now()
		must(b, s.Quick(p.Platform.H1))
		quick += time.Since(begin)
		begin = time.Now()
		must(b, s.Verify(b.Context(), p.Platform.H1))
		whole += time.Since(begin)
	}
	b.ReportMetric(float64(quick.Microseconds())/float64(b.N), "quick-µs/op")
	b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "verify-µs/op")
	b.ReportMetric(float64(whole)/float64(quick), "ratio")
}

// TestQuickIsQuick: a plugin already seen is not read again. The benchmark has the
// figure, which is less than a millisecond.
func TestQuickIsQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	s, p := newStore(t), newPlugin(t, strings.Repeat("machine code ", 1<<20), nil)
	add(t, s, p)
	best := time.Hour
	for range 50 {
		begin := time.Now()
		must(t, s.Quick(p.Platform.H1))
		best = min(best, time.Since(begin))
	}
	if best > 20*time.Millisecond {
		t.Errorf("a plugin already seen is checked in %s at best", best)
	}
}
