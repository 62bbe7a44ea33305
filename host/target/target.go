// SPDX-License-Identifier: Apache-2.0

// Package target turns "the machine to examine" and a plugin's grants into
// what one sandbox needs: the paths to bind, the environment variables to pass
// on and the Target message for its collectors.
//
// A machine is this one (Live), or a directory that holds the root of another:
// a mounted disk, an unpacked image, a recorded machine. What files cannot say
// about a recorded machine (its environment, the answers of statfs and of
// libraries such as NVML, as facts by address) stands in a file named bulkhead-machine.json at the top of the directory:
//
//	{
//	  "env": {"CUDA_VISIBLE_DEVICES": "0"},
//	  "home": "/home/ada",
//	  "project_dir": "/home/ada/train",
//	  "filesystems": {"/": {"total_bytes": 1000, "free_bytes": 10}},
//	  "kernel_log": "[   12.3] NVRM: Xid (PCI:0000:01:00): 79, ...",
//	  "facts": {"gpu.nvml.status": "ok"},
//	  "os": "linux",
//	  "arch": "amd64"
//	}
//
// # What grants lead to
//
// Expand looks at the machine at one moment, which plugins that start together
// share by a Look. In a foreign root every lookup
// stays in the root: links lead where they would lead on that machine. A glob
// gives at most 10,000 paths, always the same ones, and all grants of a plugin
// together four times as many. A path that leads to a whole system, to the whole
// home, to another process or to a disk grants nothing, however a variable or a
// link led there, and a write grant never reaches what the host, a shell or the
// system runs or obeys. Nor is given what the plugin could point elsewhere, by a
// link in a directory that it may write to. Whatever exists and is not given is
// told with its reason.
package target

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// MachineFile is the name of a recorded machine's description.
const MachineFile = "bulkhead-machine.json"

// maxMachineBytes bounds MachineFile.
const maxMachineBytes = 4 << 20

// Machine is the machine to examine.
type Machine struct {
	// Root is the host directory that holds the machine's "/"; "" for this
	// machine.
	Root string
	// ProcessDir describes the examined process, as a path of the machine.
	ProcessDir string
	Env        map[string]string
	Home       string
	ProjectDir string
	// Pythons are interpreters and environments that the user named.
	Pythons     []string
	Filesystems map[string]Usage
	OS, Arch    string
	// OpenFiles is the soft limit of open files with which this process was
	// started; 0 for a recorded machine, whose files tell it.
	OpenFiles int64
	// KernelLog of a recorded machine.
	KernelLog string
	// Recorded are facts of a recorded machine that no file can show: what a
	// library or a service answered. They stand in place of what is collected.
	Recorded []fact.Fact
	// Protected are paths that no write grant may be, hold or lie in: those of
	// the host, of its plugins and of the configuration that is in force.
	Protected []string
}

// Usage is the size of a recorded file system, in bytes.
type Usage struct {
	Total uint64 `json:"total_bytes"`
	Free  uint64 `json:"free_bytes"`
}

// Live reports whether the machine is this one.
func (m *Machine) Live() bool { return m.Root == "" }

// This is the machine that the host runs on, seen by the host's own process.
func This(projectDir string, pythons []string) (*Machine, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // a daemon without HOME has no home to examine
	}
	m := &Machine{
		Env: environ(os.Environ()), Home: filepath.ToSlash(home), OS: runtime.GOOS, Arch: runtime.GOARCH,
		ProcessDir: fmt.Sprintf("/proc/%d", os.Getpid()), OpenFiles: openFiles(),
	}
	if m.ProjectDir, err = absolute(projectDir); err != nil {
		return nil, err
	}
	m.Filesystems = m.measure()
	for _, p := range pythons {
		if p, err = existing(p); err != nil {
			return nil, err
		}
		m.Pythons = append(m.Pythons, p)
	}
	return m, nil
}

// measure asks how full the file systems are that ML work lives on: a plugin
// sees granted files only, and statfs answers for those alone. The places are
// the root, shared memory, the temporary directory, the home, the project and
// every directory that the environment names.
func (m *Machine) measure() map[string]Usage {
	view := &fact.Target{Root: "/", Live: true, OS: m.OS}
	places := []string{"/", "/dev/shm", filepath.ToSlash(os.TempDir()), m.Home, m.ProjectDir}
	for name, value := range m.Env {
		if strings.HasSuffix(name, "_HOME") || strings.HasSuffix(name, "_CACHE") || strings.HasSuffix(name, "DIR") {
			places = append(places, value)
		}
	}
	out := map[string]Usage{}
	for _, p := range places {
		if !path.IsAbs(p) {
			continue
		}
		if u, ok := view.Statfs(p); ok {
			out[path.Clean(p)] = Usage{Total: u.Total, Free: u.Free}
		}
	}
	return out
}

