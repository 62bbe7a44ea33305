// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

// Options of a Client. All but Offline, Now and Progress must be given.
type Options struct {
	Name   string // what the configuration calls the registry
	Source files.Source
	Root   []byte // the first trusted root, from out of band
	LogKey string // the key of the log, NAME+HASH+KEY, from out of band, or a former one
	// StateDir is the directory for the state of registries.
	StateDir string
	// Offline is the grace after expiry; 0 is none.
	Offline  time.Duration
	Now      func() time.Time // nil is time.Now
	Progress func(Event)      // nil is none; called by one goroutine at a time
}

// Event is a step of Refresh or Fetch.
type Event struct {
	Step  Step
	Name  string // of the file
	Bytes int64  // that came so far
	Total int64  // -1 when it is not known
}

// Step says what a client is doing.
type Step string

// Steps.
const (
	StepWait     Step = "wait"     // for another host that refreshes
	StepMetadata Step = "metadata" // reading metadata
	StepLog      Step = "log"      // proving the log
	StepArchive  Step = "archive"  // downloading
)

// Client is the client of one registry. It is safe for concurrent use, and other
// hosts may use the same directory.
type Client struct {
	o   Options
	dir string
	log *translog.Verifier
	// given is the log key of the options; the root may name one that replaced it.
	given note.Verifier

	mu         sync.Mutex // of what follows
	set        *tuf.Client
	fresh      *Freshness
	publishers map[string]delegation
	indexes    map[string]*index // by namespace; those that were asked for

	events sync.Mutex
}

// Open prepares a client. It reads no file of the registry.
func Open(o Options) (*Client, error) {
	key, err := note.NewVerifier(o.LogKey)
	if err != nil {
		return nil, fmt.Errorf("the log key of the registry %s must be NAME+HASH+KEY: %w", o.Name, err)
	}
	if o.Name == "" || o.Source == nil || o.StateDir == "" || o.Offline < 0 {
		return nil, errors.New("a registry needs a name, a source, a directory for its state and no negative grace")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{o: o, given: key, dir: filepath.Join(o.StateDir, anchor(o.Root, o.LogKey))}
	c.log = &translog.Verifier{Source: o.Source, Key: key, State: filepath.Join(c.dir, "checkpoint")}
	if err := c.init(); err != nil {
		return nil, fmt.Errorf("the registry %s: %w", o.Name, err)
	}
	return c, nil
}

// anchor names the directory of what follows from a root and a log key.
func anchor(root []byte, logKey string) string {
	h := sha256.New()
	h.Write(root)
	h.Write([]byte("\x00" + logKey))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (c *Client) init() error {
	if _, err := os.Lstat(filepath.Join(c.dir, rootName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := durable.MakeDir(c.dir); err != nil {
		return err
	}
	unlock, err := c.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Lstat(filepath.Join(c.dir, rootName)); !errors.Is(err, fs.ErrNotExist) {
		return err // another host made it and may have newer roots
	}
	return tuf.Init(c.dir, c.o.Root)
}

// lock keeps other hosts out. It waits for them as long as ctx allows, since one
// that refreshes over a slow network may take minutes.
func (c *Client) lock(ctx context.Context) (func(), error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		l, err := durable.TryAcquire(filepath.Join(c.dir, ".lock"))
		if err == nil {
			return func() { _ = l.Release() }, nil // the system gives it back anyway
		}
		if !errors.Is(err, durable.ErrLocked) {
			return nil, err
		}
		c.event(Event{Step: StepWait, Total: -1})
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("another host is refreshing the registry %s: %w", c.o.Name, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func (c *Client) event(e Event) {
	if c.o.Progress == nil {
		return
	}
	c.events.Lock()
	defer c.events.Unlock()
	c.o.Progress(e)
}

// fetch reads a metadata file of the registry.
func (c *Client) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	c.event(Event{Step: StepMetadata, Name: name, Total: -1})
	data, err := files.ReadAll(ctx, c.o.Source, "metadata/"+name, limit)
	if t, ok := transferThreat(err); ok {
		return nil, &tuf.Error{Role: name, Threat: t, Err: err}
	}
	return data, err
}
