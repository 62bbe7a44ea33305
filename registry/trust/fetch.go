// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Fetched is a verified archive.
type Fetched struct {
	Path     string // of the file
	Platform string // the key in the release, which is "any" for all platforms
	Bytes    int64
	Evidence []Evidence // how it is known to be right, in the order of the checks
}

// Evidence is one way in which an archive is known to be the right one.
type Evidence struct {
	How    string // "signed", "logged" or "hashed"
	Detail string
}

// Fetch downloads the archive of a release for a platform into dir, and returns
// it when it is the one that the publisher signed and that the log has. What was
// begun before goes on where it was; what is there already is checked.
func (c *Client) Fetch(ctx context.Context, rel release.Known, platform, dir string) (*Fetched, error) {
	id, err := release.ParseID(rel.ID)
	if err != nil {
		return nil, err
	}
	known, signed, err := c.known(ctx, id, rel)
	if err != nil {
		return nil, err
	}
	key, p, ok := known.For(platform)
	if !ok {
		return nil, fmt.Errorf("%s %s is not made for %s", rel.ID, rel.Version, platform)
	}
	logged, err := c.logged(ctx, &known.Release)
	if err != nil {
		return nil, err
	}
	f := &Fetched{Path: filepath.Join(dir, fileName(id, rel.Version, key)), Platform: key, Bytes: p.Bytes}
	hashed, err := c.download(ctx, release.ArchivePath(id, rel.Version, key), p, f.Path)
	if err != nil {
		return nil, err
	}
	f.Evidence = []Evidence{signed, logged, hashed}
	return f, nil
}

// fileName is another one for every archive: no part but the last has a "_".
func fileName(id release.ID, version, platform string) string {
	return fmt.Sprintf("%s_%s_%s_%s.tar.zst", id.Namespace, id.Name, version, platform)
}

// known is the release that the metadata have, which must be the one that the
// caller decided on.
func (c *Client) known(ctx context.Context, id release.ID, rel release.Known) (*release.Known, Evidence, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil {
		return nil, Evidence{}, c.stale()
	}
	by, ok := c.publishers[id.Namespace]
	if !ok {
		return nil, Evidence{}, fmt.Errorf("the registry %s has no publisher %s", c.o.Name, id.Namespace)
	}
	x, err := c.publisher(ctx, id.Namespace)
	if err != nil {
		return nil, Evidence{}, err
	}
	known, ok := x.find(id, rel.Version)
	if !ok {
		return nil, Evidence{}, fmt.Errorf("the registry %s has no %s %s", c.o.Name, rel.ID, rel.Version)
	}
	if err := sameRelease(&known.Release, &rel.Release); err != nil {
		return nil, Evidence{}, c.refused(WrongSoftware, err, "%v", err)
	}
	detail := fmt.Sprintf("by %d of the %d keys of %s, in version %d of its metadata", by.threshold, by.keys, id.Namespace, x.version)
	return known, Evidence{"signed", detail}, nil
}

func sameRelease(a, b *release.Release) error {
	x, err := a.Encode()
	if err != nil {
		return err
	}
	y, err := b.Encode()
	if err == nil && !bytes.Equal(x, y) {
		err = fmt.Errorf("%s %s is another release than the one that was chosen", a.ID, a.Version)
	}
	return err
}

func (c *Client) logged(ctx context.Context, r *release.Release) (Evidence, error) {
	c.event(Event{Step: StepLog, Name: r.ID + " " + r.Version, Total: -1})
	index, err := c.log.Included(ctx, r)
	if missing(err) {
		return Evidence{}, c.refused(MissingProof, err, "its transparency log is incomplete: %v", err)
	}
	if err != nil {
		return Evidence{}, c.explain(err)
	}
	return Evidence{"logged", fmt.Sprintf("record %d of the log %s", index, c.given.Name())}, nil
}

func (c *Client) download(ctx context.Context, target string, p release.Platform, to string) (Evidence, error) {
	sum := strings.TrimPrefix(p.Archive, "sha256:")
	dir, file := path.Split(target)
	name := "targets/" + dir + sum + "." + file
	err := files.Download(ctx, c.o.Source, name, files.DownloadOptions{
		Path: to, Size: p.Bytes, SHA256: sum,
		Progress: func(q files.Progress) {
			c.event(Event{Step: StepArchive, Name: target, Bytes: q.Bytes, Total: q.Total})
		},
	})
	if err != nil {
		return Evidence{}, c.downloadError(err)
	}
	return Evidence{"hashed", fmt.Sprintf("%s, %d bytes", p.Archive, p.Bytes)}, nil
}

// downloadError tells a registry that does not serve from a disk that is full.
func (c *Client) downloadError(err error) error {
	if t, ok := transferThreat(err); ok {
		return c.refused(t, err, "%v", err)
	}
	var local *os.PathError
	if errors.As(err, &local) && !errors.Is(err, files.ErrNotExist) || errors.Is(err, context.Canceled) {
		return err
	}
	return &UnreachableError{Registry: c.o.Name, Remedy: c.reach(err), Err: err}
}
