// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// roots lists the findings that no other finding explains.
func roots(found []check.Finding) []string {
	var out []string
	for _, f := range found {
		if !slices.ContainsFunc(found, func(o check.Finding) bool { return o.Code != f.Code && explains(o, f) }) {
			out = append(out, f.Code)
		}
	}
	return unique(out)
}

// explains is the host's rule: a finding explains one that is no graver and
// about the same subject.
func explains(f, other check.Finding) bool {
	return f.Severity >= other.Severity && f.Subject == other.Subject && names(f, other.Code)
}

func names(f check.Finding, code string) bool {
	return slices.ContainsFunc(f.Explains, func(e string) bool {
		group, all := strings.CutSuffix(e, "*")
		return e == code || all && strings.HasPrefix(code, group)
	})
}

// userSiteOfConda makes a conda environment and packages in the home directory.
func (m *machine) userSiteOfConda(own, user map[string]string) {
	m.site = m.Conda("/opt/c", "3.11.7")
	m.Target.Env = map[string]string{"CONDA_PREFIX": "/opt/c"}
	for name, version := range own {
		m.Install(m.site, fakeenv.Dist{Name: name, Version: version, Requires: map[string][]string{"torchvision": {"torch==2.5.1"}}[name]})
	}
	for name, version := range user {
		m.Install("/home/ada/.local/lib/python3.11/site-packages", fakeenv.Dist{Name: name, Version: version})
	}
}

// TestRootCause: where one fault shows as several, one finding is left that
// none of the others explains.
func TestRootCause(t *testing.T) {
	nccl := "nvidia/nccl/lib/libnccl.so.2"
	for _, c := range []struct {
		name  string
		build func(m *machine)
		want  string
	}{
		{"a CPU wheel under a flash-attn for CUDA", func(m *machine) {
			a100(m)
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
			m.dist("torchvision", "0.21.0+cu124", "torch==2.6.0")
			m.dist("flash-attn", "2.7.4.post1")
			m.inEnv(observed.TorchABI, []observed.ABIMiss{{Distribution: "flash-attn", Path: "/f.so", Symbol: "_ZN3c104cuda9SetDeviceEi"}})
		}, "torch.cpu-wheel-on-gpu-host"},
		{"CUDA 11 and 12 overwrite each other", func(m *machine) {
			m.cudaTorch("nvidia-nccl-cu12==2.21.5")
			m.InstallLibrary(m.site, "nvidia-nccl-cu12", "2.21.5", nccl, fakeenv.Library{Soname: "libnccl.so.2", Defines: []string{"ncclCommRegister"}})
			m.InstallLibrary(m.site, "nvidia-nccl-cu11", "2.14.3", nccl, fakeenv.Library{Soname: "libnccl.so.2"})
			m.inEnv(observed.UndefinedSymbols, []observed.UndefinedSymbol{{Symbol: "ncclCommRegister", NeededBy: "/t.so", Library: m.site + "/" + nccl, Framework: "torch"}})
		}, "python.file-clobbered"},
		{"a companion that was left behind", func(m *machine) {
			m.cudaTorch()
			m.dist("torchvision", "0.20.1+cu124", "torch==2.5.1")
			m.inEnv(observed.TorchABI, []observed.ABIMiss{{Distribution: "torchvision", Path: "/v.so", Symbol: "_ZN2at1xE"}})
		}, "torch.companion-mismatch"},
		{"a missing pin", func(m *machine) {
			m.gpu("580.95.05", "A100", "8.0")
			torch := cu124
			torch.Needs, torch.Requires = []string{"libcudnn.so.9"}, []string{"nvidia-cudnn-cu12==9.1.0.70"}
			m.InstallTorch(m.site, torch)
		}, "torch.nvidia-pins"},
		{"xformers of another torch", func(m *machine) {
			m.cudaTorch()
			m.dist("xformers", "0.0.28.post3", "torch==2.5.1")
			m.inEnv(observed.TorchABI, []observed.ABIMiss{{Distribution: "xformers", Path: "/x.so", Symbol: "_ZN2at1xE"}})
		}, "xformers.torch-mismatch"},
		{"no compiler and no headers", func(m *machine) {
			a100(m)
			m.cudaTorch()
			m.dist("unsloth", "2025.1")
			m.shell()
		}, "python.no-c-compiler"},
		{"NumPy 2 in the home directory of a conda environment for NumPy 1", func(m *machine) {
			m.userSiteOfConda(map[string]string{"numpy": "1.26.4", "pandas": "2.0.3"}, map[string]string{"numpy": "2.0.2"})
		}, "python.user-site-shadows"},
		{"torch in the home directory of a conda environment", func(m *machine) {
			m.userSiteOfConda(map[string]string{"torch": "2.5.1", "torchvision": "0.20.1"}, map[string]string{"torch": "2.8.0"})
		}, "python.user-site-shadows"},
		{"torn torch with extensions and a driver that are fine", func(m *machine) {
			a100(m)
			m.cudaTorch()
			m.Remove(m.site + "/torch/lib/libc10.so")
			m.dist("flash-attn", "2.7.4.post1")
			m.inEnv(observed.TorchABI, []observed.ABIMiss{{Distribution: "flash-attn", Path: "/f.so", Symbol: "_ZN3c104cuda9SetDeviceEi"}})
		}, "python.record-torn"},
		{"a pin of another major release that torch does not load with", func(m *machine) {
			m.gpu("580.95.05", "A100", "8.0")
			torch := cu124
			torch.Needs, torch.Requires = []string{"libcudnn.so.9"}, []string{"nvidia-cudnn-cu12==9.1.0.70"}
			m.InstallTorch(m.site, torch)
			m.nvidia("cudnn", "8.9.7.29", "libcudnn.so.8")
			m.onnxruntimeGPU("1.22.0")
		}, "torch.nvidia-pins"},
		{"an environment whose Python is gone, with a kernel in it", func(m *machine) {
			m.Remove("/usr/bin/python3")
			m.dist("datasets", "3.0.0", "pyarrow")
		}, "python.venv-broken"},
		{"pip over conda", func(m *machine) {
			m.Text(env+"/conda-meta/numpy-1.26.4-py311_0.json", "{}")
			m.dist("numpy", "2.0.2")
			m.dist("pandas", "2.0.3")
		}, "python.conda-pip-duplicate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			c.build(m)
			found := m.diagnose()
			if got := roots(found); !slices.Equal(got, []string{c.want}) {
				var all []string
				for _, f := range found {
					all = append(all, f.Code)
				}
				t.Errorf("roots %v of %v, want %s", got, all, c.want)
			}
		})
	}
}
