// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Get returns the record of a run with its nodes, by its id or the beginning of
// it. Errors are *NotFoundError, *AmbiguousError, *RefError,
// *DamageError and those of the disk.
func (s *Store) Get(ref string) (*Record, error) {
	id, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	r, err := s.load(id)
	if err == nil {
		err = s.readNodes(r)
	}
	if err == nil {
		r.Owed, err = s.owed(id, r.Status)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotFoundError{Ref: ref, Dir: s.dir} // it was removed meanwhile
	}
	if err != nil {
		return nil, fmt.Errorf("reading run %s: %w", id, err)
	}
	return r, nil
}

// load reads a record and finds out whether its host still lives.
func (s *Store) load(id string) (*Record, error) {
	r, err := s.head(id)
	if err != nil || r.Status != Running {
		return r, err
	}
	held, err := durable.Held(filepath.Join(s.dir, id, liveName))
	if err != nil || held {
		return r, err
	}
	// The run may have ended between the two looks.
	if r, err = s.head(id); err == nil && r.Status == Running {
		r.Status, r.Reason = Interrupted, "its host ended without closing the record"
	}
	return r, err
}

// head reads a record without its nodes.
func (s *Store) head(id string) (*Record, error) {
	name := filepath.Join(s.dir, id, recordName)
	data, err := durable.ReadFile(name, maxRecord)
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, &DamageError{ID: id, Path: name, Reason: err.Error()}
	}
	if r.ID != id {
		return nil, &DamageError{ID: id, Path: name, Reason: fmt.Sprintf("it is of run %q", r.ID)}
	}
	r.lists()
	return &r, nil
}

// readNodes puts the nodes into a record: of each name the last line, in the
// order of the first ones.
func (s *Store) readNodes(r *Record) error {
	data, err := durable.ReadFile(filepath.Join(s.dir, r.ID, nodesName), maxNodes)
	if errors.Is(err, fs.ErrNotExist) && s.there(r.ID) {
		r.LostLines++ // all of them
		return nil
	}
	if err != nil {
		return err
	}
	if r.Status == Running {
		data = data[:bytes.LastIndexByte(data, '\n')+1] // a line may be half written
	}
	at := map[string]int{}
	for line := range bytes.Lines(data) {
		var n Node
		if json.Unmarshal(line, &n) != nil || n.Name == "" {
			r.LostLines++
			continue
		}
		if i, ok := at[n.Name]; ok {
			r.Nodes[i] = n
			continue
		}
		at[n.Name] = len(r.Nodes)
		r.Nodes = append(r.Nodes, n)
	}
	if r.Status == Interrupted {
		interrupt(r.Nodes)
	}
	r.lists()
	return nil
}

// there reports whether a run was not removed meanwhile.
func (s *Store) there(id string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, id, recordName))
	return err == nil
}

// interrupt gives nodes that were at work when the host died its status.
func interrupt(nodes []Node) {
	for i := range nodes {
		if nodes[i].Status == Running {
			nodes[i].Status = Interrupted
		}
	}
}
