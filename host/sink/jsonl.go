// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

// jsonLiner appends objects.
type jsonLiner struct {
	keys  [][]byte // with comma and colon
	cells []cell
	cols  []arrow.Array
	lost  int64
	style style
}

func newJSONLiner(schema *arrow.Schema) *jsonLiner {
	j := &jsonLiner{}
	for i, f := range schema.Fields() {
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		j.keys = append(j.keys, append(appendJSON(key, []byte(f.Name)), ':'))
	}
	j.style = style{text: appendJSON, binary: appendBase64, quoteTimes: true, lost: &j.lost, lists: true}
	return j
}

func (j *jsonLiner) header(buf []byte) []byte { return buf }

func (j *jsonLiner) batch(batch arrow.RecordBatch) (err error) {
	j.cols = batch.Columns()
	j.cells, err = cellsOf(batch, j.style)
	return err
}

func (j *jsonLiner) row(buf []byte, row int) []byte {
	for i, cell := range j.cells {
		buf = append(buf, j.keys[i]...)
		if j.cols[i].IsValid(row) {
			buf = cell(buf, row)
		} else {
			buf = append(buf, "null"...)
		}
	}
	return append(buf, '}', '\n')
}

func (j *jsonLiner) replaced() int64 { return j.lost }

func appendBase64(buf, b []byte) []byte {
	buf = append(buf, '"')
	return append(base64.StdEncoding.AppendEncode(buf, b), '"')
}

const hexDigits = "0123456789abcdef"

// appendJSON writes a string of JSON. What is not UTF-8 becomes U+FFFD; tables
// hold none of it.
func appendJSON(buf, text []byte) []byte {
	buf = append(buf, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if c >= utf8.RuneSelf && (r != utf8.RuneError || n > 1) {
			i += n
			continue
		}
		buf = append(buf, text[start:i]...)
		buf = appendEscape(buf, c)
		i++
		start = i
	}
	return append(append(buf, text[start:]...), '"')
}

func appendEscape(buf []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(buf, '\\', c)
	case c == '\n':
		return append(buf, '\\', 'n')
	case c == '\t':
		return append(buf, '\\', 't')
	case c >= utf8.RuneSelf:
		return append(buf, "\ufffd"...)
	}
	return append(buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
