// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// pluginSuffix is that of the file that a plugin writes, beside the draft.
const pluginSuffix = "-plugin"

// A name of a draft is .NAME.new-TEXT. NAME is cut where the system would find
// the whole too long.
const (
	draftMark    = ".new-"
	draftRandom  = 12
	draftNameMax = 200
)

var draftEnding = pattern.Lazy(`^[A-Z2-7]{12}(` + pluginSuffix + `)?$`)

// draftPrefix begins the names of all drafts of the target.
func (d *draft) draftPrefix() string {
	base := filepath.Base(d.target)
	return "." + base[:min(len(base), draftNameMax)] + draftMark
}

// create makes the file and locks it for as long as this process has it open:
// the lock tells it from one that a killed process left.
func (d *draft) create(mode os.FileMode) error {
	for {
		name := filepath.Join(filepath.Dir(d.target), d.draftPrefix()+rand.Text()[:draftRandom])
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		held, err := tryLock(f)
		if err != nil || held && leadsTo(name, f) { // without locks nothing is swept
			d.file, d.name = f, name
			return nil
		}
		_ = f.Close() // another process has swept it before it was locked
		os.Remove(name)
	}
}

// leadsTo reports whether a name still is that of an open file.
func leadsTo(name string, f *os.File) bool {
	there, err := os.Lstat(name)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(there, open)
}

// sweep removes drafts of the target whose process is gone. What cannot be
// removed stays: it harms nobody.
func (d *draft) sweep() {
	entries, err := os.ReadDir(filepath.Dir(d.target))
	if err != nil {
		return // creating the draft will tell why
	}
	prefix := d.draftPrefix()
	for _, e := range entries {
		ending, ok := strings.CutPrefix(e.Name(), prefix)
		if ok && e.Type().IsRegular() && draftEnding().MatchString(ending) {
			removeUnlocked(filepath.Join(filepath.Dir(d.target), e.Name()))
		}
	}
}

func removeUnlocked(name string) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR, 0)
	if err != nil {
		return
	}
	held, _ := tryLock(f) // where there are no locks, nothing is held
	if held && renamesOpenFiles {
		os.Remove(name)
	}
	_ = f.Close() // nothing was written
	if held && !renamesOpenFiles {
		os.Remove(name)
	}
}
