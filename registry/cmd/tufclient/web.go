// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

// maxTarget bounds a target, in bytes; it is read into memory.
const maxTarget = 1 << 30

// web is a directory of a web server.
type web struct{ base string }

var client = &http.Client{Timeout: time.Minute}

// fetch reads a file, whose name is quoted already.
func (w web) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.base, "/")+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusForbidden, http.StatusGone: // a bucket answers 403
		return nil, fmt.Errorf("%s: %w", req.URL, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: the server answered %s", req.URL, res.Status)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &tuf.Error{Role: name, Threat: tuf.EndlessData, Err: fmt.Errorf("it is longer than %d bytes", limit)}
	}
	return data, err
}

func (c command) download(ctx context.Context) error {
	if c.targetName == "" || c.targetURL == "" || c.targetDir == "" {
		return errors.New("--target-name, --target-base-url and --target-dir must be given")
	}
	repo, err := c.refresh(ctx)
	if err != nil {
		return err
	}
	target, err := repo.Find(ctx, c.targetName)
	if err != nil {
		return err
	}
	file := filepath.Join(c.targetDir, url.PathEscape(c.targetName))
	if have, err := durable.ReadFile(file, maxTarget); err == nil && verify(target, have) == nil {
		return nil
	}
	name := (&url.URL{Path: repo.RemoteName(target)}).EscapedPath()
	data, err := web{c.targetURL}.fetch(ctx, name, min(target.Length, maxTarget))
	if err != nil {
		return err
	}
	if err := verify(target, data); err != nil {
		return err
	}
	return durable.Replace(file, data, nil)
}

// verify checks a target. One without a hash is no target.
func verify(t *metadata.TargetFiles, data []byte) error {
	if len(t.Hashes) == 0 {
		return errors.New("the target has no hash")
	}
	return t.VerifyLengthHashes(data)
}
