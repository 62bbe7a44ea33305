// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mutable is a machine that changes, and a home whose cache must not notice too
// late.
type mutable struct {
	t          *testing.T
	root, home string
	random     *rand.Rand
}

// TestCacheNeverDiffers changes a machine at random, and after each change a
// diagnosis that may use the cache must be the one that uses none.
func TestCacheNeverDiffers(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("waits for the clock of the file system")
	}
	build(t)
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &mutable{t: t, root: t.TempDir(), home: t.TempDir(), random: rand.New(rand.NewPCG(seed, 0))}
	m.must(unpackMachines(m.root, "base", "rtx4090", "driver-535", "venv", "torch-cu124"))
	hits := 0
	for range 12 {
		time.Sleep(2100 * time.Millisecond) // until what has changed may be kept
		m.doctor()
		hits += m.compare("without a change")
		for range 3 {
			m.compare(m.change())
		}
	}
	if hits < 12 {
		t.Errorf("the cache was used for %d plugins only", hits)
	}
}

// compare diagnoses twice and returns how many plugins were not asked.
func (m *mutable) compare(after string) (hits int) {
	m.t.Helper()
	cached, fresh := m.doctor(), m.doctor("--no-cache")
	for _, p := range cached["plugins"].([]any) {
		if p.(map[string]any)["cached"] == true {
			hits++
		}
	}
	if diff := cmp.Diff(timeless(fresh), timeless(cached)); diff != "" {
		m.t.Fatalf("%s: a stale verdict (-fresh +cached):\n%s", after, diff)
	}
	return hits
}

func (m *mutable) doctor(more ...string) map[string]any {
	m.t.Helper()
	cmd := exec.Command(bulkhead(), append([]string{"doctor", "--json", "--facts", "--root", m.root, "--all-envs"}, more...)...)
	cmd.Env = append(os.Environ(), "HOME="+m.home, "XDG_CACHE_HOME="+filepath.Join(m.home, "cache"))
	cmd.Dir = m.home
	out, err := cmd.Output()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		m.t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(out, &d); err != nil || d["plugins"] == nil {
		m.t.Fatalf("%v: %.400s", err, out)
	}
	return d
}

// timeless leaves out of a report what differs between any two.
func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"started_at", "duration_ms", "cached", "cached_age_ms"} {
			delete(v, key)
		}
		for key := range v {
			v[key] = timeless(v[key])
		}
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	}
	return v
}

func (m *mutable) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// files are the regular files of the machine, and directories its directories.
func (m *mutable) files() (files, directories []string) {
	m.must(filepath.WalkDir(m.root, func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil || name == m.root:
		case d.Type().IsRegular() && d.Name() != "bulkhead-machine.json":
			files = append(files, name)
		case d.IsDir():
			directories = append(directories, name)
		}
		return err
	}))
	return files, directories
}

// change changes one thing and says which.
func (m *mutable) change() string {
	if m.random.IntN(5) == 0 {
		file := filepath.Join(m.root, "bulkhead-machine.json")
		data, err := os.ReadFile(file)
		m.must(err)
		return m.record(file, data)
	}
	files, directories := m.files()
	file, dir := files[m.random.IntN(len(files))], directories[m.random.IntN(len(directories))]
	info, err := os.Stat(file)
	m.must(err)
	data, err := os.ReadFile(file)
	m.must(err)
	for i, c := range data {
		if c >= '0' && c <= '9' && m.random.IntN(3) == 0 {
			data[i] = '0' + (c-'0'+1)%10
		}
	}
	switch m.random.IntN(8) {
	case 0:
		m.must(os.Remove(file))
		return "removed " + file
	case 1:
		m.must(os.WriteFile(file, append(data, "\nx = 1\n"...), info.Mode()))
		return "longer " + file
	case 2:
		m.must(os.WriteFile(file, data, info.Mode()))
		m.must(os.Chtimes(file, info.ModTime(), info.ModTime()))
		return "other digits, same size and time: " + file
	case 3:
		m.must(os.WriteFile(file+".new", data, info.Mode()))
		m.must(os.Rename(file+".new", file))
		return "replaced " + file
	case 4:
		m.must(os.Rename(dir, dir+"-moved"))
		return "moved " + dir
	case 5:
		m.must(os.WriteFile(filepath.Join(dir, "new-"+filepath.Base(file)), data, 0o644))
		return "new file in " + dir
	case 6:
		m.must(os.Rename(file, file+".real"))
		m.must(os.Symlink(filepath.Base(file)+".real", file))
		return "a link in place of " + file
	}
	m.must(os.Chmod(file, info.Mode()^0o044))
	return "other permissions of " + file
}

// record changes what the recording says beside the files.
func (m *mutable) record(file string, data []byte) string {
	var r map[string]any
	m.must(json.Unmarshal(data, &r))
	env, _ := r["env"].(map[string]any)
	if env == nil {
		env = map[string]any{}
	}
	values := []string{"", "0", "/opt/none", "GPU-1"}
	env[[]string{"CUDA_VISIBLE_DEVICES", "HF_HOME", "LD_LIBRARY_PATH", "OMP_NUM_THREADS"}[m.random.IntN(4)]] = values[m.random.IntN(4)]
	r["env"], r["kernel_log"] = env, []string{"", "[ 1.0] NVRM: Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus.\n"}[m.random.IntN(2)]
	r["facts"] = map[string]any{"gpu.nvml.status": values[m.random.IntN(4)]}
	out, err := json.Marshal(r)
	m.must(err)
	m.must(os.WriteFile(file, out, 0o644))
	return "recorded " + string(out)
}
