// SPDX-License-Identifier: Apache-2.0

// Reproduce builds a release twice and holds every byte of one against the other.
//
//	reproduce [-goreleaser FILE] [-cacert FILE] [-zig DIR] [-keep DIR] [PLATFORM...]
//
// It runs in the root of a git checkout and builds its last commit, as a snapshot
// that is neither signed nor published. PLATFORM is GOOS_GOARCH; that of this
// machine is built unless said otherwise, and "all" stands for all of a release.
//
// The two builds differ in what must not matter: the directory and its depth, Go's
// cache (a new one each), the place of the C compiler, that of temporary files, the time zone, the
// language, the umask, the name of the user, how many programs run at once, and the
// time at which they run. Compared are the executables, plugins, archives,
// packages, bills of materials, manual pages and checksums.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

func main() {
	goreleaser := flag.String("goreleaser", filepath.Join("bin", "tools", "goreleaser"), "the program")
	cacert := flag.String("cacert", filepath.Join("bin", "tools", "cacert.pem"), "certificates for the container image")
	zig := flag.String("zig", filepath.Join("bin", "tools", "zig"), "directory of the C compiler")
	keep := flag.String("keep", "", "directory for the two builds, kept; a temporary one unless given")
	flag.Parse()
	if err := reproduce(build{goreleaser: *goreleaser, cacert: *cacert, zig: *zig, platforms: flag.Args()}, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "reproduce:", err)
		os.Exit(1)
	}
}

// reproduce makes both builds with the programs and platforms of one.
func reproduce(both build, keep string) (err error) {
	if both.goreleaser, err = filepath.Abs(both.goreleaser); err != nil {
		return err
	}
	if len(both.platforms) == 0 {
		both.platforms = []string{runtime.GOOS + "_" + runtime.GOARCH}
	}
	dir, done, err := place(keep)
	if err != nil {
		return err
	}
	defer done()
	var roots []string
	for _, b := range builds(dir) {
		b.goreleaser, b.cacert, b.zig, b.platforms = both.goreleaser, both.cacert, both.zig, both.platforms
		if err := b.run(); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		roots = append(roots, b.source)
	}
	return report(roots[0], roots[1])
}

// place is where the builds stand, and how they are removed.
func place(keep string) (dir string, done func(), err error) {
	if keep != "" {
		dir, err = filepath.Abs(keep)
		return dir, func() {}, errors.Join(err, os.MkdirAll(keep, 0o755))
	}
	dir, err = os.MkdirTemp("", "bulkhead-reproduce-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// report compares what the two builds made.
func report(a, b string) error {
	same, different, err := compare(a, b)
	if err != nil {
		return err
	}
	for _, d := range different {
		fmt.Println(d)
	}
	if len(different) > 0 {
		return fmt.Errorf("%d of %d files differ", len(different), same+len(different))
	}
	fmt.Printf("%d files, and every byte of them is the same in both builds\n", same)
	return nil
}
