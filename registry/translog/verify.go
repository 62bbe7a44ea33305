// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// A ForkError says that a log showed two states that cannot both be true. The
// two notes, both signed by a key of the log, are the evidence.
type ForkError struct {
	Saved, Seen Checkpoint // what this client kept, what the log shows now
	// Shrunk: the log shows fewer records than before. It may be an old copy of
	// an honest log.
	Shrunk bool
}

func (e *ForkError) Error() string {
	if e.Shrunk {
		return fmt.Sprintf("the log had %d records and shows %d now", e.Saved.Size, e.Seen.Size)
	}
	return fmt.Sprintf("the log of %d records is not a continuation of the one of %d records that was seen before: they are two logs", e.Seen.Size, e.Saved.Size)
}

// A ProofError says that what the log serves does not prove what it should.
type ProofError struct {
	ID, Version string // of the release; empty when it is about the log as a whole
	Reason      string
}

func (e *ProofError) Error() string {
	if e.ID == "" {
		return "the log proves nothing: " + e.Reason
	}
	return fmt.Sprintf("the log does not prove that %s %s is in it: %s", e.ID, e.Version, e.Reason)
}

// Verifier is the side of a log that believes nothing. It is safe for concurrent
// use; of several processes with one state, one at a time may update.
type Verifier struct {
	Source files.Source
	Key    note.Verifier // that signs the log; see Handover
	// State is the file with the last checkpoint; its directory must be there.
	// When it is empty, the checkpoint is kept as long as the Verifier.
	State string

	mu     sync.Mutex
	former []note.Verifier // keys that signed the log before
	now    *Checkpoint     // what was proven last
	cache  tileCache
}

// Handover says which key signs the log from now on, and which keys did before.
// Whoever calls it knows that from somebody other than the log. A checkpoint that
// was kept counts with the signature of any of them, and one that the log shows
// with that of the first only.
func (v *Verifier) Handover(now note.Verifier, former []note.Verifier) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Key, v.former = now, former
}

// Forget drops what was proven and is in memory. The file of the last checkpoint
// is its owner's to remove.
func (v *Verifier) Forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = nil
	v.cache.reset()
}

// Update reads the log's checkpoint, proves that it continues the one that was
// kept, and keeps it. The errors are *ForkError, *ProofError, *files.TooLargeError,
// and *SourceError when the log cannot be read.
func (v *Verifier) Update(ctx context.Context) (Checkpoint, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	saved, err := v.load()
	if err != nil {
		return Checkpoint{}, err
	}
	data, err := read(ctx, v.Source, CheckpointName, MaxCheckpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	seen, err := ParseCheckpoint(data, v.Key)
	if err != nil {
		return Checkpoint{}, &ProofError{Reason: err.Error()}
	}
	if err := v.continues(ctx, saved, seen); err != nil {
		return Checkpoint{}, err
	}
	return seen, v.keep(saved, seen)
}

// Saved is the checkpoint that was kept, or nil when none was.
func (v *Verifier) Saved() (*Checkpoint, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.load()
}

func (v *Verifier) load() (*Checkpoint, error) {
	if v.State == "" {
		return v.now, nil
	}
	data, err := durable.ReadFile(v.State, MaxCheckpoint)
	if errors.Is(err, files.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := ParseCheckpoint(data, v.Key)
	for _, key := range v.former {
		if err == nil {
			break
		}
		if old, was := ParseCheckpoint(data, key); was == nil {
			c, err = old, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s, which holds the last checkpoint that was seen, is damaged: %w; if you know why, remove it", v.State, err)
	}
	return &c, nil
}

func (v *Verifier) keep(saved *Checkpoint, seen Checkpoint) error {
	v.now = &seen
	if v.State == "" || saved != nil && saved.same(seen) {
		return nil
	}
	if err := durable.Replace(v.State, seen.Note, nil); err != nil {
		return fmt.Errorf("the log's checkpoint cannot be kept in %s: %w", filepath.Dir(v.State), err)
	}
	return nil
}

// continues proves that a checkpoint's tree begins with that of another one.
func (v *Verifier) continues(ctx context.Context, saved *Checkpoint, seen Checkpoint) error {
	if saved == nil || saved.same(seen) {
		return nil
	}
	fork := &ForkError{Saved: *saved, Seen: seen, Shrunk: seen.Size < saved.Size}
	if seen.Size <= saved.Size {
		return fork
	}
	v.cache.reset() // tiles of the other tree would make a fork look like a bad mirror
	hash, err := tlog.TreeHash(saved.Size, v.reader(ctx, seen))
	if err != nil {
		return doubt(err)
	}
	if hash != saved.Root {
		return fork
	}
	return nil
}

func (v *Verifier) reader(ctx context.Context, c Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(c.tree(), &tiles{ctx: ctx, src: v.Source, cache: &v.cache})
}

// doubt is the error of a tree that could not be read. What tlog refuses proves
// nothing; what could not be read stays that.
func doubt(err error) error {
	var source *SourceError
	var long *files.TooLargeError
	var proof *ProofError
	if errors.As(err, &source) || errors.As(err, &long) || errors.As(err, &proof) {
		return err
	}
	return &ProofError{Reason: "its tiles do not add up to the hash that it signed (" + err.Error() + ")"}
}

// Included proves that a release is in the log as it was at the last Update, or
// at the checkpoint that is kept when there was none, and returns the index of
// its record.
func (v *Verifier) Included(ctx context.Context, r *release.Release) (int64, error) {
	record, err := Record(r)
	if err != nil {
		return 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now == nil {
		if v.now, err = v.load(); err != nil {
			return 0, err
		}
	}
	if v.now == nil {
		return 0, errors.New("the log was not read yet; refresh the registry first")
	}
	return v.included(ctx, *v.now, r, tlog.RecordHash(record))
}

func (v *Verifier) included(ctx context.Context, c Checkpoint, r *release.Release, record tlog.Hash) (int64, error) {
	refuse := func(format string, args ...any) (int64, error) {
		return 0, &ProofError{ID: r.ID, Version: r.Version, Reason: fmt.Sprintf(format, args...)}
	}
	data, err := read(ctx, v.Source, LookupName(r.ID, r.Version), maxLookup)
	if errors.Is(err, files.ErrNotExist) {
		return refuse("it has no record of that release")
	}
	if err != nil {
		return 0, err
	}
	index, err := parseLookup(data)
	if err != nil {
		return refuse("%v", err)
	}
	if index >= c.Size {
		return refuse("the record would be number %d of a log with %d", index, c.Size)
	}
	hashes, err := v.reader(ctx, c).ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return 0, doubt(err)
	}
	if hashes[0] != record {
		return refuse("record %d says something else", index)
	}
	return index, nil
}
