// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path"
	"slices"
	"strings"
)

// mount is one mounted hierarchy: a line of /proc/self/mountinfo.
type mount struct {
	root    string   // the group that is seen at point; "/" is the root of the tree
	point   string   // the directory where it is mounted
	version int      // 1 or 2
	options []string // of the super block; names the controllers of version 1
}

// parseMounts reads /proc/self/mountinfo (proc(5)) and returns the cgroup mounts
// in order. Lines that make no sense are passed over, as are other file systems.
func parseMounts(data []byte) []mount {
	var mounts []mount
	for line := range strings.Lines(string(data)) {
		if m, ok := parseMount(strings.TrimSuffix(line, "\n")); ok {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// parseMount reads
//
//	36 35 98:0 /root /point rw,noatime master:1 - cgroup2 source rw,nsdelegate
//
// where the fields between the sixth and the hyphen are optional.
func parseMount(line string) (mount, bool) {
	head, tail, ok := strings.Cut(line, " - ")
	if !ok {
		return mount{}, false
	}
	left, right := strings.Split(head, " "), strings.Split(tail, " ")
	if len(left) < 6 || len(right) < 3 {
		return mount{}, false
	}
	version := map[string]int{"cgroup": 1, "cgroup2": 2}[right[0]]
	m := mount{
		root:    unescape(left[3]),
		point:   unescape(left[4]),
		version: version,
		options: strings.Split(right[2], ","),
	}
	return m, version != 0 && plain(m.root) && plain(m.point)
}

// holds says whether the mount shows the hierarchy of a controller; version 2
// has but one hierarchy.
func (m mount) holds(version int, controller string) bool {
	return m.version == version && (version == 2 || slices.Contains(m.options, controller))
}

// reach is the directory of a group as seen through the mount.
func (m mount) reach(group string) (string, bool) {
	if m.root == "/" {
		return path.Join(m.point, group), true
	}
	rest, ok := strings.CutPrefix(group, m.root)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return path.Join(m.point, rest), true
}

// plain says that a path is absolute and has no dots to climb with. A group
// outside of the host's cgroup namespace is shown as /../x: it is out of reach.
func plain(name string) bool {
	return strings.HasPrefix(name, "/") && path.Clean(name) == name && !strings.ContainsRune(name, 0)
}

// unescape undoes the octal escapes of mountinfo: \040 \011 \012 \134.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := octal(s[i:]); ok {
			b.WriteByte(c)
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// octal reads \nnn at the start of s.
func octal(s string) (byte, bool) {
	if len(s) < 4 || s[0] != '\\' {
		return 0, false
	}
	value := 0
	for _, c := range []byte(s[1:4]) {
		if c < '0' || c > '7' {
			return 0, false
		}
		value = value<<3 | int(c-'0')
	}
	return byte(value), value < 256
}
