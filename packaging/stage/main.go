// SPDX-License-Identifier: Apache-2.0

// Stage builds what goes into a release beside the host itself.
//
//	stage [-out DIR] [-cacert FILE] [-zig FILE] [PLATFORM...]
//
// It runs in the root of the source tree, before goreleaser builds the host. A
// PLATFORM is GOOS_GOARCH; without one, those of BULKHEAD_RELEASE_PLATFORMS
// (separated by commas) are staged, and without that all of a release. DIR,
// bin/release unless said otherwise, gets:
//
//	PLATFORM/plugins/NAME/   each built-in plugin, stamped
//	PLATFORM/registry/       the registry that the host carries in itself
//	PLATFORM/static/NAME/    on Linux, the plugin with NVML once more, without it
//	PLATFORM/overlay.json    for go build -overlay: puts that registry where the
//	                         host embeds it, so that the hosts of all platforms can
//	                         be built from one source tree at a time
//	man/, man-gz/            manual pages, plain and compressed
//	completions/             for bash, zsh, fish and PowerShell
//	THIRD_PARTY_LICENSES     the licence texts of all libraries
//	rootfs/                  what the container image has beside the host
//
// The same source, compiler and SOURCE_DATE_EPOCH give the same bytes, wherever
// the tree stands. Without SOURCE_DATE_EPOCH the time of the last commit is taken.
// Executables are static and built without cgo, so that they run everywhere and no
// C compiler has a say in their bytes. The one exception is the GPU plugin on Linux,
// which loads NVML: it is built with cgo by Zig, one C compiler for all processors
// and for old Linux, see package linkage for what it is held to. The compiler is
// named by its hash, and so stands beside Go's. Such an executable needs the loader
// of glibc, which Alpine and an empty container image do not have; for these the
// registry holds a second form of itself, below static/, see withoutLoader.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// releasePlatforms are those of a release.
var releasePlatforms = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64", "windows_arm64"}

// tags are those of the plugins; the host has embed_plugins too.
const tags = "grpcnotrace"

func main() {
	out := flag.String("out", filepath.Join("bin", "release"), "directory to fill")
	cacert := flag.String("cacert", "", "certificates of authorities for the container image, as PEM; none leaves its root file system out")
	zig := flag.String("zig", "", "Zig's executable, the C compiler; a platform of Linux needs it")
	flag.Parse()
	s, err := newStager(*out, *cacert, *zig, flag.Args())
	if err == nil {
		err = s.stage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
}

// stager stages one release.
type stager struct {
	root, out string // absolute
	cacert    string
	zig       string // absolute, "" for none
	platforms []string
	epoch     string // seconds since 1970
}

func newStager(out, cacert, zig string, platforms []string) (*stager, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, fmt.Errorf("this is not the root of the source tree: %w", err)
	}
	if out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	if zig != "" {
		if zig, err = filepath.Abs(zig); err != nil {
			return nil, err
		}
	}
	s := &stager{root: root, out: out, cacert: cacert, zig: zig, platforms: chosen(platforms)}
	s.epoch, err = s.sourceDate()
	return s, err
}

// chosen are the platforms asked for.
func chosen(arguments []string) []string {
	if len(arguments) > 0 {
		return arguments
	}
	if text := os.Getenv("BULKHEAD_RELEASE_PLATFORMS"); text != "" {
		return strings.Split(text, ",")
	}
	return releasePlatforms
}

// sourceDate is the time that everything in the release bears.
func (s *stager) sourceDate() (string, error) {
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		return text, nil
	}
	text, err := s.run(nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return "", fmt.Errorf("SOURCE_DATE_EPOCH is not set, and git knows no time: %w", err)
	}
	return strings.TrimSpace(text), nil
}

func (s *stager) stage() error {
	if err := os.RemoveAll(s.out); err != nil {
		return err
	}
	plugins, err := findPlugins(s.root)
	if err != nil {
		return err
	}
	tools, err := s.buildTools()
	if err != nil {
		return err
	}
	for _, platform := range s.platforms {
		if err := s.platform(platform, plugins, tools); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
	}
	return s.texts(plugins)
}

// run runs a program in the source tree and returns what it printed.
func (s *stager) run(env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+s.epoch)
	cmd.Env = append(cmd.Env, env...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(problems.Bytes()))
	}
	return string(out), nil
}
