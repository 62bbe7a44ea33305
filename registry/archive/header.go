// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Sizes of tar: of a block, and of the fields that hold a name.
const (
	blockSize   = 512
	nameField   = 100
	prefixField = 155
)

type block [blockSize]byte

// entry is what the header of a file says.
type entry struct {
	name string
	size int64 // bytes
	exec bool  // its owner may execute it
}

func (e entry) mode() int64 {
	if e.exec {
		return 0o755
	}
	return 0o644
}

// padding is the number of zeros after the content.
func (e entry) padding() int64 { return -e.size & (blockSize - 1) }

// header is the one header that says it. The name has been checked.
func (e entry) header() *block {
	var b block
	prefix, name, _ := split(e.name)
	copy(b[0:], name)
	octal(b[100:108], e.mode())
	octal(b[108:116], 0) // uid
	octal(b[116:124], 0) // gid
	octal(b[124:136], e.size)
	octal(b[136:148], 0) // mtime
	b[156] = '0'
	copy(b[257:], "ustar\x0000")
	octal(b[329:337], 0) // devmajor
	octal(b[337:345], 0) // devminor
	copy(b[345:], prefix)
	octal(b[148:155], b.sum())
	b[155] = ' '
	return &b
}

// octal fills a field with digits and a NUL.
func octal(field []byte, n int64) { copy(field, fmt.Sprintf("%0*o", len(field)-1, n)) }

// sum is the checksum of a header, in which its own field counts as spaces.
func (b *block) sum() int64 {
	sum := int64(8 * ' ')
	for i, c := range b {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return sum
}

// split divides a name into the fields of a header.
func split(name string) (prefix, rest string, ok bool) {
	if len(name) <= nameField {
		return "", name, true
	}
	i := strings.LastIndexByte(name[:min(len(name), prefixField+1)], '/')
	if i <= 0 || len(name)-i-1 > nameField || i == len(name)-1 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}

// parse reads a header and refuses all but the one that says the same.
func (b *block) parse() (entry, error) {
	e := entry{name: text(b[0:nameField])}
	if prefix := text(b[345 : 345+prefixField]); prefix != "" {
		e.name = prefix + "/" + e.name
	}
	if reason, rule := b.foreign(); reason != "" {
		return e, refuse(rule, e.name, "%s", reason)
	}
	if err := CheckName(e.name); err != nil {
		return e, err
	}
	var err error
	if e.size, err = strconv.ParseInt(text(b[124:136]), 8, 64); err != nil || e.size < 0 {
		return e, refuse(RuleHeader, e.name, "has no size in octal digits")
	}
	e.exec = bytes.Equal(b[100:108], []byte("0000755\x00"))
	if *b != *e.header() {
		return e, refuse(RuleHeader, e.name, "has a header in another spelling (owner, time, mode, checksum or unused bytes)")
	}
	return e, nil
}

// foreign says what a header is that no archive has; empty when it may be one of
// ours. Another check finds every difference; this one knows words for it.
func (b *block) foreign() (reason string, rule Rule) {
	switch kind := b[156]; {
	case string(b[257:265]) != "ustar\x0000":
		return "has no POSIX ustar header", RuleHeader
	case kind == '1':
		return "is a hard link", RuleLink
	case kind == '2':
		return "is a symbolic link", RuleLink
	case kind >= '3' && kind <= '6':
		return [...]string{"is a character device", "is a block device", "is a directory entry, which archives do not have", "is a pipe"}[kind-'3'], RuleSpecial
	case kind == 'x' || kind == 'g':
		return "has PAX records", RuleHeader
	case kind != '0':
		return fmt.Sprintf("has the type %q, an extension of tar", kind), RuleHeader
	case b[124]&0x80 != 0:
		return "has a size in base 256", RuleHeader
	}
	switch mode := string(b[100:108]); mode {
	case "0000644\x00", "0000755\x00":
		return "", ""
	default:
		return fmt.Sprintf("has the mode %q; only 0000644 and 0000755 are allowed", text([]byte(mode))), RuleMode
	}
}

// text is a field up to its first NUL.
func text(field []byte) string {
	before, _, _ := bytes.Cut(field, []byte{0})
	return string(before)
}
