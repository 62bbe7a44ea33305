// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Meet is asked before a registry is spoken to that only a project declares and
// that this user has not agreed to before. An error is a refusal.
type Meet func(context.Context, *config.Registry) error

// UnmetError means that a registry of a project was not agreed to.
type UnmetError struct {
	Registry string
	Address  string
}

// Error says that nothing was asked of it.
func (e *UnmetError) Error() string {
	return fmt.Sprintf("you did not agree to use the registry %q at %s, so it was not asked. Nothing was changed", e.Registry, e.Address)
}

// meet has the user agree to a registry of the project, once.
func (r *Registries) meet(ctx context.Context, c *config.Registry, root []byte) error {
	if r.Meet == nil {
		return nil
	}
	id := identity(c, root)
	if r.mine(c, id) {
		return nil
	}
	note := filepath.Join(r.StateDir, "agreed", id)
	if _, err := os.Lstat(note); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.Meet(ctx, c); err != nil {
		return err
	}
	if err := durable.MakeDir(filepath.Dir(note)); err != nil {
		return err
	}
	return durable.Replace(note, []byte(c.Address+"\n"), nil)
}

// mine reports whether a registry is one of the user's own, under any name.
func (r *Registries) mine(c *config.Registry, id string) bool {
	for _, u := range r.User {
		if u == c {
			return true
		}
		if root, err := readRoot(u.Root.Absolute); err == nil && identity(u, root) == id {
			return true
		}
	}
	return false
}

// identity is what somebody agrees to: where the registry is, what it is trusted
// by, and what is sent to it.
func identity(c *config.Registry, root []byte) string {
	var env, file string
	if c.Token != nil {
		env, file = c.Token.Env, c.Token.File.Absolute
	}
	text, _ := json.Marshal([]string{c.Address, fmt.Sprintf("%x", sha256.Sum256(root)), c.LogKey, c.CAFile.Absolute, env, file}) // strings always can be
	return fmt.Sprintf("%x", sha256.Sum256(text))
}
