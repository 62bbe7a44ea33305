// SPDX-License-Identifier: Apache-2.0

// Mkbom writes the bill of materials of an archive of a release.
//
//	mkbom [-stage DIR] [-zig FILE] [-form spdx|cyclonedx] ARCHIVE OUT
//
// ARCHIVE is a .tar.gz or .zip with the host in it; DIR is what packaging/stage
// made, where the plugins of the host's platform lie as they were before they were
// packed into it. FILE is Zig's executable, the C compiler: an executable with cgo
// contains parts of it. SOURCE_DATE_EPOCH is the time of the release.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"github.com/bulkhead-ml/bulkhead/packaging/bom"
	"github.com/bulkhead-ml/bulkhead/packaging/licence"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

func main() {
	stage := flag.String("stage", filepath.Join("bin", "release"), "directory that packaging/stage made")
	zig := flag.String("zig", "", "Zig's executable, where an executable was built with cgo")
	form := flag.String("form", "spdx", "spdx (2.3) or cyclonedx (1.6)")
	flag.Parse()
	encode, ok := encodings[*form]
	if flag.NArg() != 2 || !ok {
		fmt.Fprintln(os.Stderr, "usage: mkbom [-stage DIR] [-zig FILE] [-form spdx|cyclonedx] ARCHIVE OUT")
		os.Exit(2)
	}
	if err := write(materials{*stage, *zig}, flag.Arg(0), flag.Arg(1), encode); err != nil {
		fmt.Fprintln(os.Stderr, "mkbom:", err)
		os.Exit(1)
	}
}

var encodings = map[string]func(bom.Bill) ([]byte, error){"spdx": bom.Bill.SPDX, "cyclonedx": bom.Bill.CycloneDX}

// materials are what an archive was made of.
type materials struct {
	stage string // directory of the plugins
	zig   string // executable, "" for none
}

func write(from materials, archive, out string, encode func(bom.Bill) ([]byte, error)) error {
	b, err := from.bill(archive)
	if err != nil {
		return err
	}
	data, err := encode(*b)
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644)
}

// bill reads the archive, and the plugins of its platform.
func (from materials) bill(archive string) (*bom.Bill, error) {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH must be the time of the release: %w", err)
	}
	digest, err := digestOf(archive)
	if err != nil {
		return nil, err
	}
	known, err := licences()
	if err != nil {
		return nil, err
	}
	host, platform, err := hostOf(archive, known)
	if err != nil {
		return nil, err
	}
	b := &bom.Bill{Name: filepath.Base(archive), Digest: digest, Version: version.Version, Time: time.Unix(seconds, 0), Parts: []bom.Executable{host}}
	plugins, err := from.plugins(platform, known)
	b.Parts = append(b.Parts, plugins...)
	return b, err
}

// forms are the directories of a platform's plugins, and what stands before the
// names of those in them: the host may carry a plugin in a second form.
var forms = []struct{ dir, prefix string }{{"plugins", ""}, {"static", "static/"}}

// plugins describes the plugins of a platform.
func (from materials) plugins(platform string, known bom.Licences) (out []bom.Executable, err error) {
	for _, form := range forms {
		files, err := filepath.Glob(filepath.Join(from.stage, platform, form.dir, "*", "bulkhead-plugin-*"))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			p, err := from.plugin(name, known)
			if err != nil {
				return nil, err
			}
			p.Name = form.prefix + p.Name
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no plugins of %s are staged in %s: run packaging/stage first", platform, from.stage)
	}
	return out, nil
}

// plugin describes a plugin, with what its C compiler put into it.
func (from materials) plugin(name string, known bom.Licences) (bom.Executable, error) {
	p, err := bom.File(name, known)
	if err != nil || !p.Cgo {
		return p, err
	}
	if from.zig == "" {
		return p, fmt.Errorf("%s was built with cgo: name the C compiler with -zig", name)
	}
	version, err := exec.Command(from.zig, "version").Output()
	if err != nil {
		return p, fmt.Errorf("%s version: %w", from.zig, err)
	}
	parts, err := licence.Compiler(filepath.Dir(from.zig), strings.TrimSpace(string(version)))
	for _, m := range parts {
		p.Modules = append(p.Modules, bom.Module{Path: m.Path, Version: m.Version, Licence: m.Licence(), Project: licence.Zig})
	}
	return p, err
}

func digestOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return bom.Digest(f)
}

// licences reads the licence of each library in the module cache, from where the
// executables were built.
func licences() (bom.Licences, error) {
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	cache := strings.TrimSpace(string(out))
	return func(path, version string) (string, error) {
		dir, err := moduleDir(cache, path, version)
		if err != nil {
			return "", err
		}
		texts, err := licence.Read(dir)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", path, version, err)
		}
		return licence.Expression(texts), nil
	}, nil
}

// moduleDir is where the module cache has a library.
func moduleDir(cache, path, version string) (string, error) {
	escapedPath, err := module.EscapePath(path)
	if err != nil {
		return "", err
	}
	escapedVersion, err := module.EscapeVersion(version)
	return filepath.Join(cache, filepath.FromSlash(escapedPath)+"@"+escapedVersion), err
}
