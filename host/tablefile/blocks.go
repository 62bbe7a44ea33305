// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// block is a batch in the file.
type block struct {
	entry
	at int64
}

// blocks are the batches that can be read. What a block names is on its way to
// the disk and does not change any more.
type blocks struct {
	f      *os.File
	layout *table.Layout

	mu   sync.RWMutex
	list []block
	rows int64
	end  int64 // of the last block, or of the file when it is finished
}

// publish lets readers see more batches.
func (s *blocks) publish(more []block, end int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.end = append(s.list, more...), end
	for _, b := range more {
		s.rows += int64(b.rows)
	}
}

// Schema of every batch.
func (s *blocks) Schema() *arrow.Schema { return s.layout.Schema() }

// Len is the number of batches that can be read.
func (s *blocks) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.list)
}

// Batch reads the i-th batch, counted from 0. The caller releases it, and its
// memory is used again after that.
func (s *blocks) Batch(i int) (arrow.RecordBatch, error) {
	s.mu.RLock()
	n := len(s.list)
	if i < 0 || i >= n {
		s.mu.RUnlock()
		return nil, fmt.Errorf("batch %d of %d of %s: %w", i, n, s.f.Name(), ErrNoBatch)
	}
	b := s.list[i]
	s.mu.RUnlock()
	return s.read(i, b)
}

func (s *blocks) read(i int, b block) (arrow.RecordBatch, error) {
	buf := buffers.get(int(padded(int64(b.length))))
	if err := s.fill(buf, i, b); err != nil {
		buffers.put(buf)
		return nil, err
	}
	batch, err := s.layout.Get(buf[:b.length], int64(b.rows), table.GetOptions{Release: func() { buffers.put(buf) }})
	if err != nil {
		buffers.put(buf)
		return nil, s.damaged(batchPart(i), err)
	}
	return batch, nil
}

// fill reads a block and compares its checksum.
func (s *blocks) fill(buf []byte, i int, b block) error {
	if err := s.readAt(buf, b.at, batchPart(i)); err != nil {
		return err
	}
	if got := checksum(buf); got != b.sum {
		return s.damaged(batchPart(i), wrong("its checksum is %08x, and the index says %08x", got, b.sum))
	}
	return nil
}

// readAt reads a part that lies inside of the file as it was when it was opened.
func (s *blocks) readAt(buf []byte, at int64, part string) error {
	n, err := s.f.ReadAt(buf, at)
	if n == len(buf) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return s.damaged(part, wrong("the file ends %d bytes before the end of it", len(buf)-n))
	}
	return err
}

func (s *blocks) damaged(part string, err error) error {
	return &DamageError{File: s.f.Name(), Part: part, Err: err}
}
