// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Variables of the environment. For another architecture than this machine's the
// kernel's has that as its end: BULKHEAD_VM_KERNEL_ARM64.
const (
	enableKey = "BULKHEAD_VM_TESTS"
	kernelKey = "BULKHEAD_VM_KERNEL"
)

// kernelKeyOf is the variable that names the kernel of an architecture.
func kernelKeyOf(arch string) string {
	if arch == runtime.GOARCH {
		return kernelKey
	}
	return kernelKey + "_" + strings.ToUpper(arch)
}

// Kernel returns the path of a kernel for guests of an architecture, "" for this
// machine's, fetching it when it is not in the cache. It skips the test, saying
// why, when guests were not asked for or cannot be had here.
func Kernel(t testing.TB, arch string) string {
	t.Helper()
	arch = archOr(arch)
	if reason := unwanted(arch); reason != "" {
		t.Skip(reason)
	}
	if path := os.Getenv(kernelKeyOf(arch)); path != "" {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("no cache directory for the kernel of a guest: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	path, err := fetch(ctx, filepath.Join(cache, "bulkhead", "guest-kernel"), arch)
	if err != nil {
		t.Skipf("no kernel for a guest: %v; name one with %s", err, kernelKeyOf(arch))
	}
	return path
}

// unwanted says why there is to be no guest; "" when there is.
func unwanted(arch string) string {
	e, known := emulations[arch]
	_, missing := exec.LookPath(e.program)
	switch {
	case testing.Short():
		return "a guest takes too long for -short"
	case os.Getenv(enableKey) != "1":
		return "guests run only with " + enableKey + "=1"
	case !known:
		return "there are no guests for " + arch
	case missing != nil:
		return e.program + " is not installed (Debian: " + e.pkg + ")"
	}
	return ""
}

// fetch returns the newest kernel of the cache or, with an empty cache, that of
// the package archive.
func fetch(ctx context.Context, cache, arch string) (string, error) {
	cached, err := filepath.Glob(filepath.Join(cache, "vmlinuz-*-"+arch))
	if err == nil && len(cached) > 0 {
		return newest(cached), nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	found, err := unpack(ctx, work, arch)
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, filepath.Base(found))
	return path, os.Rename(found, path)
}

// unpack downloads the package and takes the kernel out of it.
func unpack(ctx context.Context, dir, arch string) (string, error) {
	options, err := foreign(ctx, dir, arch)
	if err != nil {
		return "", err
	}
	list, err := output(ctx, dir, "apt-cache", append(options, "search", "--names-only", `^linux-image-6\.1\.0-[0-9]+-cloud-`+arch+`$`)...)
	if err != nil {
		return "", err
	}
	names := packageName.FindAllString(list, -1)
	if len(names) == 0 {
		return "", fmt.Errorf("apt knows no package linux-image-6.1.0-N-cloud-%s; apt-get update may help", arch)
	}
	if _, err := output(ctx, dir, "apt-get", append(options, "download", newest(names))...); err != nil {
		return "", err
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(packages) != 1 {
		return "", fmt.Errorf("apt-get download left %d packages", len(packages))
	}
	if _, err := output(ctx, dir, "dpkg-deb", "-x", packages[0], "tree"); err != nil {
		return "", err
	}
	kernels, err := filepath.Glob(filepath.Join(dir, "tree/boot/vmlinuz-*"))
	if err != nil || len(kernels) == 0 {
		return "", fmt.Errorf("%s holds no kernel", filepath.Base(packages[0]))
	}
	return kernels[0], nil
}

// foreign are the options with which apt knows the packages of another
// architecture than this machine's, by lists of its own in the directory: the
// machine itself need not be told of it.
func foreign(ctx context.Context, dir, arch string) ([]string, error) {
	if arch == runtime.GOARCH {
		return nil, nil
	}
	for _, name := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, "apt", name), 0o755); err != nil {
			return nil, err
		}
	}
	options := []string{
		"-oAPT::Architecture=" + arch, "-oAPT::Architectures=" + arch, "-oDir::State=" + filepath.Join(dir, "apt"),
		"-oDir::State::status=/dev/null", "-oDir::Cache=" + filepath.Join(dir, "apt"),
	}
	_, err := output(ctx, dir, "apt-get", append(options, "update")...)
	return options, err
}

var (
	packageName = regexp.MustCompile(`(?m)^linux-image-6\.1\.0-\d+-cloud-\w+`)
	revision    = regexp.MustCompile(`6\.1\.0-(\d+)`)
)

// newest is the name with the highest revision of the kernel.
func newest(names []string) string {
	number := func(name string) int {
		found := revision.FindStringSubmatch(filepath.Base(name))
		if found == nil {
			return -1
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			return -1
		}
		return n
	}
	return slices.MaxFunc(names, func(a, b string) int { return number(a) - number(b) })
}

// output runs a program in a directory. Its last words are part of the error.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(append([]string{name}, args...), " "), err, strings.TrimSpace(words.String()))
	}
	return out.String(), nil
}
