// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"unicode/utf8"
)

// block cuts a text into records, which are views of its buffer.
type block struct {
	ctx        context.Context
	in         io.Reader
	path       string
	buf        []byte
	start, end int
	eof        bool

	line     int   // the line that the current record begins on
	next     int   // the line that the next record begins on
	consumed int64 // bytes of records so far, breaks included
}

// blockBytes is the size of the buffer while records are short.
const blockBytes = 256 << 10

func newBlock(ctx context.Context, path string, in io.Reader) *block {
	return &block{ctx: ctx, in: in, path: path, buf: make([]byte, blockBytes), next: 1}
}

// record returns the bytes up to the next line break, or with quotes up to the
// next one outside of double quotes, without the break; io.EOF after the last.
// The result is valid until the next call.
func (b *block) record(quotes bool) ([]byte, error) {
	b.line = b.next
	scanned, open := 0, false
	for {
		rest := b.buf[b.start+scanned : b.end]
		i := bytes.IndexByte(rest, '\n')
		piece := rest
		if i >= 0 {
			piece = rest[:i]
			b.next++
		}
		if quotes && bytes.IndexByte(piece, '"') >= 0 {
			open = open != (bytes.Count(piece, []byte{'"'})%2 == 1)
		}
		scanned += len(piece)
		if scanned > MaxRecordBytes {
			return nil, b.tooLong(open)
		}
		if i >= 0 && !open {
			return b.take(scanned, 1)
		}
		if i >= 0 {
			scanned++
			continue
		}
		if b.eof {
			return b.last(scanned, open)
		}
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
}

// last is the record that no line break ends.
func (b *block) last(n int, open bool) ([]byte, error) {
	switch {
	case n == 0:
		return nil, io.EOF
	case open:
		return nil, newError(b.path, "Quote without an end", "A field that begins with a double quote is not closed before the end of the file. Close it, or double the quote if it is part of the text.").at(b.line)
	}
	return b.take(n, 0)
}

// take gives n bytes away and skips the break behind them.
func (b *block) take(n, skip int) ([]byte, error) {
	record := b.buf[b.start : b.start+n : b.start+n]
	b.start += n + skip
	b.consumed += int64(n + skip)
	record = bytes.TrimSuffix(record, []byte{'\r'})
	return record, b.checkBytes(record)
}

// fill reads more behind what is there.
func (b *block) fill() error {
	if b.start > 0 {
		copy(b.buf, b.buf[b.start:b.end])
		b.start, b.end = 0, b.end-b.start
	}
	if b.end == len(b.buf) {
		b.buf = append(b.buf, make([]byte, len(b.buf))...)
	}
	n, err := b.in.Read(b.buf[b.end:])
	first := b.consumed == 0 && b.end == 0
	b.end += n
	if first && bytes.HasPrefix(b.buf[:b.end], []byte("\xef\xbb\xbf")) {
		b.start = 3
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		b.eof = true
		return nil
	case b.ctx.Err() != nil:
		return context.Cause(b.ctx)
	case isOurs(err):
		return err
	}
	return newError(b.path, "File that cannot be read", "%v.", err).at(b.next).because(err)
}

func (b *block) tooLong(open bool) error {
	if open {
		return newError(b.path, "Record that is too long", "A record goes on for more than %d bytes inside double quotes. A quote that is never closed is the usual reason.", MaxRecordBytes).at(b.line)
	}
	return newError(b.path, "Line that is too long", "A line has more than %d bytes. Check that this is a text file with one record on each line.", MaxRecordBytes).at(b.line)
}

// checkBytes refuses what is not text.
func (b *block) checkBytes(body []byte) error {
	if bytes.IndexByte(body, 0) >= 0 {
		return newError(b.path, "Binary file", "The line holds a zero byte, so this is no text file in UTF-8. Export the table as CSV, or remove the zero bytes.").at(b.line)
	}
	if utf8.Valid(body) {
		return nil
	}
	at := 0
	for at < len(body) {
		c, n := utf8.DecodeRune(body[at:])
		if c == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	line := b.line + bytes.Count(body[:at], []byte{'\n'})
	return newError(b.path, "Text that is not UTF-8", "The line holds the byte 0x%02x, which is not UTF-8. Convert the file, for example with iconv -f latin1 -t utf-8.", body[at]).at(line)
}
