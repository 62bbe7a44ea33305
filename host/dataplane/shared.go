// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Shared is the digest of a table that does not change, for all calls that send
// it: the call that makes the table, or the first one that sends it to the end,
// hashes it for the others. A nil Shared knows and learns nothing. It is safe
// for concurrent use.
type Shared struct {
	// Again gives the batches from the first one, however often, also after a
	// call was cancelled. They may be more than a call has sent, not fewer.
	Again Batches

	mu     sync.Mutex
	digest string
}

// known is the digest, "" while nobody has hashed the table.
func (s *Shared) known() string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.digest
}

func (s *Shared) learn(digest string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digest = digest
}

// first hashes the first rows, for a call that ended early though the digest of
// all rows is known. It is "" when they cannot be read any more.
func (s *Shared) first(schema *arrow.Schema, rows int64) string {
	wire, err := table.EncodeSchema(schema)
	if err != nil || s.Again == nil {
		return ""
	}
	d := newRowDigest(wire)
	for batch, err := range s.Again {
		if err != nil {
			return ""
		}
		if rows == 0 {
			break
		}
		part := batch.NewSlice(0, min(rows, batch.NumRows()))
		rows -= part.NumRows()
		err = d.addBatch(part)
		part.Release()
		if err != nil {
			return ""
		}
	}
	if rows > 0 {
		return ""
	}
	return d.sum()
}

// addBatch takes the next rows as they would travel.
func (d *rowDigest) addBatch(batch arrow.RecordBatch) error {
	parts, err := table.Split(batch)
	if err != nil {
		return err
	}
	for _, part := range parts {
		wire, encodeErr := table.Encode(part)
		if encodeErr == nil {
			d.add(wire)
		} else {
			err = encodeErr
		}
		part.Release()
	}
	return err
}
