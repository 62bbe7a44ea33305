// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// long are the variables without which the tests are skipped, and testBin names
// a directory that `make build` filled.
const (
	long    = "BULKHEAD_LONG_TESTS"
	testBin = "BULKHEAD_TEST_BIN"
)

// work is the directory of everything that a run makes. It lies outside of
// /tmp, where every sandbox has a directory of its own.
var work string

// bulkhead is the path of the host.
var bulkhead string

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(long) == "" || testing.Short() {
		fmt.Println("skipped: set " + long + " to build environments and import from them")
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if work, err = os.MkdirTemp("/var/tmp", "bulkhead-differential-"); err == nil {
		defer func() { _ = os.RemoveAll(work) }()
		bulkhead, err = program()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// program finds the host, or builds it with its plugins.
func program() (string, error) {
	if dir := os.Getenv(testBin); dir != "" {
		return filepath.Abs(filepath.Join(dir, "bulkhead"))
	}
	bin := filepath.Join(work, "bin")
	if err := goBuild("./registry/cmd/stamp", filepath.Join(work, "stamp"), ""); err != nil {
		return "", err
	}
	var pins []string
	for _, name := range []string{"gpu", "docker", "python", "system"} {
		pin, err := buildPlugin(bin, name)
		if err != nil {
			return "", err
		}
		pins = append(pins, pin)
	}
	host := filepath.Join(bin, "bulkhead")
	return host, goBuild("./host/cmd/bulkhead", host, "-X github.com/bulkhead-ml/bulkhead/host/catalog.pins="+strings.Join(pins, ","))
}

// buildPlugin puts a plugin and its manifest where the host looks for them, and
// returns the digest to link the host with, as the Makefile does.
func buildPlugin(bin, name string) (pin string, err error) {
	source := "plugins/builtin-" + name
	plugin := filepath.Join(bin, "plugins", name, "bulkhead-plugin-"+name)
	if err := goBuild("./"+source, plugin, ""); err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(work, "stamp"), filepath.Join("../..", source, "manifest.json"), plugin).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("stamping %s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func goBuild(source, to, linker string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w "+linker, "-o", to, source)
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", source, err, out)
	}
	return nil
}
