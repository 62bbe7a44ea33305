// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"crypto/sha256"

	"github.com/apache/arrow-go/v18/arrow"
)

// digestForm is what a digest of rows begins with, and its version.
const digestForm = "bulkhead table rows 1\n"

// rowDigest hashes rows as the package doc says, from batches as they lie in the
// file. It reads only what Put made, or what has the checksum of that.
type rowDigest struct {
	message []byte // the schema
	columns []*nodeDigest
	rows    uint64
}

func newRowDigest(message []byte, schema *arrow.Schema) *rowDigest {
	d := &rowDigest{message: message}
	for _, f := range schema.Fields() {
		d.columns = append(d.columns, newNodeDigest(f.Type))
	}
	return d
}

// add takes the next rows.
func (d *rowDigest) add(batch []byte, rows int) {
	at := 0
	for _, c := range d.columns {
		at = c.add(batch, at, rows)
	}
	d.rows += uint64(rows)
}

// sum is the digest of the schema and of all rows so far.
func (d *rowDigest) sum() [sha256.Size]byte {
	out := le.AppendUint64([]byte(digestForm), d.rows)
	out = le.AppendUint64(out, uint64(len(d.message)))
	out = append(out, d.message...)
	for _, c := range d.columns {
		out = c.append(out)
	}
	return sha256.Sum256(out)
}
