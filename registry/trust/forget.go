// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

// Files of a state.
const (
	rootName = "root.json"
	forkName = "fork.txt"
)

// forked reports whether the log was seen to fork.
func (c *Client) forked() bool {
	_, err := os.Lstat(c.forkFile())
	return err == nil
}

// Forget removes what was seen of the registry: its newest root, its metadata and
// the checkpoint of its log. The client begins anew, as on another machine, from
// the root and the log key that it was given. It is for people whom the registry's
// owner has told, by another way than the registry, why it was refused: whatever is
// forgotten cannot show a rollback any more. The evidence of a fork stays, under
// another name, which is returned.
func (c *Client) Forget(ctx context.Context) (evidence string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	unlock, err := c.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if c.forked() {
		evidence = filepath.Join(c.dir, "fork-"+c.o.Now().UTC().Format("20060102T150405.000Z")+".txt")
		if err := os.Rename(c.forkFile(), evidence); err != nil {
			return "", err
		}
	}
	if err := c.empty(); err != nil {
		return evidence, fmt.Errorf("what was seen of the registry %s cannot be removed: %w", c.o.Name, err)
	}
	c.set, c.fresh, c.publishers, c.indexes = nil, nil, nil, nil
	c.log.Forget()
	return evidence, tuf.Init(c.dir, c.o.Root)
}

// empty removes all of the state but the lock and evidence; the root last, since a
// state without a root is made anew.
func (c *Client) empty() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var faults []error
	for _, e := range entries {
		name := e.Name()
		if name == ".lock" || name == rootName || strings.HasPrefix(name, "fork") {
			continue
		}
		faults = append(faults, os.Remove(filepath.Join(c.dir, name)))
	}
	if err := errors.Join(append(faults, durable.SyncDir(c.dir))...); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(c.dir, rootName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(c.dir)
}
