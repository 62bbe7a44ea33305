// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// Audit is what a monitor does: it reads every record of a log, gives each to
// visit, makes the tree of them anew and compares it with the checkpoint, the
// tiles and the lookups. It holds one tile of records at a time. An error of
// visit ends it; visit may be nil.
func Audit(ctx context.Context, src files.Source, key note.Verifier, visit func(index int64, e Entry) error) (Checkpoint, error) {
	data, err := read(ctx, src, CheckpointName, MaxCheckpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := ParseCheckpoint(data, key)
	if err != nil {
		return Checkpoint{}, &ProofError{Reason: err.Error()}
	}
	a := &audit{ctx: ctx, c: c, visit: visit, tiles: &tiles{ctx: ctx, src: src, cache: &tileCache{}}}
	for n := int64(0); n*tileWidth < c.Size; n++ {
		if err := a.tile(n); err != nil {
			return Checkpoint{}, err
		}
	}
	if got := a.tree.root(); got != c.Root {
		return Checkpoint{}, &ProofError{Reason: fmt.Sprintf("its %d records have the hash %s and not %s, which it signed", c.Size, got, c.Root)}
	}
	return c, nil
}

type audit struct {
	ctx   context.Context
	c     Checkpoint
	tiles *tiles
	tree  frontier
	visit func(int64, Entry) error
}

func (a *audit) tile(n int64) error {
	begin := n * tileWidth
	width := min(a.c.Size-begin, tileWidth)
	records, err := a.tiles.records(tlog.Tile{H: height, L: -1, N: n, W: int(width)})
	if err != nil {
		return doubt(err)
	}
	if err := proveRecords(tlog.TileHashReader(a.c.tree(), a.tiles), begin, records); err != nil {
		return doubt(err)
	}
	for i, r := range records {
		if err := a.record(begin+int64(i), r); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) record(index int64, record []byte) error {
	a.tree.add(tlog.RecordHash(record))
	e, err := ParseRecord(record)
	if err != nil {
		return &ProofError{Reason: fmt.Sprintf("record %d: %v", index, err)}
	}
	data, err := read(a.ctx, a.tiles.src, LookupName(e.ID, e.Version), maxLookup)
	if err != nil {
		return err
	}
	if at, err := parseLookup(data); err != nil || at != index {
		return &ProofError{ID: e.ID, Version: e.Version, Reason: fmt.Sprintf("its lookup does not say that it is record %d; two records of one release, or a lookup that hides one", index)}
	}
	if a.visit == nil {
		return nil
	}
	return a.visit(index, e)
}

// frontier is the right edge of a growing tree: the hashes of its complete
// subtrees, the largest first.
type frontier struct {
	hashes []tlog.Hash
	size   int64
}

func (f *frontier) add(h tlog.Hash) {
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.hashes) - 1
		h = tlog.NodeHash(f.hashes[last], h)
		f.hashes = f.hashes[:last]
	}
	f.hashes = append(f.hashes, h)
	f.size++
}

func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // it reads no hash
		return empty
	}
	last := len(f.hashes) - 1
	h := f.hashes[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(f.hashes[i], h)
	}
	return h
}
