// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"debug/elf"
	"fmt"
	"path"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var libcCollector = fact.Collector{
	Name:    "libc",
	Summary: "C library, which decides the wheels that can be installed",
	Facts: []fact.Description{
		{Address: "os.libc", Summary: `"glibc" or "musl"`, Type: "string"},
		{Address: "os.glibc", Summary: "version of glibc, from the symbol versions that it defines", Type: "string"},
	},
	Collect: collectLibc,
}

// libcGlobs are the places of glibc: Debian's multiarch, the lib64 of RPM
// systems, plain lib, and the same under /usr for images without the links.
var libcGlobs = []string{
	"/lib/*-linux-gnu*/libc.so.6", "/lib64/libc.so.6", "/lib/libc.so.6",
	"/usr/lib/*-linux-gnu*/libc.so.6", "/usr/lib64/libc.so.6", "/usr/lib/libc.so.6",
}

func collectLibc(_ context.Context, t *fact.Target, r *fact.Recorder) error {
	for _, glob := range libcGlobs {
		for _, name := range t.Glob(glob) {
			if !t.Exists(name) {
				continue
			}
			collectGlibc(t, r, name)
			return nil
		}
	}
	if loaders := t.Glob("/lib/ld-musl-*.so.1"); len(loaders) > 0 {
		r.Add("os.libc", "musl", fact.File(loaders[0], 0, path.Base(loaders[0])))
	}
	return nil
}

func collectGlibc(t *fact.Target, r *fact.Recorder, name string) {
	r.Add("os.libc", "glibc", fact.File(name, 0, ""))
	version, err := glibcVersion(t, name)
	if err != nil {
		r.Unknown("os.glibc", err.Error(), fact.File(name, 0, ""))
		return
	}
	r.Add("os.glibc", version, fact.File(name, 0, "GLIBC_"+version))
}

// glibcVersion returns the newest GLIBC_x.y that the library defines: that is
// what a wheel's tag is compared with.
func glibcVersion(t *fact.Target, name string) (version string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s is not a sound ELF file: %v", name, r)
		}
	}()
	f, err := t.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	library, err := elf.NewFile(f)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	versions, err := library.DynamicVersions()
	if err != nil {
		return "", fmt.Errorf("reading the symbol versions of %s: %w", name, err)
	}
	return newestGlibc(versions, name)
}

func newestGlibc(versions []elf.DynamicVersion, name string) (string, error) {
	newest := ""
	for _, v := range versions {
		number, ok := strings.CutPrefix(v.Name, "GLIBC_")
		if ok && semver.IsValid("v"+number) && (newest == "" || semver.Compare("v"+number, "v"+newest) > 0) {
			newest = number
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s defines no GLIBC symbol version", name)
	}
	return newest, nil
}
