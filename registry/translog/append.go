// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// Log is the side of a log that appends. One at a time may append: whoever has a
// Log keeps others away.
type Log struct {
	store  files.Store
	signer note.Signer
	key    note.Verifier
	cache  tileCache
}

// Create writes the checkpoint of an empty log. A store that has one is refused.
func Create(ctx context.Context, store files.Store, signer note.Signer, key note.Verifier) (*Log, error) {
	_, err := read(ctx, store, CheckpointName, MaxCheckpoint)
	if err == nil {
		return nil, fmt.Errorf("%s has a log already", store)
	}
	if !errors.Is(err, files.ErrNotExist) {
		return nil, err
	}
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		return nil, err
	}
	l := &Log{store: store, signer: signer, key: key}
	_, err = l.commit(ctx, tlog.Tree{Hash: empty})
	return l, err
}

// Open opens a log to append. It is the log of the signer's key: key verifies
// what the signer signs.
func Open(ctx context.Context, store files.Store, signer note.Signer, key note.Verifier) (*Log, error) {
	l := &Log{store: store, signer: signer, key: key}
	_, err := l.Checkpoint(ctx)
	return l, err
}

// Checkpoint reads the log's checkpoint.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	data, err := read(ctx, l.store, CheckpointName, MaxCheckpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	return ParseCheckpoint(data, l.key)
}

// A LoggedError says that the log holds another record of the same release.
type LoggedError struct {
	ID, Version string
	Index       int64
}

func (e *LoggedError) Error() string {
	return fmt.Sprintf("%s %s is record %d of the log with other digests, and a record never changes; publish under another version", e.ID, e.Version, e.Index)
}

// Append adds records, in their order. A record that the log has already is not
// added again, so that a publication that was cut short can be repeated; another
// record of a release that the log has is a *LoggedError.
func (l *Log) Append(ctx context.Context, records ...[]byte) (Checkpoint, error) {
	now, err := l.Checkpoint(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	a := &addition{ctx: ctx, log: l, old: now, tiles: &tiles{ctx: ctx, src: l.store, cache: &l.cache}, hashes: map[int64]tlog.Hash{}}
	for _, r := range records {
		if err := a.add(r); err != nil {
			return Checkpoint{}, err
		}
	}
	if len(a.records) == 0 {
		return now, nil
	}
	tree, err := a.write()
	if err != nil {
		return Checkpoint{}, err
	}
	return l.commit(ctx, tree)
}

func (l *Log) commit(ctx context.Context, tree tlog.Tree) (Checkpoint, error) {
	c, err := sign(tree, l.signer)
	if err == nil {
		_, err = ParseCheckpoint(c.Note, l.key) // the two keys belong together
	}
	if err != nil {
		return Checkpoint{}, err
	}
	return c, l.store.Put(ctx, CheckpointName, bytes.NewReader(c.Note))
}

// addition is the records of one Append and their hashes.
type addition struct {
	ctx     context.Context
	log     *Log
	old     Checkpoint
	tiles   *tiles
	records [][]byte
	names   []string            // of the lookups of the records
	hashes  map[int64]tlog.Hash // by storage index
}

func (a *addition) size() int64 { return a.old.Size + int64(len(a.records)) }

// ReadHashes is the tree with the addition: what it does not hold is in tiles.
func (a *addition) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	var old []int64
	var places []int
	for i, x := range indexes {
		h, ok := a.hashes[x]
		if hashes[i] = h; !ok {
			old, places = append(old, x), append(places, i)
		}
	}
	if len(old) == 0 {
		return hashes, nil
	}
	found, err := tlog.TileHashReader(a.old.tree(), a.tiles).ReadHashes(old)
	if err != nil {
		return nil, err
	}
	for i, p := range places {
		hashes[p] = found[i]
	}
	return hashes, nil
}

func (a *addition) add(record []byte) error {
	e, err := ParseRecord(record)
	if err != nil {
		return err
	}
	name := LookupName(e.ID, e.Version)
	logged, err := a.logged(e, name, record)
	if err != nil || logged {
		return err
	}
	first := tlog.StoredHashIndex(0, a.size())
	hashes, err := tlog.StoredHashes(a.size(), record, a)
	if err != nil {
		return err
	}
	for i, h := range hashes {
		a.hashes[first+int64(i)] = h
	}
	a.records, a.names = append(a.records, record), append(a.names, name)
	return nil
}

