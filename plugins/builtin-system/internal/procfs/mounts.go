// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Mount is one line of /proc/PID/mountinfo.
type Mount struct {
	// Root is the directory of the file system that is mounted here; "/" when
	// it is the whole of it.
	Root string
	// Point is where it is mounted.
	Point string
	// Type of the file system ("tmpfs"), Source as the mounter named it.
	Type, Source string
	// Options of this mount and, in Super, of the file system.
	Options, Super []string
	// Line of the file, from 1.
	Line int
}

// Mounts reads /proc/PID/mountinfo in the order of the file.
func Mounts(data []byte) []Mount {
	var out []Mount
	for n, line := range lines(data) {
		if m, ok := mountLine(line); ok {
			m.Line = n
			out = append(out, m)
		}
	}
	return out
}

// mountLine reads "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw".
// The optional fields before "-" vary in number.
func mountLine(line string) (Mount, bool) {
	fields := strings.Fields(line)
	dash := slices.Index(fields, "-")
	if dash < 6 || len(fields) < dash+3 {
		return Mount{}, false
	}
	m := Mount{
		Root: unescape(fields[3]), Point: unescape(fields[4]), Options: strings.Split(fields[5], ","),
		Type: fields[dash+1], Source: unescape(fields[dash+2]),
	}
	if len(fields) > dash+3 {
		m.Super = strings.Split(fields[dash+3], ",")
	}
	return m, strings.HasPrefix(m.Point, "/")
}

// unescape undoes the \040 of spaces, tabs, line ends and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// MountOf returns the mount that holds a path: the longest mount point above
// it, and of several on one point the last, which covers the others.
func MountOf(mounts []Mount, name string) (Mount, bool) {
	var best Mount
	for _, m := range mounts {
		if under(name, m.Point) && len(m.Point) >= len(best.Point) {
			best = m
		}
	}
	return best, best.Point != ""
}

func under(name, dir string) bool {
	dir = path.Clean(dir)
	return dir == "/" || name == dir || strings.HasPrefix(name, dir+"/")
}

// ReadOnly reports whether nothing can be written through the mount.
func (m Mount) ReadOnly() bool {
	return slices.Contains(m.Options, "ro") || slices.Contains(m.Super, "ro")
}

// WholeDisk reports whether the mount shows a block device from its top.
func (m Mount) WholeDisk() bool {
	return m.Root == "/" && strings.HasPrefix(m.Source, "/dev/")
}

// TmpfsSize returns the size that a tmpfs was mounted with, in bytes. Without
// a size option a tmpfs holds half of the memory, and "size=N%" is of the
// memory too; memory is then needed. False when it is no tmpfs, has no bound
// (size=0), or the size is not known.
func (m Mount) TmpfsSize(memory int64) (int64, bool) {
	if m.Type != "tmpfs" {
		return 0, false
	}
	for _, option := range m.Super {
		if size, ok := strings.CutPrefix(option, "size="); ok {
			return tmpfsSize(size, memory)
		}
	}
	return memory / 2, memory > 0
}

func tmpfsSize(text string, memory int64) (int64, bool) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		v, err := strconv.ParseInt(percent, 10, 64)
		return memory / 100 * v, err == nil && v > 0 && v <= 1000 && memory > 0
	}
	number, shift := text, 0
	if i := strings.IndexAny(text, "kKmMgG"); i >= 0 && i == len(text)-1 {
		number, shift = text[:i], 10*(1+strings.IndexByte("kmg", text[i]|0x20))
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v <= 0 || v > 1<<62>>shift {
		return 0, false
	}
	return v << shift, true
}
