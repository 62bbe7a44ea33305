// SPDX-License-Identifier: Apache-2.0

package container

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseName(t *testing.T) {
	for name, want := range map[string]bool{
		"bulkhead-12-345-6": true, "bulkhead-0-1-1": false, "bulkhead--1-1-1": false, "bulkhead-1-1": false, "other-1-2-3": false,
		"bulkhead-a-2-3": false, "bulkhead-1-2-3-4": false, "bulkhead-99999999999999999999-2-3": false, "": false,
	} {
		pid, start, ok := parseName(name)
		if ok != want || ok && (pid != 12 || start != 345) {
			t.Errorf("%q: %d, %d, %v", name, pid, start, ok)
		}
	}
}

func TestOrphaned(t *testing.T) {
	start, err := startTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	self := namePrefix + strconv.Itoa(os.Getpid()) + "-"
	for name, want := range map[string]bool{
		self + strconv.FormatUint(start, 10) + "-1":   false,
		self + strconv.FormatUint(start+1, 10) + "-1": true, // another process had the pid
		namePrefix + "4194303-1-1":                    true,
		"something else":                              false,
	} {
		if orphaned(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestParseStartTime(t *testing.T) {
	const tail = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21"
	for stat, want := range map[string]uint64{
		"12 (sh)" + tail: 777, "12 (a) b (c))" + tail: 777, "12 sh" + tail: 0, "12 (sh) S 1": 0, "": 0, ")(": 0,
	} {
		got, err := parseStartTime(stat)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v", stat, got, err)
		}
	}
}

func FuzzParseStartTime(f *testing.F) {
	f.Add("12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777")
	f.Fuzz(func(t *testing.T, stat string) {
		if n, err := parseStartTime(stat); err != nil && n != 0 && n != 1<<64-1 {
			t.Errorf("%d with %v", n, err)
		}
	})
}

func TestOwnDirectory(t *testing.T) {
	base := t.TempDir()
	open, link, file := filepath.Join(base, "open"), filepath.Join(base, "link"), filepath.Join(base, "file")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(open, 0o777)
	_ = os.Symlink(t.TempDir(), link)
	_ = os.WriteFile(file, nil, 0o600)
	for _, dir := range []string{open, link, file} {
		if err := ownDirectory(dir); err == nil {
			t.Errorf("%s was accepted", dir)
		}
	}
	fresh := filepath.Join(base, "fresh")
	for range 2 {
		if err := ownDirectory(fresh); err != nil {
			t.Error(err)
		}
	}
}

func TestParseGroup(t *testing.T) {
	for text, want := range map[string]memoryGroup{
		"0::/bulkhead-1-2-3\n":                                 groupRoot + "/bulkhead-1-2-3",
		"9:memory:/bulkhead-1-2-3\n0::/bulkhead-1-2-3\n":       groupRoot + "/memory/bulkhead-1-2-3",
		"0::/user.slice\n9:memory:/\n":                         "",
		"9:memory:/../../etc/bulkhead-1\n":                     groupRoot + "/memory/etc/bulkhead-1",
		"nonsense\n:\n":                                        "",
		"9:cpu:/bulkhead-1-2-3\n0::/\n":                        "",
		"0::/a/bulkhead-1-2-3\n9:memory:/b/bulkhead-1-2-3/x\n": groupRoot + "/memory/b/bulkhead-1-2-3/x",
	} {
		if got := parseGroup(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestMemoryGroup(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"memory.peak": "4096\n", "memory.events": "low 0\noom 2\noom_kill 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	killed := Exit{Code: -1, Signal: unix.SIGKILL, PeakBytes: 5}
	memoryGroup(dir).addTo(&killed)
	if !killed.OutOfMemory || killed.PeakBytes != 4096 {
		t.Errorf("%+v", killed)
	}
	left := Exit{Code: 1} // the kernel ended a child of it
	memoryGroup(dir).addTo(&left)
	if left.OutOfMemory {
		t.Errorf("%+v", left)
	}
	none := Exit{Code: 1}
	memoryGroup("").addTo(&none)
	if none != (Exit{Code: 1}) {
		t.Errorf("%+v", none)
	}
}

func TestLastError(t *testing.T) {
	for log, want := range map[string]string{
		"": "", "no json\n": "",
		`{"level":"error","msg":"first"}` + "\n" + `{"level":"error","msg":"second"}` + "\n": "second",
		`{"level":"error","msg":"bad"}` + "\n" + `{"level":"info","msg":"chatter"}` + "\n":   "bad",
		`{"msg":"crun says"}` + "\n" + `{"level":"debug","msg":"x"}`:                         "crun says",
	} {
		if got := lastError([]byte(log)); got != want {
			t.Errorf("%q: %q, want %q", log, got, want)
		}
	}
}

func TestMisfit(t *testing.T) {
	good := func() map[string]string {
		return map[string]string{
			"NoNewPrivs": "1", "Seccomp": "2", "Uid": "7 7 7 7",
			"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000",
			"CapBnd": "0000000000000000", "CapAmb": "0000000000000000",
		}
	}
	p := &plan{UID: 7, Seccomp: true}
	if text := misfit(good(), p); text != "" {
		t.Error(text)
	}
	for field, value := range map[string]string{
		"NoNewPrivs": "0", "Seccomp": "0", "Uid": "7 0 7 7", "CapBnd": "00000000a80425fb", "CapEff": "0000000000000001", "CapAmb": "",
	} {
		fields := good()
		fields[field] = value
		if misfit(fields, p) == "" {
			t.Errorf("%s %q is taken for a wall", field, value)
		}
	}
}

func TestNamespacesOf(t *testing.T) {
	if seen, err := namespacesOf(os.Getpid()); err == nil {
		t.Errorf("this very process is taken for a container: %v", seen)
	}
}
