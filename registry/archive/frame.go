// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// maxWindow bounds what a decoder must remember, in bytes.
const maxWindow = 8 << 20

const (
	frameMagic     = 0xFD2FB528
	skippableMagic = 0x184D2A50 // and the fifteen numbers after it
	maxBlock       = 128 << 10
)

// frame passes a stream on to a decoder as long as it is exactly one Zstandard
// frame of the kind that archives have. Decoders by themselves are generous: they
// take several frames for one and pass over those that are to be skipped.
type frame struct {
	in    *bufio.Reader
	ready []byte // of headers that were looked at, to be passed on
	left  int64  // bytes of the current block's content
	stage stage
}

type stage int

const (
	atHeader stage = iota
	atBlock
	atChecksum
	atEnd
)

func newFrame(r io.Reader) *frame { return &frame{in: bufio.NewReaderSize(r, 64<<10)} }

// Read implements io.Reader.
func (f *frame) Read(p []byte) (int, error) {
	for len(f.ready) == 0 && f.left == 0 {
		if err := f.advance(); err != nil {
			return 0, err
		}
	}
	if len(f.ready) > 0 {
		n := copy(p, f.ready)
		f.ready = f.ready[n:]
		return n, nil
	}
	n, err := f.in.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	if f.left == 0 && errors.Is(err, io.EOF) {
		err = nil // the next step finds the end
	}
	return n, cut(err)
}

func (f *frame) advance() (err error) {
	switch f.stage {
	case atHeader:
		err = f.header()
	case atBlock:
		err = f.block()
	case atChecksum:
		f.ready, err = f.take(4)
		f.stage = atEnd
	case atEnd:
		return f.end()
	}
	return cut(err)
}

// end wants nothing after the frame.
func (f *frame) end() error {
	if _, err := f.in.ReadByte(); err != nil {
		return err // io.EOF, as it should be, or what went wrong
	}
	return refuse(RuleEnd, "", "something follows the Zstandard frame")
}

// header reads RFC 8878 section 3.1.1.1.
func (f *frame) header() error {
	start, err := f.take(5)
	if err != nil {
		return err
	}
	switch magic := binary.LittleEndian.Uint32(start); {
	case magic&^15 == skippableMagic:
		return refuse(RuleFrame, "", "it begins with a skippable Zstandard frame")
	case magic != frameMagic:
		return refuse(RuleFrame, "", "it is not compressed with Zstandard")
	}
	flags := start[4]
	switch {
	case flags&0x03 != 0:
		return refuse(RuleFrame, "", "its Zstandard frame needs a dictionary")
	case flags&0x04 == 0:
		return refuse(RuleFrame, "", "its Zstandard frame has no checksum")
	case flags&0x18 != 0:
		return refuse(RuleFrame, "", "its Zstandard frame has unknown flags")
	}
	rest, err := f.take(rest(flags))
	if err != nil {
		return err
	}
	f.ready, f.stage = slices.Concat(start, rest), atBlock
	if size := window(flags, rest); size > maxWindow {
		return refuse(RuleFrame, "", "its Zstandard frame wants a window of %d bytes, more than %d", size, maxWindow)
	}
	return nil
}

// rest is the number of bytes of a frame's header after its flags.
func rest(flags byte) int {
	single, size := flags&0x20 != 0, [...]int{0, 2, 4, 8}[flags>>6]
	switch {
	case !single:
		return size + 1
	case size == 0:
		return 1
	}
	return size
}

// window is the number of bytes that a decoder must remember.
func window(flags byte, rest []byte) uint64 {
	if flags&0x20 == 0 {
		base := uint64(1) << (10 + rest[0]>>3)
		return base + base/8*uint64(rest[0]&7)
	}
	var wide [8]byte
	copy(wide[:], rest)
	size := binary.LittleEndian.Uint64(wide[:])
	if len(rest) == 2 {
		size += 256
	}
	return size
}

// block reads the header of a block, section 3.1.1.2.
func (f *frame) block() error {
	head, err := f.take(3)
	if err != nil {
		return err
	}
	n := uint32(head[0]) | uint32(head[1])<<8 | uint32(head[2])<<16
	last, kind, size := n&1 != 0, n>>1&3, int64(n>>3)
	if kind == 3 || size > maxBlock {
		return refuse(RuleFrame, "", "a block of its Zstandard frame is of a reserved kind or larger than %d bytes", maxBlock)
	}
	if kind == 1 {
		size = 1 // one byte, to be repeated
	}
	f.ready, f.left = head, size
	if last {
		f.stage = atChecksum
	}
	return nil
}

func (f *frame) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(f.in, b)
	return b, err
}

// cut is for places where a stream must not end.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(RuleEnd, "", "it is cut off within its Zstandard frame")
	}
	return err
}
