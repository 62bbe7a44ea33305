// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// build is one of the two builds.
type build struct {
	name, source string // of the checkout
	umask        string
	env          []string
	parallel     int
	goreleaser   string // executable, absolute
	cacert       string // file
	zig          string // directory
	platforms    []string
}

// builds are the two, as unlike as they can be.
func builds(dir string) []build {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "a much longer name", "and", "deeper")
	return []build{
		{name: "first build", source: filepath.Join(a, "bulkhead"), umask: "022", parallel: 1, env: []string{
			"GOCACHE=" + filepath.Join(a, "cache"), "TMPDIR=" + filepath.Join(a, "tmp"), "TZ=UTC", "LC_ALL=C", "USER=first",
		}},
		{name: "second build", source: filepath.Join(b, "source"), umask: "077", parallel: 4, env: []string{
			"GOCACHE=" + filepath.Join(b, "go-build"), "TMPDIR=" + filepath.Join(b, "t"), "TZ=Pacific/Chatham", "LC_ALL=tr_TR.UTF-8", "USER=second",
		}},
	}
}

// run checks the last commit out and makes a release of it.
func (b build) run() error {
	if err := os.RemoveAll(filepath.Dir(b.source)); err != nil {
		return err
	}
	for _, pair := range b.env {
		if name, dir, _ := strings.Cut(pair, "="); name == "GOCACHE" || name == "TMPDIR" {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
	}
	if err := b.checkout(); err != nil {
		return err
	}
	config := filepath.Join(filepath.Dir(b.source), "goreleaser.yaml")
	if err := b.configure(config); err != nil {
		return err
	}
	fmt.Printf("%s: %s in %s\n", b.name, strings.Join(b.platforms, " "), b.source)
	return b.release(config)
}

// checkout clones, so that neither files that are not committed nor what git
// leaves out come into the build.
func (b build) checkout() error {
	if out, err := exec.Command("git", "clone", "--quiet", ".", b.source).CombinedOutput(); err != nil {
		return fmt.Errorf("git clone: %w\n%s", err, out)
	}
	if out, err := exec.Command("git", "-C", b.source, "remote", "set-url", "origin", "https://github.com/bulkhead-ml/bulkhead").CombinedOutput(); err != nil {
		return fmt.Errorf("git remote: %w\n%s", err, out)
	}
	return b.tools()
}

// tools puts into the checkout what `make release-tools` would, as a copy of its
// own: the place of a compiler must not matter.
func (b build) tools() error {
	certs, err := os.ReadFile(b.cacert)
	if err != nil {
		return fmt.Errorf("%w: `make release-tools` gets it", err)
	}
	tools := filepath.Join(b.source, "bin", "tools")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tools, "cacert.pem"), certs, 0o644); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(tools, "zig"), os.DirFS(b.zig)); err != nil {
		return fmt.Errorf("%w: `make release-tools` gets it", err)
	}
	return nil
}

// all stands for every platform of a release.
const all = "all"

// configure writes the release's configuration for the chosen platforms.
func (b build) configure(to string) error {
	data, err := os.ReadFile(filepath.Join(b.source, ".goreleaser.yaml"))
	if err != nil {
		return err
	}
	if !slices.Contains(b.platforms, all) {
		if data, err = narrow(data, b.platforms); err != nil {
			return err
		}
	}
	return os.WriteFile(to, data, 0o644)
}

// narrow replaces the platforms of every build in a configuration of goreleaser.
func narrow(config []byte, platforms []string) ([]byte, error) {
	var c map[string]any
	if err := yaml.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	builds, _ := c["builds"].([]any)
	if len(builds) == 0 {
		return nil, fmt.Errorf(".goreleaser.yaml has no builds")
	}
	for _, b := range builds {
		entry, ok := b.(map[string]any)
		if !ok {
			return nil, fmt.Errorf(".goreleaser.yaml: a build is no mapping")
		}
		delete(entry, "goos")
		delete(entry, "goarch")
		entry["targets"] = platforms
	}
	return yaml.Marshal(c)
}

// release runs goreleaser under the umask of this build.
func (b build) release(config string) error {
	script := "umask " + b.umask + ` && exec "$@"`
	cmd := exec.Command("sh", "-c", script, "sh", b.goreleaser, "release", "--snapshot", "--clean", "--config", config,
		"--skip", "docker,sign,publish", "--parallelism", strconv.Itoa(b.parallel))
	cmd.Dir = b.source
	cmd.Env = append(os.Environ(), b.env...)
	if !slices.Contains(b.platforms, all) {
		cmd.Env = append(cmd.Env, "BULKHEAD_RELEASE_PLATFORMS="+strings.Join(b.platforms, ","))
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
