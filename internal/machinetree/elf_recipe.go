// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"debug/elf"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// maxELFBytes bounds what "size" may ask for.
const maxELFBytes = 8 << 20

// elfRecipe makes each file of root.elf.
func elfRecipe(b *builder, ls []line) error {
	for _, blk := range blocks(ls) {
		l, err := parseLibrary(blk.text, blk.props, b.machine)
		if err != nil {
			return blk.at(err)
		}
		if err := b.tree.file(blk.text, l.bytes()); err != nil {
			return blk.at(err)
		}
	}
	return nil
}

// parseLibrary reads the properties of one file.
func parseLibrary(name string, props []block, machine elf.Machine) (library, error) {
	l := library{machine: machine}
	if base := path.Base(name); strings.Contains(base, ".so") {
		l.soname = base
	}
	for _, p := range props {
		if err := l.property(p); err != nil {
			return l, p.at(err)
		}
	}
	return l, nil
}

func (l *library) property(p block) error {
	key, rest := p.cut()
	if len(p.props) > 0 {
		return fmt.Errorf("%s has no properties of its own", key)
	}
	list, err := words(rest)
	if err != nil {
		return err
	}
	single := map[string]*string{"soname": &l.soname, "rpath": &l.rpath, "runpath": &l.runpath, "interp": &l.interp}
	many := map[string]*[]string{"needed": &l.needed, "offer": &l.offers, "define": &l.defines, "use": &l.uses}
	if at, ok := single[key]; ok {
		*at = rest
		return nil
	}
	if at, ok := many[key]; ok {
		*at = append(*at, list...)
		return nil
	}
	return l.other(key, list)
}

func (l *library) other(key string, list []string) (err error) {
	switch {
	case key == "want" && len(list) > 1:
		l.wants = append(l.wants, want{list[0], list[1:]})
	case key == "size" && len(list) == 1:
		if l.size, err = strconv.Atoi(list[0]); err == nil && (l.size < 0 || l.size > maxELFBytes) {
			err = fmt.Errorf("size %d: give at most %d bytes", l.size, maxELFBytes)
		}
	case key == "machine" && len(list) == 1:
		l.machine, err = elfMachine(list[0])
	default:
		err = fmt.Errorf("%.80q is no property of an ELF file", key)
	}
	return err
}

func elfMachine(arch string) (elf.Machine, error) {
	switch arch {
	case "amd64", "":
		return elf.EM_X86_64, nil
	case "arm64":
		return elf.EM_AARCH64, nil
	}
	return 0, fmt.Errorf("machine %.80q: give amd64 or arm64", arch)
}

// cacheRecipe makes /etc/ld.so.cache.
func cacheRecipe(b *builder, ls []line) error {
	var list []cached
	for _, l := range ls {
		soname, where, ok := strings.Cut(l.text, "=>")
		if !ok {
			return l.at(fmt.Errorf("%.80q is not SONAME => PATH", l.text))
		}
		list = append(list, cached{strings.TrimSpace(soname), strings.TrimSpace(where)})
	}
	flags := uint32(cacheAMD64)
	if b.machine == elf.EM_AARCH64 {
		flags = cacheARM64
	}
	return b.tree.file("etc/ld.so.cache", loaderCache(list, flags))
}
