// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// TestCPUIndex: an option that names torch's index for CPUs is kept without a
// name, other options are left out.
func TestCPUIndex(t *testing.T) {
	const file = "-i https://pypi.org/simple\n--extra-index-url https://download.pytorch.org/whl/cu126\n" +
		"--extra-index-url=https://download.pytorch.org/whl/cpu/\n--index-url\n--no-index https://download.pytorch.org/whl/cpu\ntorch\n"
	got := ParseRequirementsFile([]byte(file))
	want := []observed.Asking{{Requirement: "--extra-index-url=https://download.pytorch.org/whl/cpu", Line: 3}, {Name: "torch", Requirement: "torch", Line: 6}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestCPUIndexOfAProject: a pyproject.toml that names that index alone asks for it.
func TestCPUIndexOfAProject(t *testing.T) {
	const cpu = "[[tool.uv.index]]\nname = \"pytorch-cpu\"\nurl = \"https://download.pytorch.org/whl/cpu\"\n"
	const source = "[tool.uv.sources]\ntorch = { index = \"pytorch-cpu\" }\n"
	want := observed.Asking{Requirement: "index https://download.pytorch.org/whl/cpu", Line: 3}
	if got := projectIndex([]byte(cpu + source)); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for name, file := range map[string]string{
		"two indexes":  cpu + "[[tool.uv.index]]\nurl = \"https://download.pytorch.org/whl/cu128\"\n",
		"for macOS":    cpu + "[tool.uv.sources]\ntorch = [{ index = \"pytorch-cpu\", marker = \"sys_platform == 'darwin'\" }]\n",
		"only comment": "# url = \"https://download.pytorch.org/whl/cpu\"\n",
		"none":         source,
	} {
		if got := projectIndex([]byte(file)); len(got) > 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// TestUnseenCompiler: CC is believed where it names what this plugin is not
// shown, and not where it names what is looked for itself.
func TestUnseenCompiler(t *testing.T) {
	for cc, want := range map[string]string{
		"/nfs/gcc-13/bin/gcc -O2": "/nfs/gcc-13/bin/gcc", "gcc-13": "gcc-13", "gcc": "", "clang": "", "../x/gcc": "", "": "", "  ": "",
	} {
		if got, _ := unseenCompiler(cc); got != want {
			t.Errorf("CC=%q: got %q, want %q", cc, got, want)
		}
	}
}
