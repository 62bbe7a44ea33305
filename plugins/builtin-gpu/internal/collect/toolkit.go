// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// maxToolkits bounds how many directories are looked at.
const maxToolkits = 64

// toolkits records the CUDA toolkits: those of NVIDIA's installers, of Debian
// and Arch, and the one that a variable names.
func (m *machine) toolkits() {
	dirs := m.Glob("/usr/local/cuda*")
	dirs = append(dirs, "/opt/cuda", "/usr/lib/cuda")
	if home, ok := m.cudaHome(); ok {
		m.record.Add(facts.Home, home, fact.Call("environment", home.Variable+"="+home.Path))
		dirs = append(dirs, home.Path)
	}
	found := []facts.Toolkit{}
	var seen []fact.Evidence
	var files []os.FileInfo
	for _, dir := range dirs[:min(len(dirs), maxToolkits)] {
		version, source := m.toolkitVersion(dir)
		if version == "" {
			continue
		}
		info, err := m.Stat(source)
		if err != nil || slices.ContainsFunc(files, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
			continue
		}
		files = append(files, info)
		found = append(found, facts.Toolkit{Path: dir, Version: version, NVCC: m.Exists(dir + "/bin/nvcc"), MaxGCC: m.maxGCC(dir)})
		seen = append(seen, fact.File(source, 0, version))
	}
	m.record.Add(facts.Toolkits, found, seen...)
}

// cudaHome is the directory that builds of CUDA extensions look for first.
func (m *machine) cudaHome() (facts.CUDAHome, bool) {
	for _, name := range []string{"CUDA_HOME", "CUDA_PATH"} {
		if dir := m.Env[name]; path.IsAbs(dir) {
			home := facts.CUDAHome{Variable: name, Path: path.Clean(dir), Exists: m.Exists(dir)}
			home.Version, _ = m.toolkitVersion(home.Path)
			return home, true
		}
	}
	return facts.CUDAHome{}, false
}

// toolkitVersion reads version.json (CUDA 11 and later) or version.txt.
func (m *machine) toolkitVersion(dir string) (version, source string) {
	for name, parse := range map[string]func([]byte) string{
		dir + "/version.json": parseVersionJSON,
		dir + "/version.txt":  parseVersionText,
	} {
		data, err := m.ReadFile(name)
		if err != nil {
			continue
		}
		if v := parse(data); v != "" {
			return v, name
		}
	}
	return "", ""
}

func parseVersionJSON(data []byte) string {
	var v struct {
		CUDA struct {
			Version string `json:"version"`
		} `json:"cuda"`
	}
	if json.Unmarshal(data, &v) != nil || !tables.IsVersion(v.CUDA.Version) {
		return ""
	}
	return v.CUDA.Version
}

// parseVersionText reads "CUDA Version 10.2.89".
func parseVersionText(data []byte) string {
	words := strings.Fields(firstLine(string(data[:min(len(data), 256)])))
	if len(words) != 3 || words[0] != "CUDA" || words[1] != "Version" || !tables.IsVersion(words[2]) {
		return ""
	}
	return words[2]
}

// gccLimit is the compiler check that stands in every toolkit's own header.
var gccLimit = pattern.Lazy(`gcc versions later than (\d{1,3}) are not supported`)

// maxGCC reads from a toolkit's header which GCC it accepts; 0 when unknown.
func (m *machine) maxGCC(dir string) int {
	names := append([]string{dir + "/include/crt/host_config.h"}, m.Glob(dir+"/targets/*/include/crt/host_config.h")...)
	for _, name := range names {
		data, err := m.ReadFile(name)
		if err != nil {
			continue
		}
		if match := gccLimit().FindSubmatch(data); match != nil {
			n, _ := strconv.Atoi(string(match[1]))
			return n
		}
	}
	return 0
}

// hostCompilers records the majors of GCC that can compile C++: each has a
// directory with its compiler proper.
func (m *machine) hostCompilers() {
	majors := []int{}
	for _, name := range m.Glob("/usr/lib/gcc/*/*/cc1plus") {
		majors = append(majors, compilerMajor(path.Base(path.Dir(name))))
	}
	for _, name := range m.Glob("/usr/libexec/gcc/*/*/cc1plus") {
		majors = append(majors, compilerMajor(path.Base(path.Dir(name))))
	}
	majors = slices.DeleteFunc(majors, func(n int) bool { return n <= 0 })
	slices.Sort(majors)
	m.record.Add(facts.Compilers, slices.Compact(majors), fact.File("/usr/lib/gcc", 0, ""))
}

func compilerMajor(text string) int {
	first, _, _ := strings.Cut(text, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// environment records the variables that steer CUDA, NCCL and the container
// runtime. Names that may hold a secret are left out.
func (m *machine) environment() {
	out := map[string]string{}
	for name, value := range m.Env {
		if concerns(name) && !secret(name) {
			out[name] = string(bytes.ToValidUTF8([]byte(value[:min(len(value), 4096)]), nil))
		}
	}
	m.record.Add(facts.Env, out, fact.Call("environment", strings.Join(sortedKeys(out), " ")))
}

func concerns(name string) bool {
	for _, prefix := range []string{"CUDA_", "NVIDIA_", "NCCL_", "NSIGHT_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"COMPUTE_PROFILE", "CC", "CXX", "CUDAHOSTCXX", "NVCC_CCBIN", "NVCC_PREPEND_FLAGS"}, name)
}

func secret(name string) bool {
	for _, part := range []string{"KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
