// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
)

// csvLiner appends records of RFC 4180.
type csvLiner struct {
	schema *arrow.Schema
	cells  []cell
	cols   []arrow.Array
}

func newCSVLiner(schema *arrow.Schema) *csvLiner {
	return &csvLiner{schema: schema}
}

func (c *csvLiner) header(buf []byte) []byte {
	for i, f := range c.schema.Fields() {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendField(buf, []byte(f.Name))
	}
	return append(buf, '\n')
}

func (c *csvLiner) batch(batch arrow.RecordBatch) (err error) {
	c.cols = batch.Columns()
	c.cells, err = cellsOf(batch, plainText)
	return err
}

func (c *csvLiner) row(buf []byte, row int) []byte {
	for i, cell := range c.cells {
		if i > 0 {
			buf = append(buf, ',')
		}
		if c.cols[i].IsValid(row) {
			buf = cell(buf, row)
		}
	}
	return append(buf, '\n')
}

func (c *csvLiner) replaced() int64 { return 0 }

// plainText is how CSV writes a string.
var plainText = style{text: appendField}

// appendField quotes a text when it must, and when a reader that trims spaces
// would change it.
func appendField(buf, text []byte) []byte {
	if len(text) == 0 {
		return buf
	}
	if !bytes.ContainsAny(text, ",\"\r\n") && !blank(text[0]) && !blank(text[len(text)-1]) {
		return append(buf, text...)
	}
	buf = append(buf, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return append(append(buf, text...), '"')
		}
		buf = append(append(buf, text[:i]...), '"', '"')
		text = text[i+1:]
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
