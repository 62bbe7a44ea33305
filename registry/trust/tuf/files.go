// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// kept loads a kept file. It reports false when there is none that does.
func (c *Client) kept(role string, update func([]byte) error) (bool, error) {
	data, err := durable.ReadFile(c.path(role), MaxTargets)
	if errors.Is(err, fs.ErrNotExist) {
		if c.o.Fetch == nil {
			return false, &FetchError{Name: role + ".json", Err: errors.New("none was kept")}
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = verify(role, data, update)
	if err != nil && !superseded(err) {
		return false, fmt.Errorf("%s is damaged; if you know why, remove its directory: %w", c.path(role), err)
	}
	if err != nil && c.o.Fetch != nil {
		return false, nil
	}
	return err == nil, err
}

func (c *Client) keep(role string, data []byte) error {
	if err := durable.Replace(c.path(role), data, nil); err != nil {
		return fmt.Errorf("the metadata of the role %q cannot be kept: %w", role, err)
	}
	return nil
}

func (c *Client) path(role string) string {
	name := url.PathEscape(role) + ".json"
	if !slices.Contains(topLevel, role) {
		name = c.o.Prefix + name
	}
	return filepath.Join(c.o.Dir, name)
}

func (c *Client) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	data, err := c.o.Fetch(ctx, name, limit)
	if err != nil {
		return nil, fetchError(name, err)
	}
	return data, nil
}

func fetchError(name string, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &FetchError{Name: name, Err: err}
}

// fetchMeta fetches what a timestamp or a snapshot describes.
func (c *Client) fetchMeta(ctx context.Context, role string, meta *metadata.MetaFiles, limit int64) ([]byte, error) {
	if meta == nil {
		return nil, &Error{Role: role, Threat: Malformed, Err: errors.New("what names the files of this state does not name it")}
	}
	if meta.Length > limit || meta.Length < 0 {
		return nil, &Error{Role: role, Threat: EndlessData, Err: fmt.Errorf("they have %d bytes; at most %d are read", meta.Length, limit)}
	}
	if meta.Length > 0 {
		limit = meta.Length
	}
	name := url.PathEscape(role) + ".json"
	if c.set.Root.Signed.ConsistentSnapshot {
		name = fmt.Sprintf("%d.%s", meta.Version, name)
	}
	return c.fetch(ctx, name, limit)
}
