// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"iter"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// sample is the beginning of a source.
type sample struct {
	Source
	most int64 // rows

	mu sync.Mutex
	// rows that were given at most, and those that were read for it, with the
	// position in the file then.
	given, read, bytes, total int64
	whole                     bool // the source has no more
}

// Rows of the sample, where they are known before.
func (s *sample) Rows() int64 {
	if rows := s.Source.Rows(); rows >= 0 {
		return min(rows, s.most)
	}
	return -1
}

// Batches gives the first rows.
func (s *sample) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var bytes, total, read, given int64
		inner := source.WithProgress(ctx, func(p source.Progress) {
			if p.Stage == source.StageRead {
				bytes, total = p.Bytes, p.Total
			}
		})
		for batch, err := range s.Source.Batches(inner) {
			if err != nil {
				yield(nil, err)
				return
			}
			read += batch.NumRows()
			part := batch.NewSlice(0, min(batch.NumRows(), s.most-given))
			given += part.NumRows()
			again := yield(part, nil)
			part.Release()
			s.note(given, read, bytes, total, false)
			if !again || given == s.most {
				return
			}
		}
		s.note(given, read, bytes, total, true)
	}
}

// note keeps the pass that came furthest.
func (s *sample) note(given, read, bytes, total int64, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if given >= s.given {
		s.given, s.read, s.bytes, s.total, s.whole = given, read, bytes, total, s.whole || whole
	}
}

// taken are the rows that were given.
func (s *sample) taken() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

// expected are the rows of the whole source: counted, or by how far in the file the
// sample came; -1 when neither can be told.
func (s *sample) expected() int64 {
	if rows := s.Source.Rows(); rows >= 0 {
		return rows
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.whole:
		return s.read
	case s.bytes <= 0 || s.total <= 0:
		return -1
	}
	return share(s.read, s.bytes, s.total)
}