// logged reports whether the log has a record. A lookup of a record that was
// never committed says nothing.
func (a *addition) logged(e Entry, name string, record []byte) (bool, error) {
	for i, n := range a.names {
		if n == name {
			return sameRecord(e, a.old.Size+int64(i), tlog.RecordHash(a.records[i]), record)
		}
	}
	data, err := read(a.ctx, a.log.store, name, maxLookup)
	if errors.Is(err, files.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	index, err := parseLookup(data)
	if err != nil || index >= a.old.Size {
		return false, err
	}
	return a.at(e, index, record)
}

// at compares a record with the one at an index, which may be that of another
// release when the lookup was written by an Append that did not end.
func (a *addition) at(e Entry, index int64, record []byte) (bool, error) {
	hash, err := a.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return false, err
	}
	if hash[0] == tlog.RecordHash(record) {
		return true, nil
	}
	there, err := a.oldRecord(index)
	if err != nil {
		return false, err
	}
	other, err := ParseRecord(there)
	if err != nil || other.ID != e.ID || other.Version != e.Version {
		return false, err
	}
	return sameRecord(e, index, hash[0], record)
}

func sameRecord(e Entry, index int64, hash tlog.Hash, record []byte) (bool, error) {
	if hash != tlog.RecordHash(record) {
		return false, &LoggedError{ID: e.ID, Version: e.Version, Index: index}
	}
	return true, nil
}

// oldRecord reads a record of the log before the addition.
func (a *addition) oldRecord(index int64) ([]byte, error) {
	n := index / tileWidth
	width := min(a.old.Size-n*tileWidth, tileWidth)
	records, err := a.tiles.records(tlog.Tile{H: height, L: -1, N: n, W: int(width)})
	if err != nil {
		return nil, err
	}
	return records[index%tileWidth], nil
}

// write writes all but the checkpoint.
func (a *addition) write() (tlog.Tree, error) {
	for _, t := range tlog.NewTiles(height, a.old.Size, a.size()) {
		if err := a.writeTile(t); err != nil {
			return tlog.Tree{}, err
		}
	}
	for i, name := range a.names {
		line := strconv.FormatInt(a.old.Size+int64(i), 10) + "\n"
		if err := a.log.store.Put(a.ctx, name, bytes.NewReader([]byte(line))); err != nil {
			return tlog.Tree{}, err
		}
	}
	hash, err := tlog.TreeHash(a.size(), a)
	return tlog.Tree{N: a.size(), Hash: hash}, err
}

func (a *addition) writeTile(t tlog.Tile) error {
	data, err := tlog.ReadTileData(t, a)
	if err != nil {
		return err
	}
	if err := a.log.store.Put(a.ctx, dir+t.Path(), bytes.NewReader(data)); err != nil || t.L != 0 {
		return err
	}
	t.L = -1
	records, err := a.tileRecords(t)
	if err != nil {
		return err
	}
	return a.log.store.Put(a.ctx, dir+t.Path(), bytes.NewReader(joinData(records)))
}

// tileRecords is the records of a data tile: those that are there, which are
// proven first, and new ones.
func (a *addition) tileRecords(t tlog.Tile) ([][]byte, error) {
	begin := t.N * tileWidth
	var records [][]byte
	if have := a.old.Size - begin; have > 0 {
		old, err := a.tiles.records(tlog.Tile{H: height, L: -1, N: t.N, W: int(have)})
		if err != nil {
			return nil, err
		}
		if err := proveRecords(a, begin, old); err != nil {
			return nil, err
		}
		records = old
	}
	from := begin + int64(len(records)) - a.old.Size
	return append(records, a.records[from:begin+int64(t.W)-a.old.Size]...), nil
}

// proveRecords checks that records are those of the tree from an index on.
func proveRecords(r tlog.HashReader, begin int64, records [][]byte) error {
	indexes := make([]int64, len(records))
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, begin+int64(i))
	}
	hashes, err := r.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i, h := range hashes {
		if h != tlog.RecordHash(records[i]) {
			return &ProofError{Reason: fmt.Sprintf("record %d is not the one that the log's tree has there", begin+int64(i))}
		}
	}
	return nil
}