// At is the machine whose root is the directory root. Pythons and projectDir
// are paths of that machine.
func At(root, projectDir string, pythons []string) (*Machine, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the root %s: %w", root, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("the root of the machine cannot be read: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory: --root names the directory that holds a machine's /", root)
	}
	m := &Machine{Root: abs, ProcessDir: "/proc/self", Env: map[string]string{}, Pythons: pythons, OS: "linux", Arch: "amd64"}
	if err := m.readRecording(); err != nil {
		return nil, err
	}
	if projectDir != "" {
		m.ProjectDir = path.Clean("/" + projectDir)
	}
	return m, nil
}

// landmarks are directories of which every machine has one, and MachineFile
// for a recording that needs none.
var landmarks = []string{"etc", "usr", "proc", "sys", "lib", "bin", "opt", "var", "home", "nix", "Windows", "Library", MachineFile}

// LooksLikeOne returns an error when the root holds nothing that a machine's
// "/" does: an empty mount point, or a directory named by mistake, would be
// found healthy.
func (m *Machine) LooksLikeOne() error {
	for _, name := range landmarks {
		if _, err := os.Lstat(m.host("/" + name)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s does not look like the root of a machine: it has no etc, usr, proc or other top directory; "+
		"is the disk mounted there, and is it the directory that holds them", m.Root)
}

type recording struct {
	Env         map[string]string          `json:"env"`
	Home        string                     `json:"home"`
	ProjectDir  string                     `json:"project_dir"`
	Filesystems map[string]Usage           `json:"filesystems"`
	Pythons     []string                   `json:"pythons"`
	OS          string                     `json:"os"`
	Arch        string                     `json:"arch"`
	KernelLog   string                     `json:"kernel_log"`
	Facts       map[string]json.RawMessage `json:"facts"`
}

// readRecording fills in what MachineFile says; a machine without one has an
// empty environment and root's home.
func (m *Machine) readRecording() error {
	m.Home = "/root"
	name := filepath.Join(m.Root, MachineFile)
	data, err := m.readMachineFile()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the recorded machine: %w", err)
	}
	rec, err := parseRecording(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m.apply(rec)
	return nil
}

// readMachineFile reads a file of that very root: whoever makes it a link, also
// at this moment, names no file of ours.
func (m *Machine) readMachineFile() ([]byte, error) {
	t, err := m.open()
	if err != nil {
		return nil, err
	}
	defer t.close()
	if info, err := t.lstat("/" + MachineFile); err != nil || !info.Mode().IsRegular() {
		return nil, cmp.Or(err, fmt.Errorf("%s is not a regular file", MachineFile))
	}
	return t.read("/"+MachineFile, maxMachineBytes)
}

func (m *Machine) apply(rec *recording) {
	if rec.Env != nil {
		m.Env = rec.Env
	}
	m.Filesystems, m.KernelLog, m.Recorded = rec.Filesystems, rec.KernelLog, rec.facts()
	m.Pythons = append(m.Pythons, rec.Pythons...)
	for field, value := range map[*string]string{&m.Home: rec.Home, &m.ProjectDir: rec.ProjectDir, &m.OS: rec.OS, &m.Arch: rec.Arch} {
		if value != "" {
			*field = value
		}
	}
}

// facts are the recorded answers, by address; their evidence is the recording.
func (r *recording) facts() []fact.Fact {
	var out []fact.Fact
	for _, address := range slices.Sorted(maps.Keys(r.Facts)) {
		out = append(out, fact.Fact{
			Address: address, Value: r.Facts[address],
			Evidence: []fact.Evidence{{Path: "/" + MachineFile, Call: "recorded"}},
		})
	}
	return out
}

func parseRecording(data []byte) (*recording, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var rec recording
	if err := dec.Decode(&rec); err != nil {
		return nil, fmt.Errorf("not a recorded machine: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not a recorded machine: text after the JSON object")
	}
	return &rec, nil
}

// Message is the machine as a plugin with this view sees it: its "/" is found
// under root.
func (m *Machine) Message(root string, view View) *pluginv1.Target {
	t := &pluginv1.Target{
		Root: root, Live: m.Live(), ProcessDir: m.ProcessDir, Env: view.Env, Pythons: m.Pythons,
		ProjectDir: m.ProjectDir, Home: m.Home, Os: m.OS, Arch: m.Arch, OpenFiles: m.OpenFiles,
		Filesystems: map[string]*pluginv1.FilesystemUsage{},
	}
	for name, u := range m.Filesystems {
		t.Filesystems[name] = &pluginv1.FilesystemUsage{TotalBytes: u.Total, FreeBytes: u.Free}
	}
	m.addKernelLog(t, view)
	return t
}

func environ(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}

func absolute(dir string) (string, error) {
	abs, err := filepath.Abs(dir) // of "" it makes the working directory
	if err != nil {
		return "", fmt.Errorf("finding the directory %s: %w", dir, err)
	}
	return filepath.ToSlash(abs), nil
}

// existing makes a path that the user named absolute and insists that it leads
// to something, since a silent "no environment found" would mislead.
func existing(name string) (string, error) {
	abs, err := absolute(name)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(abs); err != nil {
		return "", fmt.Errorf("--python %s: %w; give an interpreter or the directory of an environment", name, err)
	}
	return abs, nil
}
