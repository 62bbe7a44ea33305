// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// MaxExpansion bounds what a compressed file becomes: this many times its size,
// after the first SampleBytes.
const MaxExpansion = 250

// bounded refuses a file that expands without end.
type bounded struct {
	in    io.Reader
	ctx   context.Context
	file  *file
	kind  string
	left  int64
	limit int64
}

func newBounded(in *input, kind string) *bounded {
	limit := SampleBytes + MaxExpansion*in.file.info.Size()
	return &bounded{ctx: in.count.ctx, file: in.file, kind: kind, left: limit, limit: limit}
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, newError(b.file.path, "Compressed file that expands without end",
			"It has %d bytes and becomes more than %d, as a file does that is made to exhaust its reader. If it is meant so, decompress it and name the result.", b.file.info.Size(), b.limit)
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if b.ctx.Err() != nil {
		return n, context.Cause(b.ctx)
	}
	if isOurs(err) {
		return n, err
	}
	return n, b.damaged(err)
}

func (b *bounded) damaged(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return newError(b.file.path, "Compressed file that needs too much memory",
			"Its reader would have to keep more than %d bytes of the text, as after zstd --long. Compress it without, or decompress it and name the result.", maxWindow).because(err)
	}
	detail := fmt.Sprintf("It cannot be decompressed any further: %v.", err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		detail = "It ends in the middle of its data."
	}
	return newError(b.file.path, "Damaged "+b.kind+" file", "%s Copy or download it again.", detail).because(err)
}
