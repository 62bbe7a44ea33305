// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"io"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// maxKernels bounds how many installed kernels are looked at.
const maxKernels = 64

// modulePlaces are where distributions and installers put nvidia.ko below a
// kernel's module directory. The index modules.dep is asked as well.
var modulePlaces = []string{
	"updates/dkms", "updates", "extra", "extra/*", "extramodules", "misc", "weak-updates", "weak-updates/*",
	"kernel/drivers/video", "kernel/drivers/video/nvidia", "kernel/drivers/char", "kernel/nvidia-*", "kernel/nvidia*/bits",
}

// modulesOnDisk records for which installed kernels there is a module, and
// what DKMS could build one from.
func (m *machine) modulesOnDisk() {
	base := "/lib/modules"
	if !m.Exists(base) {
		base = "/usr/lib/modules"
	}
	entries, err := m.ReadDir(base)
	if err == nil {
		found := []facts.Module{}
		for _, e := range entries[:min(len(entries), maxKernels)] {
			if name := m.moduleOf(path.Join(base, e.Name())); name != "" {
				found = append(found, facts.Module{Kernel: e.Name(), Path: name, Signed: m.signed(name)})
			}
		}
		m.record.Add(facts.OnDisk, found, fact.File(base, 0, ""))
	}
	m.dkms()
}

// moduleOf finds nvidia.ko of one kernel, or "".
func (m *machine) moduleOf(dir string) string {
	for _, place := range modulePlaces {
		for _, name := range m.Glob(path.Join(dir, place, "nvidia*.ko*")) {
			if isModuleFile(path.Base(name)) && m.Exists(name) {
				return name
			}
		}
	}
	data, err := m.ReadFile(dir + "/modules.dep")
	if err != nil {
		return ""
	}
	if name := moduleInIndex(data); name != "" && m.Exists(path.Join(dir, name)) {
		return path.Join(dir, name)
	}
	return ""
}

// moduleFile is the name of the driver's main module: nvidia.ko, or what
// Debian's alternatives make of it, nvidia-current.ko and nvidia-tesla-470.ko.
var moduleFile = pattern.Lazy(`^nvidia(?:-(?:current|tesla|legacy)(?:-open|-[0-9]{1,3}(?:xx)?){0,2})?\.ko(?:\.xz|\.zst|\.gz)?$`)

func isModuleFile(base string) bool { return moduleFile().MatchString(base) }

// moduleInIndex finds nvidia.ko in modules.dep, whose lines are "path: needs".
func moduleInIndex(data []byte) string {
	for line := range bytes.Lines(data) {
		name, _, ok := strings.Cut(string(line), ":")
		if ok && isModuleFile(path.Base(name)) {
			return path.Clean("/" + name)
		}
	}
	return ""
}

// signatureMark ends every signed module (Linux, kernel/module_signature.h).
const signatureMark = "~Module signature appended~\n"

// signed reports whether a module carries a signature; nil when the file is
// compressed or cannot be read. Whose signature it is the file cannot tell.
func (m *machine) signed(name string) *bool {
	if !strings.HasSuffix(name, ".ko") {
		return nil
	}
	f, err := m.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	tail := make([]byte, len(signatureMark))
	if _, err := f.Seek(-int64(len(tail)), io.SeekEnd); err != nil {
		return new(bool)
	}
	if _, err := io.ReadFull(f, tail); err != nil {
		return nil
	}
	is := string(tail) == signatureMark
	return &is
}

// dkms records the driver versions whose sources DKMS holds.
func (m *machine) dkms() {
	versions := []string{}
	var seen []fact.Evidence
	for _, name := range m.Glob("/var/lib/dkms/nvidia*/*") {
		if v := path.Base(name); tables.IsVersion(v) {
			versions = append(versions, v)
			seen = append(seen, fact.File(name, 0, ""))
		}
	}
	m.record.Add(facts.DKMS, versions, seen...)
}
