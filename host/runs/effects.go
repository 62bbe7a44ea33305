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
	"slices"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Effect is what a node did outside of its output, with what taking it back needs.
// A node has one at most.
type Effect struct {
	Node string `json:"node"`
	// Rollback says that it is to be taken back when the host dies before the run
	// has come to its end.
	Rollback bool `json:"rollback,omitempty"`
	// Call is what the engine needs, a JSON object. It holds no settings, since they
	// may be secret.
	Call json.RawMessage `json:"call"`
	// Problem says why it could not be taken back, when that was tried.
	Problem string `json:"problem,omitempty"`
}

// effectLine is one line of the file of effects.
type effectLine struct {
	Did *Effect `json:"did,omitempty"`
	// Compensates says that all of them are being taken back.
	Compensates bool `json:"compensates,omitempty"`
	// TookBack names a node whose effect was taken back, or could not be.
	TookBack string `json:"took_back,omitempty"`
	Problem  string `json:"problem,omitempty"`
	// Stays says that the run has come to its end, so that its effects stay.
	Stays bool `json:"stays,omitempty"`
}

const (
	effectsName = "effects.jsonl"
	maxEffects  = 256 << 20 // bytes of effects.jsonl that are read
)

// Did notes an effect and brings the note to disk.
func (r *Run) Did(e Effect) error { return r.effect(effectLine{Did: &e}) }

// Compensates notes that all effects of the run are about to be taken back.
func (r *Run) Compensates() error { return r.effect(effectLine{Compensates: true}) }

// TookBack notes that the effect of a node was taken back, or with a problem that
// it could not be.
func (r *Run) TookBack(node, problem string) error {
	return r.effect(effectLine{TookBack: node, Problem: problem})
}

// Stays notes that the run has come to its end: its effects stay.
func (r *Run) Stays() error { return r.effect(effectLine{Stays: true}) }

func (r *Run) effect(l effectLine) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return ErrEnded
	}
	if err := r.failing("writing effects"); err != nil {
		return err
	}
	if err := appendEffect(r.dir, l); err != nil {
		return fmt.Errorf("recording run %s: %w", r.record.ID, err)
	}
	return nil
}

// appendEffect adds a line and brings it to disk, with the name of its file.
func appendEffect(dir string, l effectLine) error {
	line, err := encode(l)
	if err != nil {
		return err
	}
	f, err := durable.OpenRegular(filepath.Join(dir, effectsName), os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	// The line of a host that died may be torn: what follows must stand alone.
	_, err = f.Write(append([]byte{'\n'}, line...))
	return errors.Join(err, f.Sync(), f.Close(), durable.SyncDir(dir))
}

// Stays notes of a run whose host died that it has come to its end nevertheless, since
// its files are in place. It does nothing for a run without effects.
func (s *Store) Stays(id string) error {
	dir := filepath.Join(s.dir, id)
	if _, err := os.Lstat(filepath.Join(dir, effectsName)); errors.Is(err, fs.ErrNotExist) || !isID(id) {
		return nil
	}
	return appendEffect(dir, effectLine{Stays: true})
}

// owed are the effects of a run that are still to be taken back, the last one first:
// when its host died those that ask for it, or all when that had begun; and always
// those for which it was tried in vain.
func (s *Store) owed(id string, status Status) ([]Effect, error) {
	data, err := durable.ReadFile(filepath.Join(s.dir, id, effectsName), maxEffects)
	if errors.Is(err, fs.ErrNotExist) || status == Running {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	done, all := readEffects(data)
	return slices.DeleteFunc(done, func(e Effect) bool {
		return e.Problem == "" && (status != Interrupted || !all && !e.Rollback)
	}), nil
}

// readEffects are those that stand, the last one first, and whether all were being
// taken back. What cannot be read was never done: a line is on disk before its node
// goes on.
func readEffects(data []byte) (left []Effect, all bool) {
	for line := range bytes.Lines(data) {
		var l effectLine
		if json.Unmarshal(line, &l) != nil {
			continue
		}
		at := slices.IndexFunc(left, func(e Effect) bool { return e.Node == l.TookBack })
		switch {
		case l.Stays:
			left, all = nil, false
		case l.Compensates:
			all = true
		case l.Did != nil:
			left = slices.Insert(left, 0, *l.Did)
		case at >= 0 && l.Problem == "":
			left = slices.Delete(left, at, at+1)
		case at >= 0:
			left[at].Problem = l.Problem
		}
	}
	return left, all
}

// Undoing is a run whose effects are being taken back, by this process alone.
type Undoing struct {
	// Record of the run, with its nodes; Owed are the effects.
	Record *Record
	dir    string
	live   *durable.Lock
}

// Undo opens a run to take its effects back. Errors are those of Get, and
// *RunningError while it goes on, or while another process takes them back.
func (s *Store) Undo(ref string) (*Undoing, error) {
	id, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, id)
	live, err := durable.TryAcquire(filepath.Join(dir, liveName))
	if errors.Is(err, durable.ErrLocked) {
		return nil, &RunningError{ID: id}
	}
	if err != nil {
		return nil, fmt.Errorf("reading run %s: %w", id, err)
	}
	u := &Undoing{dir: dir, live: live}
	if u.Record, err = s.getOwn(id); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

// getOwn reads a run whose lock this process holds: it is not running.
func (s *Store) getOwn(id string) (*Record, error) {
	r, err := s.head(id)
	if err != nil {
		return nil, fmt.Errorf("reading run %s: %w", id, err)
	}
	if r.Status == Running {
		r.Status = Interrupted
	}
	if err := s.readNodes(r); err != nil {
		return nil, fmt.Errorf("reading run %s: %w", id, err)
	}
	r.Owed, err = s.owed(id, r.Status)
	return r, err
}

// TookBack notes what became of the effect of a node; see Run.TookBack.
func (u *Undoing) TookBack(node, problem string) error {
	return appendEffect(u.dir, effectLine{TookBack: node, Problem: problem})
}

// Close lets others at the run.
func (u *Undoing) Close() error { return u.live.Release() }
