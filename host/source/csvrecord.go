// SPDX-License-Identifier: Apache-2.0

package source

import "bytes"

// records splits a text into records of fields. A record is valid until the
// next one is read.
type records struct {
	*block
	delimiter byte
	text      []byte // unquoted fields
	ends      []int  // where in text each field ends
	fields    [][]byte
}

func newRecords(b *block, delimiter byte) *records {
	return &records{block: b, delimiter: delimiter}
}

// read returns the fields of the next record, or io.EOF. A blank line is a
// record without fields.
func (r *records) read() ([][]byte, error) {
	body, err := r.record(true)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	if bytes.IndexByte(body, '"') >= 0 {
		return r.quoted(body)
	}
	if bytes.IndexByte(body, '\r') >= 0 {
		return nil, r.bareReturn()
	}
	return r.plain(body), nil
}

// plain splits a line without quotes.
func (r *records) plain(body []byte) [][]byte {
	fields, delimiter, start := r.fields[:0], r.delimiter, 0
	for i, c := range body {
		if c == delimiter {
			fields = append(fields, body[start:i:i])
			start = i + 1
		}
	}
	fields = append(fields, body[start:])
	r.fields = fields
	return fields
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
		if bytes.IndexByte(field, '\r') >= 0 {
			return nil, false, r.bareReturn()
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

// bareReturn refuses a carriage return that no line feed follows: some programs
// end lines with it, and taken as a character it would join their rows.
func (r *records) bareReturn() error {
	return newError(r.path, "Carriage return inside a line", "Lines end with LF or CRLF. If this file ends them with CR alone, convert it: tr '\\r' '\\n'. Put a field that holds one in double quotes.").at(r.line)
}

func (r *records) stray() error {
	return newError(r.path, "Stray double quote", "A double quote stands inside a field. Put the whole field in double quotes and double the ones inside it.").at(r.line)
}
