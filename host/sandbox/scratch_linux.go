// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// scratchWatch bounds the private directory of a program that has no file system
// of its own for it: the host measures it from time to time.
type scratchWatch struct {
	pid   int
	dir   *os.File
	limit usage
	given map[inode]bool // files that the program has from the host
	over  func()
	sight onlooker

	stop, stopped chan struct{}
}

// usage is what files take.
type usage struct{ bytes, files uint64 }

// inode names a file of the machine.
type inode struct{ dev, ino uint64 }

// exceeds reports whether one of the two is more than the limit.
func (u usage) exceeds(limit usage) bool { return u.bytes > limit.bytes || u.files > limit.files }

const (
	firstMeasure = 20 * time.Millisecond
	lastMeasure  = 250 * time.Millisecond // the longest time between two
)

// watchScratch begins to measure, where it is needed.
func (a *attempt) watchScratch(pid int, over func()) *scratchWatch {
	l := a.spec.Limits.withDefaults()
	if a.walls.mount || !a.walls.rlimits || a.dir == "" || l.ScratchBytes == Unlimited && l.ScratchInodes == Unlimited {
		return nil
	}
	fd, err := unix.Open(a.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		over() // nothing could be measured
		return nil
	}
	w := &scratchWatch{
		pid: pid, dir: os.NewFile(uintptr(fd), a.dir), limit: usage{l.ScratchBytes, l.ScratchInodes}, over: over, sight: a.onlooker(),
		given: map[inode]bool{}, stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	for _, f := range a.spec.Inherit {
		var st unix.Stat_t
		if unix.Fstat(int(f.Fd()), &st) == nil {
			w.given[inode{st.Dev, st.Ino}] = true
		}
	}
	go w.run()
	return w
}

// run measures until the end of the program or of the room.
func (w *scratchWatch) run() {
	defer close(w.stopped)
	defer w.dir.Close()
	interval := firstMeasure
	for wait := interval; ; {
		select {
		case <-w.stop:
			return
		case <-time.After(wait):
		}
		begin := time.Now()
		if w.measure().exceeds(w.limit) {
			w.over()
			return
		}
		interval = min(2*interval, lastMeasure)
		wait = max(interval, min(maxShare*time.Since(begin), time.Second))
	}
}

// maxShare makes a program whose files or mappings take long to look at be looked
// at less often, once a second at least, so that it cannot keep the host busy.
const maxShare = 20

// end stops measuring, before the pid becomes free for others.
func (w *scratchWatch) end() {
	if w != nil {
		close(w.stop)
		<-w.stopped
	}
}

// measure adds up what the program takes, until that is more than the limit.
func (w *scratchWatch) measure() usage {
	t := tally{limit: w.limit}
	t.tree(int(w.dir.Fd()), 0)
	w.sight.look(func() { w.hidden(&t) })
	return t.usage
}
