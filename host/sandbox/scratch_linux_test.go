// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hoard takes more than it may in one way, and waits to be found out.
func hoard(way string) string {
	dir := os.Getenv("TMPDIR")
	err := map[string]func(string) error{
		"bytes": func(dir string) error { return writeFiles(dir, 8, 1<<20) },
		"files": func(dir string) error { return writeFiles(dir, 400, 0) },
		"locked": func(dir string) error {
			locked := filepath.Join(dir, "locked")
			return errors.Join(unix.Mkdir(locked, 0o300), writeFiles(locked, 8, 1<<20))
		},
		"deep":   func(dir string) error { return deepTree(dir, maxDepth+10) },
		"open":   func(dir string) error { return deleted(dir, false) },
		"mapped": func(dir string) error { return deleted(dir, true) },
		"memory": func(string) error { return forgotten(768) },
		// These are not ended.
		"little":    func(dir string) error { return writeFiles(dir, 3, 1<<20) },
		"unlimited": func(dir string) error { return writeFiles(dir, 400, 0) },
		"watches":   func(string) error { return holdWatches(60) },
		"locks":     func(dir string) error { return holdLocks(dir, 30) },
		"watch":     func(string) error { return holdWatches(2) },
	}[way](dir)
	if hold := 30 * time.Second; err == nil && way != "little" && way != "unlimited" && way != "watch" {
		time.Sleep(hold) // until the host has looked
	}
	time.Sleep(time.Second)
	return answer("", err)
}

func writeFiles(dir string, count, size int) error {
	for i := range count {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, size), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// deepTree makes directories in one another. Long paths need steps.
func deepTree(dir string, depth int) error {
	fd, err := unix.Open(dir, unix.O_DIRECTORY, 0)
	for range depth {
		if err != nil {
			return err
		}
		at := fd
		err = unix.Mkdirat(at, "d", 0o700)
		if err == nil {
			fd, err = unix.Openat(at, "d", unix.O_DIRECTORY, 0)
		}
		_ = unix.Close(at)
	}
	_ = unix.Close(fd)
	return err
}

// deleted keeps eight megabytes in files without a name.
func deleted(dir string, mapped bool) error {
	for range 8 {
		f, err := os.CreateTemp(dir, "x")
		if err != nil {
			return err
		}
		if _, err := f.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		_ = os.Remove(f.Name())
		if mapped {
			if _, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ, unix.MAP_SHARED); err != nil {
				return err
			}
			_ = f.Close()
			continue
		}
		kept = append(kept, f)
	}
	return nil
}

var kept []*os.File

