// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/artifact"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// Ingredient is one thing that the result of a node depends on.
type Ingredient = artifact.Ingredient

// Cache keeps what nodes did, by all that it depends on. It is safe for
// concurrent use, also by several hosts. An error of it never fails a run: the
// node runs as if there were no cache, with a note.
type Cache interface {
	// Get returns the entry of ingredients, or nil when there is none.
	Get(ctx context.Context, of []Ingredient) (CacheEntry, error)
	// Create begins an entry, which is seen after Commit. The first one of its
	// ingredients stays.
	Create(ctx context.Context, of []Ingredient) (CacheDraft, error)
}

// CacheEntry is a kept result. What it gives is valid until Close.
type CacheEntry interface {
	// Outcome is the JSON that Commit was given.
	Outcome() []byte
	// State is what the kernel learnt, nil when there is none.
	State() ([]byte, error)
	// Table is nil when none was kept.
	Table() Table
	Close() error
}

// CacheDraft is an entry in the making.
type CacheDraft interface {
	State(state []byte) error
	// Table begins the table.
	Table(schema *arrow.Schema) error
	Append(batch arrow.RecordBatch) error
	Commit(outcome []byte) error
	Abort() error
}

// CacheState says what the cache did for a node.
type CacheState string

// States: the result was there; it was not and is there now; it is not cached.
const (
	CacheHit  CacheState = "hit"
	CacheMiss CacheState = "miss"
	CacheOff  CacheState = "off"
)

// identify finds what the result of each node depends on.
func (p *Plan) identify(ctx context.Context) []*Problem {
	var problems []*Problem
	for _, n := range p.order {
		if n.NoCache {
			continue
		}
		switch n.Kind {
		case KindSource:
			note := n.identifySource(ctx)
			if note != nil {
				problems = append(problems, note)
			}
		case KindKernel:
			n.cacheable = n.ingredients(p.plugins[n.Use.Plugin])
		case KindAB:
			n.cacheable = n.compared()
		}
	}
	return problems
}

// identifySource takes the digest of a file. One that cannot be read now fails
// the run when it is read.
func (n *node) identifySource(ctx context.Context) *Problem {
	digest, err := n.source.Digest(ctx)
	if err != nil {
		note := problemf(n.Name, "Source without a digest", "%v. Nothing that depends on it is cached.", err).because(err)
		note.Severity = SeverityWarning
		return note
	}
	how := *n.Source // how the bytes become rows
	how.Path, how.URL, how.Download = "", "", source.Download{}
	text, err := json.Marshal(how)
	if err != nil {
		return nil // it has a JSON form
	}
	sum := sha256.Sum256(text)
	n.cacheable = []Ingredient{{Name: "source", Value: digest}, {Name: "read as", Value: hex.EncodeToString(sum[:])}}
	return nil
}

// ingredients of a kernel node; nil when it is not cached.
func (n *node) ingredients(plugin Plugin) []Ingredient {
	if plugin.Digest == "" || n.input.cacheable == nil || n.Description.GetUndoes() || n.Description.GetWritesFile() {
		return nil
	}
	config := sha256.Sum256(n.Config)
	out := []Ingredient{
		{Name: "plugin", Value: n.Use.Plugin + " " + plugin.Digest}, {Name: "kernel", Value: n.Use.Kernel},
		{Name: "config", Value: hex.EncodeToString(config[:])}, {Name: "seed", Value: strconv.FormatUint(n.Seed, 10)},
	}
	if n.Budget > 0 {
		out = append(out, Ingredient{Name: "budget", Value: n.Budget.String()})
	}
	if n.Arm != nil {
		out = append(out, Ingredient{Name: "arm", Value: n.Arm.rows()})
	}
	return append(out, Ingredient{Name: "input", Value: KeyOf(n.input.cacheable)})
}

// rows says which rows an arm gets; its table has their numbers.
func (a *Arm) rows() string {
	text, err := json.Marshal(a)
	if err != nil {
		return "" // it has a JSON form
	}
	return string(text)
}

// compared are the ingredients of a comparison; nil when an arm is not cached.
func (n *node) compared() []Ingredient {
	text, err := json.Marshal(n.AB)
	if err != nil || n.input.cacheable == nil || n.second.cacheable == nil {
		return nil
	}
	sum := sha256.Sum256(text)
	return []Ingredient{
		{Name: "ab", Value: hex.EncodeToString(sum[:])}, {Name: "arm a", Value: KeyOf(n.input.cacheable)}, {Name: "arm b", Value: KeyOf(n.second.cacheable)},
	}
}

// fitted are the ingredients of the state alone, which is kept as soon as it was
// learnt.
func fitted(of []Ingredient) []Ingredient {
	return append(append([]Ingredient{}, of...), Ingredient{Name: "part", Value: "fit"})
}

// outcomeOnly are the ingredients of a result whose table was not kept.
func outcomeOnly(of []Ingredient) []Ingredient {
	return append(append([]Ingredient{}, of...), Ingredient{Name: "part", Value: "outcome"})
}

// KeyOf is the key of ingredients in the store of artifacts, which a
// PlannedNode.CacheKey has; empty for none.
func KeyOf(of []Ingredient) string {
	if of == nil {
		return ""
	}
	return artifact.KeyOf(of).String()
}

// Ingredients are what the result of a node depends on; nil when it is not
// cached, or the plan was made without a cache.
func (p *Plan) Ingredients(name string) []Ingredient {
	n := p.byName[name]
	if n == nil {
		return nil
	}
	return n.cacheable
}
