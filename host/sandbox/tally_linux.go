// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tally adds up files. It stops when a limit is passed, so that a bomb costs the
// host no more than the limit.
type tally struct {
	usage
	limit usage
}

// maxDepth is how deep directories may lie in one another. Each costs the host a
// descriptor while it looks.
const maxDepth = 64

// endless is more than any limit: what cannot be measured counts as too much.
var endless = usage{math.MaxUint64, math.MaxUint64}

func (t *tally) add(st *unix.Stat_t) {
	t.bytes += uint64(max(st.Blocks, 0)) * 512
	t.files++
}

// tree adds what lies in a directory. Nothing in it is followed or opened but
// directories, and those without links.
func (t *tally) tree(dir, depth int) {
	if depth > maxDepth {
		t.usage = endless
		return
	}
	err := eachName(dir, func(name string) bool {
		t.entry(dir, name, depth)
		return !t.exceeds(t.limit)
	})
	if err != nil {
		t.usage = endless
	}
}

func (t *tally) entry(dir int, name string, depth int) {
	var st unix.Stat_t
	if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return // it went away
	}
	t.add(&st)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return
	}
	sub, err := openInside(dir, name)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return
	}
	if err != nil {
		t.usage = endless
		return
	}
	defer unix.Close(sub)
	t.tree(sub, depth+1)
}

// hidden adds files in the file system of the private directory that have no
// name any more: the program has them open or mapped.
func (w *scratchWatch) hidden(t *tally) {
	var own unix.Stat_t
	if unix.Fstat(int(w.dir.Fd()), &own) != nil {
		return
	}
	seen := map[inode]bool{}
	dir := fmt.Sprintf("/proc/%d/fd", w.pid)
	entries, _ := os.ReadDir(dir) // of one that has ended there are none
	for _, e := range entries {
		var st unix.Stat_t
		if unix.Stat(dir+"/"+e.Name(), &st) != nil || st.Dev != own.Dev || st.Nlink > 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		if id := (inode{st.Dev, st.Ino}); !seen[id] && !w.given[id] {
			seen[id] = true
			t.add(&st)
		}
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", w.pid))
	for line := range strings.Lines(string(text)) {
		id, length, ok := deletedMapping(line)
		if ok && id.dev == own.Dev && !w.given[id] {
			if !seen[id] {
				seen[id] = true
				t.files++
			}
			t.bytes += length
		}
	}
}

// deletedMapping reads a line of /proc/PID/maps, and reports whether its file has
// no name any more:
//
//	7f1c0000-7f1c1000 rw-s 00000000 fe:01 1234    /tmp/x (deleted)
func deletedMapping(line string) (id inode, length uint64, ok bool) {
	if !strings.HasSuffix(strings.TrimSuffix(line, "\n"), " (deleted)") {
		return inode{}, 0, false
	}
	fields := strings.Fields(line)
	if len(fields) < 7 {
		return inode{}, 0, false
	}
	var from, to uint64
	var major, minor uint32
	if _, err := fmt.Sscanf(fields[0]+" "+fields[3], "%x-%x %x:%x", &from, &to, &major, &minor); err != nil || to < from {
		return inode{}, 0, false
	}
	ino, err := strconv.ParseUint(fields[4], 10, 64)
	return inode{unix.Mkdev(major, minor), ino}, to - from, err == nil
}
