// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/artifact"
	"github.com/bulkhead-ml/bulkhead/host/tablefile"
)

// cacheIn is a cache in a store of artifacts.
func cacheIn(store *artifact.Store) Cache { return storeCache{store} }

type storeCache struct{ store *artifact.Store }

// Get returns the artifact of ingredients.
func (c storeCache) Get(_ context.Context, of []Ingredient) (CacheEntry, error) {
	a, err := c.store.Get(artifact.KeyOf(of))
	if errors.Is(err, artifact.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := a.Table()
	if err != nil {
		a.Close()
		return nil, err
	}
	return storeEntry{a, t}, nil
}

// Create begins the artifact of ingredients.
func (c storeCache) Create(_ context.Context, of []Ingredient) (CacheDraft, error) {
	d, err := c.store.Create(artifact.KeyOf(of))
	if err != nil {
		return nil, err
	}
	return &storeDraft{Draft: d, info: artifact.Info{Ingredients: of}}, nil
}

// storeEntry is an artifact as the engine reads it.
type storeEntry struct {
	*artifact.Artifact
	table *tablefile.File
}

// Outcome is the JSON that Commit was given.
func (e storeEntry) Outcome() []byte { return e.Info().Outcome }

// Table is nil when none was kept.
func (e storeEntry) Table() Table {
	if e.table == nil {
		return nil
	}
	return storedTable{e.table}
}

// Close lets others remove the artifact.
func (e storeEntry) Close() error {
	e.Artifact.Close()
	return nil
}

// storedTable is the table of an artifact.
type storedTable struct{ *tablefile.File }

// Rows of the table.
func (t storedTable) Rows() int64 { return t.Summary().Rows }

// storeDraft is an artifact in the making.
type storeDraft struct {
	*artifact.Draft
	info  artifact.Info
	table *tablefile.Writer
}

// Table begins the table.
func (d *storeDraft) Table(schema *arrow.Schema) (err error) {
	d.table, err = d.Draft.Table(schema)
	return err
}

// Append adds rows to the table.
func (d *storeDraft) Append(batch arrow.RecordBatch) error { return d.table.Append(batch) }

// Commit puts the artifact into the store.
func (d *storeDraft) Commit(outcome []byte) error {
	d.info.Outcome = outcome
	defer d.Close()
	return d.Draft.Commit(d.info)
}

// Abort removes what was written.
func (d *storeDraft) Abort() error {
	d.Close()
	return nil
}
