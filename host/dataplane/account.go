// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Account is what a call moved, whether it came to its end or not. The digests
// are those of the package doc; "" means that nothing is known to hash.
type Account struct {
	// Rows that were sent and that arrived.
	RowsIn, RowsOut int64
	// InputDigest is of the rows that were sent.
	InputDigest string
	// OutputDigest is of the rows that arrived, "" when no batch did; of a fit,
	// it is of the bytes of the fitted state.
	OutputDigest string
}

// tally hashes the rows that go one way, in a goroutine of its own, so that
// hashing takes the time in which the wire works. A nil tally does nothing.
type tally struct {
	digest  *rowDigest
	schema  *arrow.Schema          // of the first batch
	mixed   bool                   // another batch had another schema
	pending chan arrow.RecordBatch // nil before the first batch
	done    chan struct{}
}

// tallyAhead is how many batches may wait for their hash. It bounds the memory
// that hashing holds; past it the wire waits.
const tallyAhead = 2

// add hands over the next batch.
func (t *tally) add(batch arrow.RecordBatch) {
	if t == nil {
		return
	}
	if t.pending == nil {
		t.begin(batch.Schema())
	}
	if t.mixed = t.mixed || t.schema != batch.Schema() && !t.schema.Equal(batch.Schema()); t.mixed {
		return
	}
	batch.Retain()
	t.pending <- batch
}

// begin starts hashing rows of a schema.
func (t *tally) begin(schema *arrow.Schema) {
	t.schema = schema
	if wire, err := table.EncodeSchema(schema); err == nil {
		t.digest = newRowDigest(wire)
	} else {
		t.mixed = true
	}
	t.pending, t.done = make(chan arrow.RecordBatch, tallyAhead), make(chan struct{})
	go t.run()
}

func (t *tally) run() {
	defer close(t.done)
	for batch := range t.pending {
		// What travelled can be encoded.
		if wire, err := table.EncodeRows(batch); err == nil {
			t.digest.add(wire)
		}
		batch.Release()
	}
}

// sum waits for what is pending. Nothing can be added afterwards.
func (t *tally) sum() string {
	if t == nil {
		return ""
	}
	if t.pending != nil {
		close(t.pending)
		<-t.done
	}
	if t.digest == nil || t.mixed {
		return ""
	}
	return t.digest.sum()
}
