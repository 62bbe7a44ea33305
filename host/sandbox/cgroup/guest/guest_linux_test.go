// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Init()
	os.Exit(m.Run())
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		console string
		want    int
		ok      bool
	}{
		{"PASS\r\n\r\n" + marker + " 0\r\n", 0, true},
		{"x\n" + marker + " 137\n[ 3.2] reboot: Power down\n", 137, true},
		{"x " + marker + " 0\n", 0, false},
		{"Kernel panic - not syncing", 0, false},
		{"", 0, false},
	} {
		got, err := status(test.console)
		if got != test.want || (err == nil) != test.ok || err != nil && !errors.Is(err, ErrNoResult) {
			t.Errorf("%q: %d, %v", test.console, got, err)
		}
	}
}

func TestNewest(t *testing.T) {
	names := []string{"linux-image-6.1.0-9-cloud-amd64", "/c/vmlinuz-6.1.0-54-cloud-amd64", "vmlinuz", "6.1.0-10"}
	if got := newest(names); got != names[1] {
		t.Errorf("%s", got)
	}
}

func TestCachedKernel(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"vmlinuz-6.1.0-9-cloud-amd64", "vmlinuz-6.1.0-12-cloud-amd64", "vmlinuz-6.1.0-13-cloud-arm64"} {
		if err := os.WriteFile(filepath.Join(cache, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := fetch(t.Context(), cache, "amd64")
	if err != nil || filepath.Base(got) != "vmlinuz-6.1.0-12-cloud-amd64" {
		t.Errorf("%s, %v", got, err)
	}
}

// Without the tools, the error says which one failed and nothing is left.
func TestFetchWithoutApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	cache := t.TempDir()
	_, err := fetch(t.Context(), cache, "amd64")
	if err == nil || !strings.Contains(err.Error(), "apt-cache") {
		t.Errorf("fetch: %v", err)
	}
	if left, _ := os.ReadDir(cache); len(left) != 0 {
		t.Errorf("left in the cache: %v", left)
	}
}

// A guest that does not come up is ended in time, by its process id.
func TestTimeout(t *testing.T) {
	bin := t.TempDir()
	fake := "#!/bin/sh\necho booting\nexec sleep 600\n"
	if err := os.WriteFile(filepath.Join(bin, emulations[archOr("")].program), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for limit := 300 * time.Millisecond; ; limit *= 2 { // until the shell has had time for its first line
		m := Machine{Kernel: "none", Binary: "/proc/self/exe", Timeout: limit}
		result, err := m.Run(t.Context(), t.TempDir())
		if !errors.Is(err, ErrNoResult) || !errors.Is(err, context.DeadlineExceeded) || result == nil {
			t.Fatalf("Run: %+v, %v", result, err)
		}
		if result.Console == "booting\n" {
			return
		}
		if limit > time.Minute {
			t.Fatalf("result %+v", result)
		}
	}
}

func TestUnwanted(t *testing.T) {
	t.Setenv(enableKey, "")
	if got := unwanted("amd64"); got == "" {
		t.Error("a guest without being asked")
	}
}

// The smallest guest: this package's tests in a guest see that they are there.
func TestBoot(t *testing.T) {
	result := Boot(t, Kernel(t, ""), Build(t, ""), "-test.run=^TestInside$", "-test.v")
	if !strings.Contains(result.Console, "--- PASS: TestInside") {
		t.Error("TestInside did not run in the guest")
	}
}

func TestInside(t *testing.T) {
	if !Inside() {
		t.Skip("for a guest; TestBoot runs it in one")
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"proc", "sysfs", "devtmpfs", "tmpfs", "cgroup2"} {
		if !slices.Contains(strings.Fields(string(mounts)), kind) {
			t.Errorf("no %s is mounted", kind)
		}
	}
	if os.Getppid() != 1 {
		t.Errorf("the parent is %d", os.Getppid())
	}
}
