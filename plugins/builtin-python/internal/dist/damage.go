// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Damage is what an install lacks of what its RECORD promises.
//
// Looked at are METADATA, the shared libraries and the package roots (six.py,
// torch/__init__.py), because their loss is what breaks an import, and looking
// at every file of an environment takes a hundred times as long. Sizes are
// compared for all of them, hashes for roots of at most maxHashed bytes of
// distributions with native code, where a crash of the machine that left blocks
// of zeros hurts most.
type Damage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Path of the metadata directory.
	Path string `json:"path"`
	// Missing files are not there, Truncated ones are empty or end before
	// their own header says, Modified ones differ otherwise. Paths are
	// relative to the directory of packages, at most maxListed of a kind.
	Missing   []string `json:"missing,omitempty"`
	Truncated []string `json:"truncated,omitempty"`
	Modified  []string `json:"modified,omitempty"`
	// Counts of each, listed or not.
	MissingCount   int `json:"missing_count,omitempty"`
	TruncatedCount int `json:"truncated_count,omitempty"`
	ModifiedCount  int `json:"modified_count,omitempty"`
	// Looked is how many files were looked at.
	Looked int `json:"looked"`
}

const (
	// maxHashed bounds the size of files that are hashed, in bytes.
	maxHashed = 8 << 10
	maxListed = 5
	// maxLooked bounds the files looked at in one distribution.
	maxLooked = 4000
)

// Inspect compares an install with its RECORD; nil when nothing is wrong.
func Inspect(t *fact.Target, d *Distribution) *Damage {
	if d.Record == nil || d.Editable {
		return nil
	}
	damage := &Damage{Name: d.Name, Version: d.Version, Path: d.Path}
	damage.lookMetadata(t, d)
	for _, e := range d.Record.Natives {
		damage.look(t, d, e, false)
	}
	for _, e := range d.Record.Roots {
		damage.look(t, d, e, true)
	}
	if damage.MissingCount+damage.TruncatedCount+damage.ModifiedCount == 0 {
		return nil
	}
	return damage
}

// lookMetadata stats METADATA only where none was read: without it the
// distribution has no name for pip and importlib.metadata.
func (m *Damage) lookMetadata(t *fact.Target, d *Distribution) {
	if d.Egg || d.Metadata.Name != "" {
		return
	}
	name := path.Base(d.Path) + "/METADATA"
	info, err := t.Stat(path.Join(d.Site, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.miss(t, d, name)
	case err == nil && info.Mode().IsRegular() && info.Size() == 0:
		add(&m.Truncated, &m.TruncatedCount, name)
	}
}

func (m *Damage) look(t *fact.Target, d *Distribution, e Entry, root bool) {
	if m.Looked == maxLooked {
		return
	}
	m.Looked++
	file := path.Join(d.Site, e.Path)
	size, regular, err := t.Regular(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.miss(t, d, e.Path)
	case err != nil || !regular || e.Size < 0:
	case size != e.Size:
		m.resized(t, d, e, size, file)
	case root && e.Size <= maxHashed && len(d.Record.Natives) > 0 && !sameHash(t, file, e) && d.FromPip(t):
		add(&m.Modified, &m.ModifiedCount, e.Path)
	}
}

// miss notes a file that is not there, unless a link leads to where nobody
// looked.
func (m *Damage) miss(t *fact.Target, d *Distribution, name string) {
	if !outOfSight(t, d.Site, path.Join(d.Site, name)) {
		add(&m.Missing, &m.MissingCount, name)
	}
}

func (m *Damage) resized(t *fact.Target, d *Distribution, e Entry, size int64, file string) {
	switch {
	case size == 0 && e.Size > 0, size < e.Size && isTruncatedELF(t, file, size):
		add(&m.Truncated, &m.TruncatedCount, e.Path)
	case d.FromPip(t):
		add(&m.Modified, &m.ModifiedCount, e.Path)
	}
}

func add(list *[]string, count *int, name string) {
	if *count++; *count <= maxListed {
		*list = append(*list, name)
	}
}

// sameHash compares with "sha256=<base64>"; what cannot be compared is the same.
func sameHash(t *fact.Target, file string, e Entry) bool {
	want, ok := strings.CutPrefix(e.Hash, "sha256=")
	if !ok {
		return true
	}
	data, err := t.ReadFile(file)
	if err != nil {
		return true
	}
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:]) == strings.TrimRight(want, "=")
}

// isTruncatedELF reports whether an ELF file ends before its table of sections
// does, which the linker writes last.
func isTruncatedELF(t *fact.Target, file string, size int64) bool {
	f, err := t.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	var h elf.Header64
	head := make([]byte, binary.Size(h))
	if _, err := io.ReadFull(f, head); err != nil {
		return true
	}
	if !bytes.HasPrefix(head, []byte(elf.ELFMAG)) || head[elf.EI_CLASS] != byte(elf.ELFCLASS64) || head[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return false
	}
	if _, err := binary.Decode(head, binary.LittleEndian, &h); err != nil {
		return false
	}
	end := h.Shoff + uint64(h.Shnum)*uint64(h.Shentsize)
	return end > uint64(size)
}
