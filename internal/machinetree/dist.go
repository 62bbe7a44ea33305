// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"
)

// distribution is one installed Python package.
type distribution struct {
	name, version  string
	requires       []string
	requiresPython string
	metadata       []string // more header lines
	topLevel       []string
	files          []wheelFile
	installer, tag string
	noRecord       bool
}

// wheelFile is a file of a distribution, relative to the directory of packages.
type wheelFile struct {
	name string
	data []byte
	// missing is in RECORD only; changed has other bytes on disk.
	missing bool
	changed []byte
}

// dist reads a statement "dist NAME==VERSION".
func (p *python) dist(spec string, rest []string, props []block) error {
	name, version, ok := strings.Cut(spec, "==")
	if !ok {
		return fmt.Errorf("%.80q is not NAME==VERSION", spec)
	}
	o, err := options(rest, "installer", "record", "tag")
	if err != nil {
		return err
	}
	d := &distribution{name: name, version: version, installer: o["installer"], tag: o["tag"], noRecord: o["record"] == "no"}
	if err := p.properties(d, props); err != nil {
		return err
	}
	return p.write(d)
}

func (p *python) properties(d *distribution, props []block) error {
	for _, prop := range props {
		if err := p.property(d, prop); err != nil {
			return prop.at(err)
		}
	}
	return nil
}

func (p *python) property(d *distribution, prop block) error {
	key, rest := prop.cut()
	if key != "elf" && len(prop.props) > 0 {
		return fmt.Errorf("%.40s has no properties of its own", key)
	}
	name, text, _ := strings.Cut(rest, " ")
	switch key {
	case "requires":
		d.requires = append(d.requires, rest)
	case "requires-python":
		d.requiresPython = rest
	case "metadata":
		d.metadata = append(d.metadata, rest)
	case "top-level":
		d.topLevel = append(d.topLevel, strings.Fields(rest)...)
	case "file":
		d.files = append(d.files, wheelFile{name: name, data: []byte(strings.ReplaceAll(text, `\n`, "\n") + "\n")})
	case "missing":
		d.files = append(d.files, wheelFile{name: name, data: []byte("gone\n"), missing: true})
	case "changed":
		d.files = append(d.files, wheelFile{name: name, data: []byte("as the wheel had it\n"), changed: []byte(text + "\n")})
	case "elf":
		l, err := parseLibrary(rest, prop.props, p.machine)
		if err != nil {
			return err
		}
		d.files = append(d.files, wheelFile{name: rest, data: l.bytes()})
	default:
		return fmt.Errorf("%.80q is no property of a distribution", key)
	}
	return nil
}

// write installs a distribution as pip leaves it, or as conda does.
func (p *python) write(d *distribution) error {
	if p.site == "" {
		return errors.New("no environment: begin with venv, conda, interpreter, standalone or site")
	}
	module := strings.ReplaceAll(strings.ToLower(d.name), "-", "_")
	if len(d.files) == 0 {
		d.files = []wheelFile{{name: module + "/__init__.py", data: []byte("__version__ = '" + d.version + "'\n")}}
	}
	info := strings.ReplaceAll(d.name, "-", "_") + "-" + d.version + ".dist-info"
	record, err := p.writeFiles(append(d.files, d.infoFiles(info, p.installer(d), p.tag())...))
	if err != nil {
		return err
	}
	if !d.noRecord {
		record += info + "/RECORD,,\n"
		if err := p.tree.text(path.Join(p.site, info, "RECORD"), record); err != nil {
			return err
		}
	}
	if p.conda != "" && p.installer(d) == "conda" {
		return p.condaRecord(d.name, d.version)
	}
	return nil
}

// installer is conda in a conda environment, unless the machine says otherwise.
func (p *python) installer(d *distribution) string {
	if d.installer == "" && p.conda != "" {
		return "conda"
	}
	return or(d.installer, "pip")
}

func (p *python) tag() string {
	cp := "cp" + strings.ReplaceAll(p.minor, ".", "")
	return cp + "-" + cp + "-manylinux_2_17_x86_64"
}

// writeFiles returns RECORD's lines.
func (p *python) writeFiles(files []wheelFile) (string, error) {
	var record strings.Builder
	for _, f := range files {
		sum := sha256.Sum256(f.data)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.data))
		data := f.data
		if f.changed != nil {
			data = f.changed
		}
		if f.missing {
			continue
		}
		// A path may lead out of the packages, as scripts do, not out of the machine.
		if err := p.tree.file(path.Join("/", p.site, f.name), data); err != nil {
			return "", err
		}
	}
	return record.String(), nil
}

func (d *distribution) infoFiles(info, installer, tag string) []wheelFile {
	top := strings.Join(d.topLevel, "\n")
	if top == "" {
		top = strings.ReplaceAll(strings.ToLower(d.name), "-", "_")
	}
	return []wheelFile{
		{name: info + "/METADATA", data: d.metadataFile()},
		{name: info + "/INSTALLER", data: []byte(installer + "\n")},
		{name: info + "/WHEEL", data: []byte("Wheel-Version: 1.0\nGenerator: bdist_wheel (0.43.0)\nRoot-Is-Purelib: false\nTag: " + or(d.tag, tag) + "\n")},
		{name: info + "/top_level.txt", data: []byte(top + "\n")},
	}
}

func (d *distribution) metadataFile() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", d.name, d.version)
	if d.requiresPython != "" {
		fmt.Fprintf(&b, "Requires-Python: %s\n", d.requiresPython)
	}
	for _, m := range d.metadata {
		b.WriteString(m + "\n")
	}
	for _, r := range d.requires {
		fmt.Fprintf(&b, "Requires-Dist: %s\n", r)
	}
	b.WriteString("\n" + d.name + " is a package.\n")
	return []byte(b.String())
}
