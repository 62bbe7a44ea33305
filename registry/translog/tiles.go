// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// cachedTiles bounds the tiles in memory: 512 of at most 8 KiB.
const cachedTiles = 512

// A SourceError says that a file of the log could not be read, so that nothing
// is known of the log.
type SourceError struct {
	Name string // of the file
	Err  error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("the log's file %s cannot be read: %v", e.Name, e.Err)
}

func (e *SourceError) Unwrap() error { return e.Err }

// read reads a file of at most limit bytes. One that is longer is a
// *files.TooLargeError, and what could not be read is a *SourceError.
func read(ctx context.Context, src files.Source, name string, limit int64) ([]byte, error) {
	data, err := files.ReadAll(ctx, src, name, limit)
	var large *files.TooLargeError
	if err != nil && !errors.As(err, &large) {
		err = &SourceError{Name: name, Err: err}
	}
	return data, err
}

// tiles reads the tiles of a log and keeps those that were proven. It is a
// tlog.TileReader for one context.
type tiles struct {
	ctx   context.Context
	src   files.Source
	cache *tileCache
}

func (t *tiles) Height() int { return height }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, w := range wanted {
		var err error
		if data[i], err = t.tile(w); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// tile reads a tile; instead of a part, the whole tile will do, since a registry
// may remove parts that were completed.
func (t *tiles) tile(w tlog.Tile) ([]byte, error) {
	if data, ok := t.cache.get(w); ok {
		return data, nil
	}
	whole := w
	whole.W = tileWidth
	data, err := t.hashes(w)
	if w != whole && errors.Is(err, files.ErrNotExist) {
		if data, err = t.hashes(whole); err == nil {
			data = data[:w.W*tlog.HashSize]
		}
	}
	return data, err
}

func (t *tiles) hashes(w tlog.Tile) ([]byte, error) {
	size := w.W * tlog.HashSize
	data, err := read(t.ctx, t.src, dir+w.Path(), int64(size))
	if err == nil && len(data) != size {
		err = &ProofError{Reason: fmt.Sprintf("the tile %s has %d bytes instead of %d", w.Path(), len(data), size)}
	}
	return data, err
}

func (t *tiles) SaveTiles(proven []tlog.Tile, data [][]byte) {
	for i, w := range proven {
		t.cache.put(w, data[i])
	}
}

// records reads a data tile, which nothing proves yet.
func (t *tiles) records(w tlog.Tile) ([][]byte, error) {
	limit := int64(w.W) * (MaxRecord + 1)
	data, err := read(t.ctx, t.src, dir+w.Path(), limit)
	whole := w
	whole.W = tileWidth
	if w != whole && errors.Is(err, files.ErrNotExist) {
		records, err := t.records(whole)
		if err != nil {
			return nil, err
		}
		return records[:w.W], nil
	}
	if err != nil {
		return nil, err
	}
	return splitData(w.W, data)
}

// tileCache holds proven tiles; when it is full any one of them goes.
type tileCache struct {
	mu   sync.Mutex
	data map[tlog.Tile][]byte
}

func (c *tileCache) get(t tlog.Tile) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, ok := c.data[t]
	return data, ok
}

func (c *tileCache) put(t tlog.Tile, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.data == nil {
		c.data = map[tlog.Tile][]byte{}
	}
	for old := range c.data {
		if len(c.data) < cachedTiles {
			break
		}
		delete(c.data, old)
	}
	c.data[t] = data
}

func (c *tileCache) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = nil
}
