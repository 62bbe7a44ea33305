// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// records splits a stream into records of fields. A record is valid until the
// next one is read.
type records struct {
	path      string
	in        *bufio.Reader
	close     func() error
	delimiter byte

	line   int // the line that the current record begins on
	next   int // the line that the next record begins on
	raw    []byte
	text   []byte // unquoted fields
	ends   []int  // where in text each field ends
	fields [][]byte
}

func newRecords(path string, r io.Reader, closer func() error, delimiter byte) *records {
	rs := &records{path: path, in: bufio.NewReaderSize(r, 256<<10), close: closer, delimiter: delimiter, next: 1}
	if mark, err := rs.in.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = rs.in.Discard(3) // just peeked, so it is there
	}
	return rs
}

// read returns the fields of the next record, or io.EOF. A blank line is a
// record without fields.
func (r *records) read() ([][]byte, error) {
	r.line = r.next
	if err := r.readRaw(); err != nil {
		return nil, err
	}
	body := trimBreak(r.raw)
	if err := r.checkBytes(body); err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, nil
	}
	if bytes.IndexByte(body, '"') < 0 {
		return r.plain(body), nil
	}
	return r.quoted(body)
}

// readRaw reads lines until every quote is closed.
func (r *records) readRaw() error {
	r.raw = r.raw[:0]
	open := false
	for {
		piece, err := r.in.ReadSlice('\n')
		r.raw = append(r.raw, piece...)
		if len(r.raw) > MaxRecordBytes {
			return r.tooLong(open)
		}
		open = open != (bytes.Count(piece, []byte{'"'})%2 == 1)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(r.raw) == 0:
			return io.EOF
		case errors.Is(err, io.EOF) && open:
			return newError(r.path, "Quote without an end", "A field that begins with a double quote is not closed before the end of the file. Close it, or double the quote if it is part of the text.").at(r.line)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return newError(r.path, "File that cannot be read", "%v.", err).at(r.next).because(err)
		}
		r.next++
		if !open {
			return nil
		}
	}
}

func (r *records) tooLong(open bool) error {
	if open {
		return newError(r.path, "Record that is too long", "A record goes on for more than %d bytes inside double quotes. A quote that is never closed is the usual reason.", MaxRecordBytes).at(r.line)
	}
	return newError(r.path, "Line that is too long", "A line has more than %d bytes. Check that this is a CSV file.", MaxRecordBytes).at(r.line)
}

// trimBreak cuts the line break.
func trimBreak(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte{'\n'})
	return bytes.TrimSuffix(b, []byte{'\r'})
}

// checkBytes refuses what is not text.
func (r *records) checkBytes(body []byte) error {
	if bytes.IndexByte(body, 0) >= 0 {
		return newError(r.path, "Binary file", "The line holds a zero byte, so this is no CSV file in UTF-8. Export the table as CSV.").at(r.line)
	}
	if utf8.Valid(body) {
		return nil
	}
	at := 0
	for at < len(body) {
		if c, n := utf8.DecodeRune(body[at:]); c == utf8.RuneError && n == 1 {
			break
		} else {
			at += n
		}
	}
	line := r.line + bytes.Count(body[:at], []byte{'\n'})
	return newError(r.path, "Text that is not UTF-8", "The line holds the byte 0x%02x, which is not UTF-8. Convert the file, for example with iconv -f latin1 -t utf-8.", body[at]).at(line)
}

// plain splits a line without quotes.
func (r *records) plain(body []byte) [][]byte {
	r.fields = r.fields[:0]
	for {
		i := bytes.IndexByte(body, r.delimiter)
		if i < 0 {
			r.fields = append(r.fields, body)
			return r.fields
		}
		r.fields = append(r.fields, body[:i])
		body = body[i+1:]
	}
}

// quoted splits a record with quotes. Fields move to text, unquoted.
func (r *records) quoted(body []byte) ([][]byte, error) {
	r.text, r.ends = r.text[:0], r.ends[:0]
	for more := true; more; {
		var err error
		if body, more, err = r.field(body); err != nil {
			return nil, err
		}
		r.ends = append(r.ends, len(r.text))
	}
	r.fields = r.fields[:0]
	start := 0
	for _, end := range r.ends {
		r.fields = append(r.fields, r.text[start:end:end])
		start = end
	}
	return r.fields, nil
}

// field takes one field off body, and tells whether another one follows.
func (r *records) field(body []byte) (rest []byte, more bool, err error) {
	if len(body) == 0 || body[0] != '"' {
		i := bytes.IndexByte(body, r.delimiter)
		field := body
		if i >= 0 {
			field, rest = body[:i], body[i+1:]
		}
		if bytes.IndexByte(field, '"') >= 0 {
			return nil, false, r.stray()
		}
		r.text = append(r.text, field...)
		return rest, i >= 0, nil
	}
	return r.quotedField(body[1:])
}

// quotedField takes a field whose opening quote is gone.
func (r *records) quotedField(body []byte) (rest []byte, more bool, err error) {
	for {
		i := bytes.IndexByte(body, '"')
		if i < 0 {
			return nil, false, r.stray()
		}
		r.text = append(r.text, body[:i]...)
		body = body[i+1:]
		switch {
		case len(body) == 0:
			return nil, false, nil
		case body[0] == r.delimiter:
			return body[1:], true, nil
		case body[0] != '"':
			return nil, false, r.stray()
		}
		r.text = append(r.text, '"')
		body = body[1:]
	}
}

func (r *records) stray() error {
	return newError(r.path, "Stray double quote", "A double quote stands inside a field. Put the whole field in double quotes and double the ones inside it.").at(r.line)
}