// holdWatches has sets x 60 x 60 watches of events. Each number that a descriptor
// has had makes one of its own.
func holdWatches(sets int) error {
	const firstNumber, lastNumber = 180, 240
	var epolls []int
	for range sets {
		epoll, err := unix.EpollCreate1(0)
		if err != nil {
			return err
		}
		epolls = append(epolls, epoll)
	}
	for range 60 {
		event, err := unix.Eventfd(0, 0)
		if err != nil {
			return err
		}
		for number := firstNumber; number < lastNumber; number++ {
			err := unix.Dup3(event, number, 0)
			for _, epoll := range epolls {
				err = errors.Join(err, unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, number, &unix.EpollEvent{}))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// holdLocks has a thousand locks of each of some files.
func holdLocks(dir string, files int) error {
	for range files {
		f, err := os.CreateTemp(dir, "locked")
		if err != nil {
			return err
		}
		kept = append(kept, f)
		for n := range 1000 {
			if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: int64(2 * n), Len: 1}); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgotten uses memory that RLIMIT_DATA does not count any more.
func forgotten(megabytes int) error {
	for range megabytes / 16 {
		block, err := unix.Mmap(-1, 0, 16<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return err
		}
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		if err := unix.Mprotect(block, unix.PROT_READ); err != nil {
			return err
		}
	}
	return nil
}

// What the kernel does not count, the host does: the program is ended, and its
// directory is empty afterwards.
func TestHoarding(t *testing.T) {
	for way, want := range map[string]string{
		"bytes": "scratch", "files": "scratch", "locked": "scratch", "deep": "scratch", "open": "scratch", "mapped": "scratch",
		"memory": "memory", "watches": "watches", "locks": "watches", "little": "", "watch": "",
	} {
		t.Run(way, func(t *testing.T) {
			spec, _, finish := testSpec(t, "hoard:"+way)
			defer finish()
			spec.Ceiling, spec.Floor = WallsOnly, WallsOnly
			spec.Limits.ScratchBytes = 4 << 20
			if way == "memory" {
				limitMemory(t, &spec)
			}
			p, err := Launch(context.Background(), spec)
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, p)
			e := p.Exit()
			if e.Exceeded != want || (want != "") != (e.Signal == unix.SIGKILL) {
				t.Errorf("%+v", e)
			}
			if names, err := os.ReadDir(spec.PrivateDir); err != nil || len(names) > 0 {
				t.Errorf("left: %v (%v)", names, err)
			}
		})
	}
}

func limitMemory(t *testing.T, spec *Spec) {
	t.Helper()
	if testLimits.DataBytes == Unlimited {
		t.Skip("the race detector needs more")
	}
	spec.Limits.DataBytes = 192 << 20
}

// Root in a container may not look at processes of other uids, and sees what a
// program holds all the same.
func TestHoardingBeforeALesserRoot(t *testing.T) {
	asRoot(t)
	runtime.LockOSThread() // the thread ends with the test
	if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_PTRACE, 0, 0, 0); err != nil {
		t.Skipf("this root cannot be made less: %v", err)
	}
	passes(t, helper("^TestHoarding$"), "TestHoarding")
}

// A root of its own has a file system that bounds it: nothing is measured, but
// memory is.
func TestHoardingInAPrivateRoot(t *testing.T) {
	spec, _, finish := testSpec(t, "hoard:memory")
	defer finish()
	limitMemory(t, &spec)
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, p)
	if e := p.Exit(); e.Exceeded != "memory" {
		t.Errorf("%+v", e)
	}
}

// Without a limit nothing is measured, and the level stands.
func TestScratchWithoutLimits(t *testing.T) {
	for _, level := range []Level{Full, WallsOnly} {
		s, _ := look(t, "hoard:unlimited", func(s *Spec) {
			s.Ceiling, s.Floor = level, level
			s.Limits.ScratchBytes, s.Limits.ScratchInodes = Unlimited, Unlimited
		})
		if s.Results["hoard:unlimited"] != "ok " {
			t.Errorf("%s: %q", level, s.Results["hoard:unlimited"])
		}
	}
}

func TestEmptyDirectory(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "kept")
	private := filepath.Join(dir, "private")
	locked := filepath.Join(private, "moved-1")
	for _, err := range []error{
		os.WriteFile(outside, []byte("x"), 0o600), os.Mkdir(private, 0o700), os.Mkdir(locked, 0o700),
		writeFiles(locked, 3, 10), os.Mkdir(filepath.Join(locked, "in"), 0o000), os.Chmod(locked, 0o000),
		os.Symlink(filepath.Dir(outside), filepath.Join(private, "link")), deepTree(private, 5000),
		os.Mkdir(filepath.Join(private, "moved-2"), 0o700), os.WriteFile(filepath.Join(private, "moved-2", "x"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := emptyDirectory(private); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(private); err != nil || len(names) > 0 {
		t.Errorf("left: %v (%v)", names, err)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := emptyDirectory(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("a link was followed")
	}
}

func TestDeletedMapping(t *testing.T) {
	for line, want := range map[string]struct {
		id     inode
		length uint64
		ok     bool
	}{
		"7f00-8f00 rw-s 00000000 fe:01 1234                       /tmp/x (deleted)\n": {inode{unix.Mkdev(0xfe, 1), 1234}, 0x1000, true},
		"7f00-8f00 rw-s 00000000 fe:01 1234 /tmp/x y (deleted) (deleted)\n":           {inode{unix.Mkdev(0xfe, 1), 1234}, 0x1000, true},
		"7f00-8f00 rw-s 00000000 fe:01 1234                       /tmp/x\n":           {},
		"7f00-8f00 rw-p 00000000 00:00 0\n":                                           {},
		"8f00-7f00 rw-s 00000000 fe:01 1234 /tmp/x (deleted)\n":                       {},
		"a b c d e f (deleted)": {},
		"":                      {},
	} {
		id, length, ok := deletedMapping(line)
		if ok != want.ok || ok && (id != want.id || length != want.length) {
			t.Errorf("%q: %v %d %v", line, id, length, ok)
		}
	}
}

func FuzzDeletedMapping(f *testing.F) {
	f.Add("7f00-8f00 rw-s 00000000 fe:01 1234 /tmp/x (deleted)\n")
	f.Fuzz(func(t *testing.T, line string) {
		if _, _, ok := deletedMapping(line); ok && !strings.Contains(line, "(deleted)") {
			t.Errorf("%q", line)
		}
	})
}

// Within the namespace of a program that keeps uid 0 the number of processes is
// bounded, and the machine's is not touched.
func TestPIDsAreBounded(t *testing.T) {
	asRoot(t)
	if !atLeast(release(), 6, 14) {
		t.Skip("all namespaces share one bound here")
	}
	const file = "/proc/sys/kernel/pid_max"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, r := look(t, "nothing:", func(s *Spec) { s.Identity = SameUID })
	if w, _ := r.Wall("rlimits"); !strings.Contains(w.Detail, "threads 301") {
		t.Errorf("rlimits: %q", w.Detail)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the machine's bound went from %s to %s (%v)", before, after, err)
	}
}
