// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/hubcache"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/safetensors"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// model is an element of the fact models.
type model struct {
	// Name on the hub, or the directory in the project.
	Name string `json:"name"`
	// Path of the file that tells the size.
	Path string `json:"path"`
	// Bytes of the weights.
	Bytes int64 `json:"bytes"`
	// Format is safetensors, pickle or gguf.
	Format string `json:"format"`
	// From is project or cache.
	From string `json:"from"`
}

// Bounds on the models that are looked at: repositories of the cache, revisions
// of each, files of a directory, and models that are recorded.
const (
	maxRepositories = 500
	maxRevisions    = 3
	maxModelFiles   = 500
	maxModels       = 50
)

func collectModels(ctx context.Context, t *fact.Target, r *fact.Recorder, cache string) {
	found := projectModels(ctx, t)
	if cache != "" {
		found = append(found, cachedModels(ctx, t, cache)...)
	}
	slices.SortFunc(found, func(a, b model) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path))
	})
	found = found[:min(len(found), maxModels)]
	var evidence []fact.Evidence
	for _, m := range found[:min(len(found), maxShownFiles)] {
		evidence = append(evidence, fact.File(m.Path, 0, fmt.Sprintf("%d bytes", m.Bytes)))
	}
	if len(found) > 0 {
		r.Add("models", found, evidence...)
	}
}

// modelFiles are the names of files that hold weights or tell of them.
var modelFiles = []string{"*.index.json", "*.safetensors", "*.gguf", "pytorch_model*.bin"}

// projectModels looks into the project and the directories in it.
func projectModels(ctx context.Context, t *fact.Target) []model {
	if !path.IsAbs(t.ProjectDir) {
		return nil
	}
	byDir := map[string][]string{}
	for _, below := range []string{"", "*/"} {
		for _, pattern := range modelFiles {
			for _, name := range t.Glob(path.Join(t.ProjectDir, below+pattern)) {
				if dir := path.Dir(name); len(byDir[dir]) < maxModelFiles {
					byDir[dir] = append(byDir[dir], path.Base(name))
				}
			}
		}
	}
	var out []model
	for dir, names := range byDir {
		if ctx.Err() != nil {
			break
		}
		if m, ok := largest(t, dir, names); ok {
			m.Name, m.From = path.Base(dir), "project"
			out = append(out, m)
		}
	}
	return out
}

func cachedModels(ctx context.Context, t *fact.Target, cache string) []model {
	repositories, _ := hubcache.Repositories(t, cache, maxRepositories)
	var out []model
	for _, repository := range repositories {
		name := hubcache.Model(repository)
		if ctx.Err() != nil {
			break
		}
		if name == "" {
			continue
		}
		revisions := t.Glob(escaped(repository) + "/snapshots/*")
		for _, dir := range revisions[max(0, len(revisions)-maxRevisions):] {
			if m, ok := largest(t, dir, filesOf(t, dir)); ok {
				m.Name, m.From = name, "cache"
				out = append(out, m)
				break
			}
		}
	}
	return out
}

// escaped makes a path match itself in a pattern.
func escaped(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

func filesOf(t *fact.Target, dir string) []string {
	var out []string
	for _, pattern := range modelFiles {
		for _, name := range t.Glob(escaped(dir) + "/" + pattern) {
			if len(out) < maxModelFiles {
				out = append(out, path.Base(name))
			}
		}
	}
	return out
}

// largest sizes the weights of a directory. Where the same model is there in
// several formats, one of them is loaded: safetensors, where there are such.
func largest(t *fact.Target, dir string, names []string) (model, bool) {
	var best model
	parts := map[string]bool{}
	consider := func(m model) {
		better := m.Bytes > best.Bytes && (m.Format == best.Format || best.Format != "safetensors")
		if better || m.Format == "safetensors" && best.Format != "safetensors" && m.Bytes > 0 {
			best = m
		}
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".index.json") {
			m, files := indexed(t, dir, name)
			for _, f := range files {
				parts[f] = true
			}
			consider(m)
		}
	}
	for _, name := range names {
		if !parts[name] && !strings.HasSuffix(name, ".index.json") {
			consider(single(t, path.Join(dir, name)))
		}
	}
	return best, best.Bytes > 0
}

// indexed sizes a model that is cut into several files, by its index or, where
// that does not tell, by the files.
func indexed(t *fact.Target, dir, name string) (model, []string) {
	file := path.Join(dir, name)
	data, err := t.ReadFile(file)
	if err != nil {
		return model{}, nil
	}
	index, err := safetensors.ReadIndex(data)
	if err != nil {
		return model{}, nil
	}
	m := model{Path: file, Bytes: index.Bytes, Format: format(strings.TrimSuffix(name, ".index.json"))}
	if m.Bytes == 0 {
		for _, f := range index.Files {
			m.Bytes += single(t, path.Join(dir, f)).Bytes
		}
	}
	return m, index.Files
}

// single sizes one file: by its header where it has one, else by its length.
func single(t *fact.Target, name string) model {
	info, err := t.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return model{}
	}
	m := model{Path: name, Bytes: info.Size(), Format: format(name)}
	if m.Format != "safetensors" {
		return m
	}
	f, err := t.Open(name)
	if err != nil {
		return m
	}
	defer f.Close()
	if h, err := safetensors.ReadHeader(f, info.Size()); err == nil {
		m.Bytes = h.Bytes
	}
	return m
}

func format(name string) string {
	switch path.Ext(name) {
	case ".safetensors":
		return "safetensors"
	case ".gguf":
		return "gguf"
	}
	return "pickle"
}
