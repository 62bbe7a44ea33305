// SPDX-License-Identifier: Apache-2.0

package releasetest

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/packaging/linkage"
)

// The GPU plugin of a release is held to its promise here: it is what packaging/stage
// builds with the pinned C compiler, inside of a host as goreleaser builds it.

// compiler is the pinned C compiler.
func compiler(t *testing.T) string {
	t.Helper()
	if os.Getenv("BULKHEAD_LONG_TESTS") == "" {
		t.Skip("builds the plugins of a release: set BULKHEAD_LONG_TESTS=1")
	}
	zig, err := filepath.Abs(filepath.Join(root, "bin", "tools", "zig", "zig"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(zig); err != nil {
		t.Skipf("%v: `make release-tools` gets the C compiler", err)
	}
	return zig
}

// command runs a program in the source tree.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, problems.Bytes())
	}
	return string(out)
}

func TestGPUPluginOfARelease(t *testing.T) {
	zig := compiler(t)
	dir := t.TempDir()
	command(t, nil, "go", "run", "./packaging/stage", "-out", dir, "-zig", zig, "linux_amd64", "linux_arm64")
	for _, goarch := range []string{"amd64", "arm64"} {
		t.Run("linking for "+goarch, func(t *testing.T) { checkLinking(t, dir, goarch) })
	}
	host := filepath.Join(t.TempDir(), "bulkhead")
	command(t, []string{"CGO_ENABLED=0"}, "go", "build", "-tags", "grpcnotrace,embed_plugins",
		"-overlay", filepath.Join(dir, "linux_"+runtime.GOARCH, "overlay.json"), "-o", host, "./host/cmd/bulkhead")
	t.Run("NVML", func(t *testing.T) { checkNVML(t, host, zig) })
	t.Run("no loader", func(t *testing.T) { checkNoLoader(t, host) })
}

