// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

// Bounds of what is read and written, in bytes: those of the client.
const (
	maxRoot      = tuf.MaxRoot
	maxTimestamp = tuf.MaxTimestamp
	maxSnapshot  = tuf.MaxSnapshot
	maxRole      = tuf.MaxTargets // of targets and of each publisher
	// maxRoots bounds how often a root can change.
	maxRoots = 10_000
)

const (
	metadataDir   = "metadata/"
	targetsDir    = "targets/"
	timestampName = metadataDir + "timestamp.json"
)

// versioned is the file of a version of a role's metadata.
func versioned(role string, version int64) string {
	return metadataDir + strconv.FormatInt(version, 10) + "." + role + ".json"
}

// targetName is the file of a target with consistent snapshots.
func targetName(target, sha256 string) string {
	return targetsDir + path.Join(path.Dir(target), sha256+"."+path.Base(target))
}

// limitOf is the bound on the metadata of a role.
func limitOf(role string) int64 {
	switch role {
	case metadata.ROOT:
		return maxRoot
	case metadata.TIMESTAMP:
		return maxTimestamp
	case metadata.SNAPSHOT:
		return maxSnapshot
	}
	return maxRole
}

// read reads a whole file of at most so many bytes.
func read(ctx context.Context, src files.Source, name string, limit int64) ([]byte, error) {
	r, info, err := src.Open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if info.Size > limit {
		return nil, &files.TooLargeError{Source: src.String(), Name: name, Limit: limit, Got: info.Size}
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", name, src, err)
	}
	if int64(len(data)) > limit {
		return nil, &files.TooLargeError{Source: src.String(), Name: name, Limit: limit, Got: -1}
	}
	return data, nil
}

// there reports whether a store has a file.
func there(ctx context.Context, src files.Source, name string) (bool, error) {
	r, _, err := src.Open(ctx, name, 0)
	if errors.Is(err, files.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

func put(ctx context.Context, store files.Store, name string, data []byte) error {
	return store.Put(ctx, name, bytes.NewReader(data))
}
