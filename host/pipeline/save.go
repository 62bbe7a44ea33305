// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/sink"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// manifestName is the file by which a directory of a saved run is known. No
// node is called so, since names of nodes do not begin with a dot.
const manifestName = ".bulkhead-run.json"

// Saved describes a saved run: it is the manifest of the directory.
type Saved struct {
	SchemaVersion int         `json:"schema_version"`
	Pipeline      string      `json:"pipeline"`
	Status        Status      `json:"status"`
	Files         []SavedFile `json:"files"`
}

// SavedFile is one file of a saved run.
type SavedFile struct {
	Name   string `json:"name"`
	Node   string `json:"node"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// SaveError means that a result could not be saved. What dir held before is
// still there.
type SaveError struct {
	// Dir is absolute.
	Dir string
	// Step is what was being done.
	Step string
	Err  error
}

func (e *SaveError) Error() string {
	return fmt.Sprintf("saving to %s failed at %s: %v; what it held before is unchanged", e.Dir, e.Step, e.Err)
}

// Unwrap returns the error of the system.
func (e *SaveError) Unwrap() error { return e.Err }

// Save writes the result into dir: for every node NODE.json, its NodeResult;
// NODE.state, the bytes that a kernel learnt; NODE.rejected.jsonl, the rows that
// were put aside; and NODE.csv, its output table where the result kept it, or
// NODE.jsonl when a column is binary or a list. See package sink for the forms.
//
// The directory is written beside dir, brought to disk and put in its place at
// once, so that dir holds the old run or the new one at every instant, also
// after a crash (on systems without an atomic exchange of directories, Recover
// puts an interrupted save right, and Save begins with it). A save that is
// killed may leave its unfinished directory, .NAME.new-*, beside dir. A
// directory that holds anything but a saved run is refused and left alone.
func (r *Result) Save(ctx context.Context, dir string) (*Saved, error) {
	s := &saver{ctx: ctx, fail: noFailure}
	return s.save(r, dir)
}

// saver writes one result. fail stands before every step of a commit, and
// tests end the process there.
type saver struct {
	ctx        context.Context
	fail       func(step string) error
	twoRenames bool // see commit
	saved      Saved
}

func noFailure(string) error { return nil }

func (s *saver) save(r *Result, dir string) (*Saved, error) {
	target, err := filepath.Abs(dir)
	if err != nil {
		return nil, &SaveError{dir, "its path", err}
	}
	s.saved = Saved{SchemaVersion: 1, Pipeline: r.Pipeline, Status: r.Status}
	c := &commit{target: target, fail: s.fail, twoRenames: s.twoRenames}
	if err := c.run(func(temp string) error { return s.write(r, temp) }); err != nil {
		return nil, err
	}
	return &s.saved, nil
}

// write fills a new directory.
func (s *saver) write(r *Result, dir string) error {
	for _, n := range r.Nodes {
		if err := s.node(n, dir); err != nil {
			return err
		}
	}
	manifest, err := json.MarshalIndent(s.saved, "", "  ")
	if err != nil {
		return err
	}
	_, err = s.file(dir, manifestName, func(w io.Writer) error {
		_, err := w.Write(append(manifest, '\n'))
		return err
	})
	return err
}

func (s *saver) node(n *NodeResult, dir string) error {
	report, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	if err := s.bytes(n, dir, ".json", append(report, '\n')); err != nil {
		return err
	}
	if n.State != nil {
		if err := s.bytes(n, dir, ".state", n.State); err != nil {
			return err
		}
	}
	if n.quarantine != nil {
		if err := s.add(n, dir, ".rejected.jsonl", n.quarantine.copy); err != nil {
			return err
		}
	}
	if n.table == nil || n.table.Schema() == nil {
		return nil
	}
	return s.table(n, dir)
}

// table writes the table of a node: as CSV, or as JSON lines when a column has
// no form in CSV.
func (s *saver) table(n *NodeResult, dir string) error {
	schema := n.table.Schema()
	suffix, format := ".csv", source.CSV
	if slices.ContainsFunc(schema.Fields(), formless) {
		suffix, format = ".jsonl", source.JSONL
	}
	name := n.Name + suffix
	if err := s.fail("writing " + name); err != nil {
		return err
	}
	out, err := sink.Create(s.ctx, sink.Spec{Format: format, Path: filepath.Join(dir, name), Compression: "none"}, schema, nil)
	if err != nil {
		return err
	}
	defer out.Abort()
	for batch, err := range n.table.Batches(s.ctx) {
		if err == nil {
			err = out.Write(batch)
		}
		if err != nil {
			return err
		}
	}
	w, err := out.Commit()
	s.saved.Files = append(s.saved.Files, SavedFile{Name: name, Node: n.Name, Bytes: w.Bytes, SHA256: w.SHA256})
	return err
}

// formless reports whether a column has no form in CSV.
func formless(f arrow.Field) bool {
	switch f.Type.ID() {
	case arrow.BINARY, arrow.LIST, arrow.FIXED_SIZE_LIST:
		return true
	}
	return false
}

func (s *saver) bytes(n *NodeResult, dir, suffix string, data []byte) error {
	return s.add(n, dir, suffix, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// add writes a file of a node and notes it in the manifest.
func (s *saver) add(n *NodeResult, dir, suffix string, write func(io.Writer) error) error {
	f, err := s.file(dir, n.Name+suffix, write)
	f.Node = n.Name
	s.saved.Files = append(s.saved.Files, f)
	return err
}

// file writes a new file and brings it to disk.
func (s *saver) file(dir, name string, write func(io.Writer) error) (out SavedFile, err error) {
	if err := s.fail("writing " + name); err != nil {
		return out, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return out, err
	}
	sum := sha256.New()
	counted := &counter{w: io.MultiWriter(f, sum)}
	err = write(counted)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return SavedFile{Name: name, Bytes: counted.n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// ours reports whether dir may be replaced: it is empty, or holds a saved run
// and nothing else.
func ours(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return fmt.Errorf("the directory holds %s and is no saved run; choose another one", entries[0].Name())
	}
	var m Saved
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("its %s cannot be read (%w); choose another directory", manifestName, err)
	}
	for _, e := range entries {
		known := e.Name() == manifestName || slices.ContainsFunc(m.Files, func(f SavedFile) bool { return f.Name == e.Name() })
		if !known {
			return fmt.Errorf("the directory also holds %s, which is not of the saved run; move it away or choose another directory", e.Name())
		}
	}
	return nil
}