// checkLinking holds every plugin of a platform to its rule: one is dynamic as
// package linkage asks, all others are static; and none names a place of this
// machine.
func checkLinking(t *testing.T, dir, goarch string) {
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, form := range []string{"plugins", "static"} {
		found, err := filepath.Glob(filepath.Join(dir, "linux_"+goarch, form, "*", "bulkhead-plugin-*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 8 {
		t.Fatalf("plugins %q", files)
	}
	dynamic := filepath.Join(dir, "linux_"+goarch, "plugins", "gpu", "bulkhead-plugin-gpu")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range []string{source, dir, os.TempDir() + "/go-"} {
			if bytes.Contains(data, []byte(place)) {
				t.Errorf("%s names %s", file, place)
			}
		}
		if file == dynamic {
			if err := linkage.Check(file, goarch); err != nil {
				t.Error(err)
			}
			continue
		}
		if f, err := elf.NewFile(bytes.NewReader(data)); err != nil || f.Section(".interp") != nil || f.Section(".dynamic") != nil {
			t.Errorf("%s is not static: %v", file, err)
		}
	}
}

// observed is what the host says about GPUs.
type observed struct {
	Status  string
	How     string // the first call that gave the status
	Devices []struct {
		Name, UUID, PCI, Source string
		Memory                  uint64 `json:"memory_bytes"`
	}
}

// facts asks a host; before goes before its path, as a command that changes what
// it sees.
func facts(t *testing.T, env []string, before ...string) observed {
	t.Helper()
	args := append(before, "facts", "-o", "json")
	var answer struct {
		Facts []struct {
			Address  string
			Value    json.RawMessage
			Evidence []struct{ Call string }
		}
	}
	if err := json.Unmarshal([]byte(command(t, env, args[0], args[1:]...)), &answer); err != nil {
		t.Fatal(err)
	}
	var out observed
	for _, f := range answer.Facts {
		var err error
		switch f.Address {
		case "gpu.nvml.status":
			err = json.Unmarshal(f.Value, &out.Status)
			if len(f.Evidence) > 0 {
				out.How = f.Evidence[0].Call
			}
		case "gpu.devices":
			err = json.Unmarshal(f.Value, &out.Devices)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// scene runs a script that changes what this machine looks like, in a mount
// namespace of its own; it skips where that is not allowed.
func scene(t *testing.T, script string) []string {
	t.Helper()
	unshare := []string{"unshare", "--mount"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--map-root-user")
	}
	args := append(unshare, "sh", "-ec", script+"\nexec \"$@\"", "sh")
	try := append(args[1:len(args):len(args)], "true")
	if out, err := exec.Command(args[0], try...).CombinedOutput(); err != nil {
		t.Skipf("this machine cannot be made to look like another one: %v: %s", err, out)
	}
	return args
}

// checkNVML asks the host about a GPU that only NVML knows: a library among those
// of the system tells of it.
func checkNVML(t *testing.T, host, zig string) {
	target, err := linkage.Target(runtime.GOARCH)
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	library := filepath.Join(dir, "libnvidia-ml.so.1")
	command(t, []string{"ZIG_GLOBAL_CACHE_DIR=" + t.TempDir(), "ZIG_LOCAL_CACHE_DIR=" + t.TempDir()},
		zig, "cc", "-target", target, "-shared", "-fPIC", "-o", library, filepath.Join("internal", "releasetest", "testdata", "nvml.c"))
	system := ""
	for _, place := range []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"} {
		if _, err := os.Stat(filepath.Join(place, "libc.so.6")); err == nil {
			system = place
			break
		}
	}
	if system == "" {
		t.Skip("the system's libraries are in none of the usual places")
	}
	home := []string{"HOME=" + t.TempDir(), "XDG_DATA_HOME=", "XDG_CACHE_HOME=", "XDG_STATE_HOME=", "XDG_CONFIG_HOME="}
	before := scene(t, "mount -t overlay -o lowerdir="+dir+":"+system+" overlay "+system)
	got := facts(t, home, append(before, host)...)
	if got.Status != "ok" || len(got.Devices) != 1 {
		t.Fatalf("with NVML: %+v", got)
	}
	if d := got.Devices[0]; d.Name != "A GPU made for a test" || d.PCI != "0000:3b:00.0" || d.Memory != 40<<30 || d.Source != "nvml" {
		t.Errorf("%+v", d)
	}
	if _, err := os.Stat(filepath.Join(system, "libnvidia-ml.so.1")); err == nil {
		return // a machine with a driver of its own
	}
	if got := facts(t, home, host); got.Status != "library not found" {
		t.Errorf("without NVML: %+v", got)
	}
}

// checkNoLoader runs the host where nothing dynamic can start: the plugin comes in
// its static form and says that NVML is not in it.
func checkNoLoader(t *testing.T, host string) {
	if os.Geteuid() != 0 {
		t.Skip("changing the root takes root")
	}
	dir := t.TempDir()
	for _, name := range []string{"proc", "sys", "dev", "tmp", "home", "bin"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(host)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "bulkhead"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	binds := "mount -t tmpfs tmpfs " + dir + "/tmp\n"
	for _, name := range []string{"proc", "sys", "dev"} {
		binds += "mount --rbind /" + name + " " + dir + "/" + name + "\n"
	}
	before := scene(t, binds)
	got := facts(t, []string{"HOME=/tmp", "TMPDIR=/tmp", "PATH=/bin", "XDG_DATA_HOME=", "XDG_CACHE_HOME=", "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "XDG_RUNTIME_DIR="}, append(before, chroot(t), dir, "/bin/bulkhead")...)
	if got.Status != "not built in" || got.How != "debug.ReadBuildInfo" {
		t.Errorf("without a loader: %+v", got)
	}
}

// chroot is the program's path: PATH is that of the new root.
func chroot(t *testing.T) string {
	t.Helper()
	name, err := exec.LookPath("chroot")
	if err != nil {
		t.Skip(strings.TrimSpace(err.Error()))
	}
	return name
}
