// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/artifact"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/tablefile"
)

// openArtifacts opens the store of what kernels did, under the user's cache
// directory, with the bounds of the configuration.
func openArtifacts(bounds config.Cache) (*artifact.Store, error) {
	dir := cacheDir()
	if dir == "" {
		return nil, errors.New("there is no cache directory: set HOME or XDG_CACHE_HOME")
	}
	return artifact.Open(filepath.Join(dir, "artifacts"), artifact.Options{MaxBytes: int64(bounds.MaxSize), TTL: bounds.MaxAge})
}

// sweepEvery is the time between two sweeps of the store by runs.
const sweepEvery = 24 * time.Hour

// sweep removes what is too old, once a day. What fails is no reason to fail a
// run: the next one tries again, and the bounds hold without it.
func (a *artifacts) sweep() {
	mark := filepath.Join(a.store.Dir(), "swept")
	if info, err := os.Stat(mark); err == nil && time.Since(info.ModTime()) < sweepEvery {
		return
	}
	if _, err := a.store.Sweep(time.Now()); err == nil {
		_ = os.WriteFile(mark, nil, 0o600)
	}
}

// artifacts is the store as the engine sees it.
type artifacts struct {
	store    *artifact.Store
	pipeline string
	// plan tells which node and kernel a key is of, for people who list the store.
	mu    sync.Mutex
	names map[string]made
	// outputs are the digests of what entries hold, by their keys.
	outputs map[string]string
	// digest is that of the rows that a node of this run made; "" when unknown.
	digest func(node string) string
}

// made says what an artifact is of.
type made struct{ node, use string }

// learn takes the nodes of a plan, whose entries may be created after this.
func (a *artifacts) learn(plan *pipeline.Plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = map[string]made{}
	for _, n := range plan.Nodes {
		if n.CacheKey != "" {
			a.names[n.CacheKey] = made{n.Name, n.Use}
		}
	}
}

func (a *artifacts) named(of []pipeline.Ingredient) made {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.names[pipeline.KeyOf(of)]; ok || len(of) == 0 {
		return found
	}
	return a.names[pipeline.KeyOf(of[:len(of)-1])] // of the state alone
}

// Get returns the entry of ingredients, nil when there is none.
func (a *artifacts) Get(_ context.Context, of []pipeline.Ingredient) (pipeline.CacheEntry, error) {
	found, err := a.store.Get(artifact.KeyOf(of))
	if errors.Is(err, artifact.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	table, err := found.Table()
	if err != nil {
		found.Close()
		return nil, err
	}
	a.remember(of, found.Info().Outcome)
	return &artifactEntry{found, table}, nil
}

// outputField is a field of an outcome beside those of the engine: the digest of
// the rows that came out, so that a run which takes them from the store can be
// compared.
const outputField = "output_digest"

// remember takes the digest out of an outcome.
func (a *artifacts) remember(of []pipeline.Ingredient, outcome []byte) {
	var fields map[string]json.RawMessage
	var digest string
	if json.Unmarshal(outcome, &fields) != nil || json.Unmarshal(fields[outputField], &digest) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outputs == nil {
		a.outputs = map[string]string{}
	}
	a.outputs[pipeline.KeyOf(of)] = digest
	a.outputs[pipeline.KeyOf(of[:len(of)-1])] = digest // of one without the table
}

// output is the digest of the rows of a node by its key; "" when it is not known.
func (a *artifacts) output(key string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outputs[key]
}

// Create begins an entry.
func (a *artifacts) Create(_ context.Context, of []pipeline.Ingredient) (pipeline.CacheDraft, error) {
	draft, err := a.store.Create(artifact.KeyOf(of))
	if err != nil {
		return nil, err
	}
	name := a.named(of)
	return &artifactDraft{draft: draft, digest: a.digest, info: artifact.Info{
		Pipeline: a.pipeline, Node: name.node, Use: name.use, Ingredients: of,
	}}, nil
}

// artifactEntry is a result in the store.
type artifactEntry struct {
	found *artifact.Artifact
	table *tablefile.File
}

// Outcome is what was committed.
func (e *artifactEntry) Outcome() []byte { return e.found.Info().Outcome }

// State is what a kernel learnt.
func (e *artifactEntry) State() ([]byte, error) { return e.found.State() }

// Table is nil when none was kept.
func (e *artifactEntry) Table() pipeline.Table {
	if e.table == nil {
		return nil
	}
	return storedTable{e.table}
}

// Close lets the store remove the entry.
func (e *artifactEntry) Close() error {
	e.found.Close()
	return nil
}

// storedTable is a table of the store.
type storedTable struct{ file *tablefile.File }

func (t storedTable) Schema() *arrow.Schema { return t.file.Schema() }
func (t storedTable) Rows() int64           { return t.file.Summary().Rows }
func (t storedTable) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return t.file.Batches(ctx)
}

// artifactDraft is a result in the making.
type artifactDraft struct {
	draft  *artifact.Draft
	info   artifact.Info
	table  *tablefile.Writer
	digest func(node string) string
}

// State writes what a kernel learnt.
func (d *artifactDraft) State(state []byte) error { return d.draft.State(state) }

// Table begins the table.
func (d *artifactDraft) Table(schema *arrow.Schema) (err error) {
	d.table, err = d.draft.Table(schema)
	return err
}

// Append adds a batch.
func (d *artifactDraft) Append(batch arrow.RecordBatch) error { return d.table.Append(batch) }

// Commit makes the entry seen.
func (d *artifactDraft) Commit(outcome []byte) error {
	defer d.draft.Close()
	d.info.Outcome = d.digested(outcome)
	return d.draft.Commit(d.info)
}

// digested adds the digest of the rows to an outcome.
func (d *artifactDraft) digested(outcome []byte) []byte {
	fields := map[string]json.RawMessage{}
	digest := d.digest(d.info.Node)
	if digest == "" || json.Unmarshal(outcome, &fields) != nil {
		return outcome
	}
	fields[outputField], _ = json.Marshal(digest) // a string always has a form
	out, err := json.Marshal(fields)
	if err != nil {
		return outcome
	}
	return out
}

// Abort gives the entry up.
func (d *artifactDraft) Abort() error {
	d.draft.Close()
	return nil
}
