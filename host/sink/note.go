// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// note is what a journal says of one commit.
type note struct {
	Version int    `json:"version"`
	Run     string `json:"run"`
	Phase   string `json:"phase"`
	Files   []move `json:"files"`
}

const (
	noteVersion  = 1
	noteSuffix   = ".json"
	maxNote      = 64 << 20 // bytes
	phasePrepare = "prepare"
	phaseCommit  = "commit"
	phaseUndo    = "undo"
	// keptMark stands in the name of a draft that no sink sweeps, and backupMark in
	// the second name of a file that is replaced.
	keptMark   = ".commit-"
	backupMark = ".old-"
)

// move is one file of a commit: Draft becomes Kept and then Target. All are paths in
// one directory.
type move struct {
	Draft  string `json:"draft"`
	Kept   string `json:"kept"`
	Target string `json:"target"`
	// Backup is a second name of what was in the place.
	Backup string `json:"backup"`
	// Old tells of what was in the place, nil for nothing, and New of what is to be
	// there, as it is when nobody has it open any more.
	Old *identity `json:"old,omitempty"`
	New *identity `json:"new,omitempty"`
}

// identity of a file, as far as it tells whether somebody has changed it.
type identity struct {
	Size    int64 `json:"size"`
	Changed int64 `json:"changed_ns"` // nanoseconds since 1970
}

// planned is the move of a draft.
func (d *draft) planned() (move, error) {
	old, err := identify(d.target)
	base := filepath.Join(filepath.Dir(d.target), strings.TrimSuffix(d.draftPrefix(), draftMark))
	ending := rand.Text()[:draftRandom]
	return move{Draft: d.name, Kept: base + keptMark + ending, Target: d.target, Backup: base + backupMark + ending, Old: old}, err
}

// identify looks at a file; nil when there is none.
func identify(path string) (*identity, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &identity{Size: info.Size(), Changed: info.ModTime().UnixNano()}, nil
}

func (n note) encode() ([]byte, error) {
	data, err := json.Marshal(n)
	return append(data, '\n'), err
}

// decodeNote reads a note and refuses what Begin does not write.
func decodeNote(data []byte) (note, error) {
	var n note
	if err := json.Unmarshal(data, &n); err != nil {
		return note{}, fmt.Errorf("it is no note: %w", err)
	}
	switch {
	case n.Version != noteVersion:
		return note{}, fmt.Errorf("it has version %d, and this host knows %d", n.Version, noteVersion)
	case n.Phase != phasePrepare && n.Phase != phaseCommit && n.Phase != phaseUndo:
		return note{}, fmt.Errorf("%q is no phase", n.Phase)
	}
	if err := checkRun(n.Run); err != nil {
		return note{}, err
	}
	for _, m := range n.Files {
		if err := m.check(); err != nil {
			return note{}, err
		}
	}
	return n, nil
}

// check wants four names beside each other, three of them such as nobody else gives
// a file: a note moves nothing else.
func (m move) check() error {
	dir, d := filepath.Dir(m.Target), &draft{target: m.Target}
	base := strings.TrimSuffix(d.draftPrefix(), draftMark)
	if !filepath.IsAbs(m.Target) || !isDraft(m.Draft, dir, base+draftMark) || !isDraft(m.Kept, dir, base+keptMark) || !isDraft(m.Backup, dir, base+backupMark) {
		return fmt.Errorf("%q, %q, %q and %q are not the names of one commit", m.Draft, m.Kept, m.Backup, m.Target)
	}
	return nil
}

func isDraft(path, dir, prefix string) bool {
	ending, ok := strings.CutPrefix(filepath.Base(path), prefix)
	return ok && path == filepath.Join(dir, filepath.Base(path)) && draftEnding().MatchString(ending)
}

// checkRun wants a name that stays in the directory of the journal.
func checkRun(run string) error {
	if run == "" || len(run) > 64 || strings.Trim(run, "0123456789abcdefghijklmnopqrstuvwxyz-") != "" {
		return fmt.Errorf("%q is no id of a run", run)
	}
	return nil
}
