// SPDX-License-Identifier: Apache-2.0

package tuftest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// Files is a files.Store in memory, and a web server of it. It is safe for
// concurrent use.
type Files struct {
	mu       sync.Mutex
	data     map[string][]byte
	requests []string
	fault    func(name string) error
}

// NewFiles is a store without files.
func NewFiles() *Files { return &Files{data: map[string][]byte{}} }

// Clone is a copy, as a mirror that stays behind has it.
func (f *Files) Clone() *Files {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &Files{data: maps.Clone(f.data)}
}

// Get is a file, or nil.
func (f *Files) Get(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.data[name]
}

// Set makes or replaces a file; nil removes it.
func (f *Files) Set(name string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if data == nil {
		delete(f.data, name)
		return
	}
	f.data[name] = bytes.Clone(data)
}

// Fault makes Open fail when fault returns an error for a name; nil ends it.
func (f *Files) Fault(fault func(name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Requests returns the names that were asked for since the last call.
func (f *Files) Requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.requests
	f.requests = nil
	return r
}

// Names are those of the files that begin with a prefix.
func (f *Files) Names(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.data {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// Open is that of files.Source.
func (f *Files) Open(_ context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, name)
	if f.fault != nil {
		if err := f.fault(name); err != nil {
			return nil, files.Info{}, err
		}
	}
	data, ok := f.data[name]
	if !ok || offset > int64(len(data)) {
		return nil, files.Info{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(data[offset:])), files.Info{Size: -1, Offset: offset}, nil
}

// Put is that of files.Store.
func (f *Files) Put(_ context.Context, name string, data io.Reader) error {
	b, err := io.ReadAll(data)
	if err == nil {
		f.Set(name, append([]byte{}, b...))
	}
	return err
}

// Lock is that of files.Store; it keeps nobody out.
func (f *Files) Lock(context.Context) (func() error, error) { return func() error { return nil }, nil }

func (f *Files) String() string { return "memory" }

// ServeHTTP serves the files. Names are compared with the path as it was sent,
// so that a test sees how a client quotes.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _, err := f.Open(r.Context(), strings.TrimPrefix(r.URL.EscapedPath(), "/"), 0)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer body.Close()
	_, _ = io.Copy(w, body) // a client that went away is no concern
}
