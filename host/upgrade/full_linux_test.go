// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// disk is a file system of its own in memory.
type disk struct {
	t   *testing.T
	dir string
}

func newDisk(t *testing.T) disk {
	t.Helper()
	d := disk{t, t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, roomy); err != nil {
		t.Skipf("mounting a file system needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) })
	return d
}

// roomy is more than any test needs, and used as much as it has already.
const roomy = "size=512m,nr_inodes=100000"

func (d disk) remount(options string) error {
	return syscall.Mount("", d.dir, "", syscall.MS_REMOUNT, options)
}

// fill leaves so many pages, and as many files that can be made. What is written
// meanwhile, such as the head of the audit log, makes it count again.
func (d disk) fill(pages uint64) {
	for {
		var s syscall.Statfs_t
		err := syscall.Statfs(d.dir, &s)
		if err == nil {
			err = d.remount(fmt.Sprintf("size=%d,nr_inodes=%d", (s.Blocks-s.Bfree+pages)*uint64(s.Bsize), s.Files-s.Ffree+pages))
		}
		if errors.Is(err, syscall.EINVAL) {
			continue
		}
		if err != nil {
			d.t.Error(err)
		}
		return
	}
}

// free makes room again.
func (d disk) free() { must(d.t, d.remount(roomy)) }

// fullAt fills the disk before the n-th step that makes or writes a file, and notes
// these steps.
func (d disk) fullAt(n int, pages uint64, passed *[]string) func(string) error {
	return func(step string) error {
		if slices.Contains([]string{durable.StepSync, durable.StepRename, durable.StepDir}, step) {
			return nil
		}
		if *passed = append(*passed, step); len(*passed) == n {
			d.fill(pages)
		}
		return nil
	}
}

// TestADiskThatFills fills the disk before each step of an upgrade, from its plan on. It
// leaves the old version or the new one, says where there is no room and what to do,
// and goes through when there is some.
func TestADiskThatFills(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes many upgrades")
	}
	d := newDisk(t)
	l := labIn(t, filepath.Join(d.dir, "lab"))
	l.publish("1.0.0", "plain")
	_, err := l.upgrade("1.0.0")
	must(t, err)
	l.publish("1.1.0", "other")
	l.freeze()
	for n := 1; !t.Failed(); n++ {
		d.free()
		l.thaw()
		var passed []string
		err := l.fills(d.fullAt(n, uint64(n%3), &passed))
		d.free()
		if len(passed) < n {
			must(t, err)
			t.Logf("%d steps", len(passed))
			return
		}
		where := fmt.Sprintf("full before step %d, %s", n, passed[n-1])
		if upgraded := l.consistent(where); upgraded != (err == nil) {
			t.Errorf("%s: upgraded %v, and the error is %v", where, upgraded, err)
		}
		d.explained(where, err)
		if _, err := l.upgrade("~> 1.0"); err != nil {
			t.Errorf("%s: the next upgrade: %v", where, err)
		}
		l.locks("1.1.0")
	}
}

// fills makes an upgrade that passes steps.
func (l *lab) fills(fail func(string) error) error {
	l.t.Helper()
	i, err := l.installer()
	must(l.t, err)
	log, err := l.log()
	must(l.t, err)
	m := machine(i)
	m.Fail, i.Store.Fail, m.Audit = fail, fail, func() *audit.Log { return log }
	i.Registries.Progress = func(e trust.Event) { _ = fail(fmt.Sprintf("progress %+v", e)) }
	p, err := plan(l.t.Context(), i, "~> 1.0")
	if err == nil {
		_, err = m.Run(l.t.Context(), p, "a test")
	}
	_ = log.Close() // which has no room
	return durable.Explain(err)
}

// explained wants an error of a full disk to name the file and the remedy.
func (d disk) explained(where string, err error) {
	d.t.Helper()
	if err != nil && (!errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), d.dir) || strings.Count(err.Error(), "free space") != 1) {
		d.t.Errorf("%s: %v", where, err)
	}
}

// TestADiskThatFillsInTheCanary fills the disk before each step of a watched run. The
// runs that follow end as if there had been room.
func TestADiskThatFillsInTheCanary(t *testing.T) {
	for how := range endings {
		t.Run(how, func(t *testing.T) {
			d := newDisk(t)
			for n := 1; !t.Failed(); n++ {
				d.free()
				s := watchedShelf(t, filepath.Join(d.dir, fmt.Sprint(n)), how)
				var passed []string
				err := s.fills(how, d.fullAt(n, uint64(n%3), &passed))
				d.free()
				if len(passed) < n {
					must(t, err)
					t.Logf("%d steps", n-1)
					return
				}
				where := "full before " + passed[n-1]
				d.explained(where, err)
				s.endsAsIfNobodyDied(how, where)
			}
		})
	}
}

// fills has one run watched.
func (s *shelf) fills(how string, fail func(string) error) error {
	s.t.Helper()
	log, err := s.places().log()
	must(s.t, err)
	defer func() { _ = log.Close() }() // which has no room
	s.store.Fail = fail
	defer func() { s.store.Fail = nil }()
	w, err := beginWatch(s.t.Context(), record{s.scope, fail}, "full", []string{"acme/times"}, func() *audit.Log { return log })
	if err != nil {
		return durable.Explain(err)
	}
	_, err = w.End(s.t.Context(), endings[how])
	return err
}

// TestAReadOnlyPlace has generations or a project that nobody can write to, be he root.
func TestAReadOnlyPlace(t *testing.T) {
	for _, what := range []string{"generations", "project"} {
		t.Run(what, func(t *testing.T) {
			l := atOne(t, "other")
			dir := map[string]string{"generations": l.scope().File("generations"), "project": l.Project}[what]
			if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
				t.Skipf("mounting needs root: %v", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
			_, err := l.upgrade("~> 1.0")
			contains(t, err, "switch", "read-only file system", dir)
			l.locks("1.0.0")
			l.consistent(what)
			must(t, syscall.Unmount(dir, syscall.MNT_DETACH))
			l.recovers(what)
		})
	}
}
