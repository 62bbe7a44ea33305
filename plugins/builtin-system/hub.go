// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/hubcache"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var hubCollector = fact.Collector{
	Name:    "huggingface",
	Summary: "Hugging Face cache: its size, downloads that were broken off, models, and where the token is looked for",
	Facts: []fact.Description{
		{Address: "hf.cache", Summary: "the cache: {path, repositories, files, bytes, partial}; partial is true when not all of it was looked at", Type: "object"},
		{Address: "hf.partial_downloads", Summary: "downloads that have not ended: {path, bytes, age_seconds}; the age only on a live machine", Type: "list"},
		{Address: "hf.token_file", Summary: "file that HF_TOKEN_PATH names: {path, state}, the state ok, missing or empty; its content is never read", Type: "object"},
		{Address: "models", Summary: "models of the project and of the cache: {name, path, bytes, format, from}, the largest first", Type: "list"},
	},
	Collect: func(ctx context.Context, t *fact.Target, r *fact.Recorder) error {
		ctx, cancel := context.WithTimeout(ctx, hubPatience)
		defer cancel()
		collectTokenFile(t, r)
		cache := hubCache(t)
		if cache.Path != "" {
			collectCache(ctx, t, r, cache.Path)
		}
		collectModels(ctx, t, r, cache.Path)
		return nil
	},
}

// hubPatience bounds the look into a cache, which may lie on a slow disk.
const hubPatience = 2 * time.Second

// cacheSummary is the value of hf.cache.
type cacheSummary struct {
	Path         string `json:"path"`
	Repositories int    `json:"repositories"`
	Files        int    `json:"files"`
	Bytes        int64  `json:"bytes"`
	Partial      bool   `json:"partial"`
}

// partialDownload is an element of hf.partial_downloads.
type partialDownload struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	// AgeSeconds since something was last written to it; nil on a machine that
	// is not live, whose files may have been copied since.
	AgeSeconds *int64 `json:"age_seconds,omitempty"`
}

// maxPartial bounds the list of downloads.
const maxPartial = 1000

func collectCache(ctx context.Context, t *fact.Target, r *fact.Recorder, dir string) {
	s := hubcache.Look(ctx, t, dir)
	if s.Repositories == 0 && !s.Partial {
		return
	}
	r.Add("hf.cache", cacheSummary{Path: dir, Repositories: s.Repositories, Files: s.Files, Bytes: s.Bytes, Partial: s.Partial},
		fact.File(dir, 0, fmt.Sprintf("%d files", s.Files)))
	var (
		out      []partialDownload
		evidence []fact.Evidence
	)
	for _, d := range s.Incomplete[:min(len(s.Incomplete), maxPartial)] {
		p := partialDownload{Path: d.Path, Bytes: d.Bytes}
		if age := int64(time.Since(d.Modified).Seconds()); t.Live && age >= 0 {
			r.Live("the clock, for the age of a download")
			p.AgeSeconds = &age
		}
		out = append(out, p)
		evidence = append(evidence, fact.File(d.Path, 0, fmt.Sprintf("%d bytes", d.Bytes)))
	}
	if out != nil {
		r.Add("hf.partial_downloads", out, evidence[:min(len(evidence), maxShownFiles)]...)
	}
}

// maxShownFiles bounds the evidence of a list of files.
const maxShownFiles = 20

// tokenFile is the value of hf.token_file.
type tokenFile struct {
	Path  string `json:"path"`
	State string `json:"state"`
}

// collectTokenFile looks at the file that a variable names, and at no default:
// who never logged in has none. What cannot be seen is not recorded as missing.
func collectTokenFile(t *fact.Target, r *fact.Recorder) {
	name := t.Env["HF_TOKEN_PATH"]
	if !path.IsAbs(name) {
		return
	}
	state := "ok"
	info, err := t.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		state = "missing"
	case err != nil:
		return
	case info.Mode().IsRegular() && info.Size() == 0:
		state = "empty"
	}
	r.Add("hf.token_file", tokenFile{Path: name, State: state}, fact.Call("environment", "HF_TOKEN_PATH="+name), fact.File(name, 0, state))
}
