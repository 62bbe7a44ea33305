// SPDX-License-Identifier: Apache-2.0

// Mkbom writes the bill of materials of an archive of a release.
//
//	mkbom [-stage DIR] [-form spdx|cyclonedx] ARCHIVE OUT
//
// ARCHIVE is a .tar.gz or .zip with the host in it; DIR is what packaging/stage
// made, where the plugins of the host's platform lie as they were before they were
// packed into it. SOURCE_DATE_EPOCH is the time of the release.
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
	form := flag.String("form", "spdx", "spdx (2.3) or cyclonedx (1.6)")
	flag.Parse()
	encode, ok := forms[*form]
	if flag.NArg() != 2 || !ok {
		fmt.Fprintln(os.Stderr, "usage: mkbom [-stage DIR] [-form spdx|cyclonedx] ARCHIVE OUT")
		os.Exit(2)
	}
	if err := write(*stage, flag.Arg(0), flag.Arg(1), encode); err != nil {
		fmt.Fprintln(os.Stderr, "mkbom:", err)
		os.Exit(1)
	}
}

var forms = map[string]func(bom.Bill) ([]byte, error){"spdx": bom.Bill.SPDX, "cyclonedx": bom.Bill.CycloneDX}

func write(stage, archive, out string, encode func(bom.Bill) ([]byte, error)) error {
	b, err := bill(stage, archive)
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
func bill(stage, archive string) (*bom.Bill, error) {
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
	plugins, err := filepath.Glob(filepath.Join(stage, platform, "plugins", "*", "bulkhead-plugin-*"))
	if err == nil && len(plugins) == 0 {
		err = fmt.Errorf("no plugins of %s are staged in %s: run packaging/stage first", platform, stage)
	}
	if err != nil {
		return nil, err
	}
	for _, name := range plugins {
		p, err := bom.File(name, known)
		if err != nil {
			return nil, err
		}
		b.Parts = append(b.Parts, p)
	}
	return b, nil
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
