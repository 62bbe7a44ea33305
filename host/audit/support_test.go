// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var testHost = Host{PID: 812, Run: "5c7be21fa0b3d9e4", Version: "1.0.0", User: "ada"}

// clock goes on by two seconds and a bit at each look.
func clock() func() time.Time {
	t := time.Date(2026, 2, 3, 4, 5, 4, 999e6, time.UTC)
	return func() time.Time {
		t = t.Add(2002 * time.Millisecond)
		return t
	}
}

// opened opens a log with a clock of its own, changed by set.
func opened(t testing.TB, dir string, set func(*chain)) *Log {
	t.Helper()
	c := newChain(dir, testHost)
	c.now = clock()
	if set != nil {
		set(c)
	}
	l, err := start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// life is one event of each kind that a host writes.
var life = []struct {
	plugin string
	event  Event
}{
	{"gpu", Install{Name: "gpu", Version: "1.0.0", Digest: digest([]byte("gpu")), Origin: "builtin"}},
	{"gpu", Grant{Grants: []string{"read /sys/module/nvidia", "device /dev/nvidia*"}, By: "manifest", Narrowed: []string{"exec nvidia-smi"}}},
	{"gpu", Launch{
		Digest: digest([]byte("gpu")), Level: "full", Verified: true, Profile: "gpu", Walls: []string{"pid", "net", "landlock"}, Fallen: []string{"cgroup"},
		Limits: map[string]uint64{"memory_bytes": 1 << 30, "cpu_seconds": 60}, Grants: []string{"read /sys/module/nvidia"}, PID: 4711,
	}},
	{"data", Call{
		Run: "r1", Kernel: "prepare", Method: "Fit", ConfigDigest: digest(nil), InputDigest: digest([]byte("in")), OutputDigest: digest([]byte("out")),
		RowsIn: 569, RowsOut: 512, DurationMS: 12.25, Outcome: "ok",
	}},
	{"gpu", Denial{What: "open /etc/shadow", Count: 3, Grant: "read /etc/shadow"}},
	{"gpu", Death{Cause: "oom", ExitCode: -1, Signal: "SIGKILL", Detail: "panic: größer\u2028\x1b[31m", PeakBytes: 1 << 29, CPUMS: 1500.5}},
}

// write appends n records of a life, in batches of a few, and closes the log.
func write(t testing.TB, dir string, n int, set func(*chain)) {
	t.Helper()
	l := opened(t, dir, set)
	for i := range n {
		e := life[i%len(life)]
		if r := l.Append(e.plugin, e.event); i%4 == 3 {
			must(t, r.Wait(context.Background()))
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// smallFiles makes a log begin a new file every few records.
func smallFiles(c *chain) { c.maxFile = 6 << 10 }

// verdict verifies and holds the verdict against that of the Python verifier.
func verdict(t testing.TB, dir string, expect ...Anchor) *Verdict {
	t.Helper()
	v, err := Verify(dir, expect...)
	if err != nil {
		t.Fatal(err)
	}
	if got, out, ok := stranger(dir); ok && len(expect) == 0 && got != v.Intact {
		t.Errorf("verify.py says %s, Verify says %+v", out, v)
	}
	return v
}

// stranger is the verdict of testdata/verify.py; ok is false without Python.
func stranger(dir string) (intact bool, out string, ok bool) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return false, "", false
	}
	text, err := exec.Command(python, filepath.Join("testdata", "verify.py"), dir).CombinedOutput()
	return err == nil, string(bytes.TrimSpace(text)), true
}

func intact(t testing.TB, dir string, records int) *Verdict {
	t.Helper()
	v := verdict(t, dir)
	if !v.Intact || v.Records != uint64(records) {
		t.Fatalf("%d records, want %d; problems %+v", v.Records, records, v.Problems)
	}
	return v
}

// records of a log, in order.
func records(t testing.TB, dir string, q Query) []Record {
	t.Helper()
	var out []Record
	if _, err := Select(dir, q, func(r Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// change rewrites a file of a log.
func change(t testing.TB, dir, name string, fn func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, fn(data), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// linesOf changes the lines of a file, which keep their line feeds.
func linesOf(fn func([][]byte) [][]byte) func([]byte) []byte {
	return func(data []byte) []byte {
		lines := bytes.SplitAfter(data, []byte("\n"))
		return bytes.Join(fn(lines[:len(lines)-1]), nil)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// numbered is a denial that can be told from others.
func numbered(worker, n int) Denial { return Denial{What: fmt.Sprintf("%d/%d", worker, n), Count: 1} }

// waitFor polls until a condition holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited for a minute in vain")
}
