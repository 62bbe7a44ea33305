// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
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
	schema  *arrow.Schema // of the first batch
	mixed   bool          // another batch had another schema
	pending chan hashed   // nil before the first batch
	done    chan struct{}
}

// hashed is a batch to be hashed; its memory is borrowed until release.
type hashed struct {
	wire    *pluginv1.Batch
	release func()
}

// tallyAhead is how many batches may wait for their hash. It bounds the memory
// that hashing holds; past it the wire waits.
const tallyAhead = 2

// add hands over the next batch and its wire form, which share memory.
func (t *tally) add(batch arrow.RecordBatch, wire *pluginv1.Batch) {
	if t == nil {
		return
	}
	if t.pending == nil {
		t.begin(batch.Schema(), wire.GetSchema())
	}
	if t.mixed = t.mixed || t.schema != batch.Schema() && !t.schema.Equal(batch.Schema()); t.mixed {
		return
	}
	batch.Retain()
	t.pending <- hashed{wire, batch.Release}
}

// begin starts hashing rows of a schema.
func (t *tally) begin(schema *arrow.Schema, wire *pluginv1.TableSchema) {
	t.digest, t.schema = newRowDigest(wire), schema
	t.pending, t.done = make(chan hashed, tallyAhead), make(chan struct{})
	go t.run()
}

func (t *tally) run() {
	defer close(t.done)
	for b := range t.pending {
		t.digest.add(b.wire)
		b.release()
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
