// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

const python = env + "/bin/python3"

// TestRemedies: the first command that a finding shows repairs what it names
// when it is typed as it stands.
func TestRemedies(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(m *machine)
		code  string
		want  string
	}{
		{"a torn torch comes from its own index", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cu124", CUDA: "12.4"})
			m.Remove(m.site + "/torch/lib/libtorch_cpu.so")
		}, "python.record-torn", python + " -m pip install --force-reinstall --no-deps torch==2.6.0+cu124 --index-url https://download.pytorch.org/whl/cu124"},
		{"a torch of PyPI comes from PyPI", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0", CUDA: "12.4"})
			m.Remove(m.site + "/torch/lib/libtorch_cpu.so")
		}, "python.record-torn", python + " -m pip install --force-reinstall --no-deps torch==2.6.0"},
		{"a CPU wheel is replaced with its companions", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
			m.dist("torchvision", "0.21.0+cpu", "torch==2.6.0")
			m.gpu("570.86.16", "NVIDIA GeForce RTX 4090", "8.9")
		}, "torch.cpu-wheel-on-gpu-host", python + " -m pip install --force-reinstall torch torchvision --index-url https://download.pytorch.org/whl/cu126"},
		{"a Blackwell GPU needs more than cu126", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
			m.gpu("580.65.06", "NVIDIA GeForce RTX 5090", "12.0")
		}, "torch.cpu-wheel-on-gpu-host", python + " -m pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu132"},
		{"a Blackwell GPU whose driver does not run CUDA 13", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
			m.gpu("570.86.16", "NVIDIA GeForce RTX 5090", "12.0")
		}, "torch.cpu-wheel-on-gpu-host", python + " -m pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu129"},
		{"a wheel without code for the device", func(m *machine) {
			m.InstallTorch(m.site, cu124)
			m.gpu("570.86.16", "NVIDIA GeForce RTX 5090", "12.0")
		}, "torch.arch-unsupported", python + " -m pip install --force-reinstall 'torch==2.13.*' --index-url https://download.pytorch.org/whl/cu129"},
		{"an old driver needs less than cu126", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
			m.gpu("470.256.02", "Tesla T4", "7.5")
		}, "torch.cpu-wheel-on-gpu-host", python + " -m pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu118"},
		{"a companion follows torch and not torch its companion", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cu124", CUDA: "12.4"})
			m.dist("torchvision", "0.20.1+cu124", "torch==2.5.1")
		}, "torch.companion-mismatch", python + " -m pip install --upgrade torch==2.6.0+cu124 torchvision --index-url https://download.pytorch.org/whl/cu124"},
		{"a conflict is solved for all who require the package", func(m *machine) {
			m.dist("onnx", "1.17.0", "protobuf>=4.25")
			m.dist("tensorboard", "2.18.0", "protobuf!=4.24.0,>=3.19.6,<6")
			m.dist("wandb", "0.19.0", "protobuf<7.0")
			m.dist("protobuf", "3.20.3")
		}, "python.dependency-conflict", python + " -m pip install 'protobuf!=4.24.0,<6,>=4.25'"},
		{"two copies give way to one that fits", func(m *machine) {
			m.dist("pandas", "2.2.3", "numpy>=1.26")
			m.dist("numba", "0.60.0", "numpy<2.1,>=1.22")
			m.dist("numpy", "1.26.4")
			m.dist("numpy", "2.0.2")
		}, "python.duplicate-distribution", strings.Repeat(python+" -m pip uninstall -y numpy\n", 2) + python + " -m pip install 'numpy<2.1,>=1.26'"},
		{"of two builds the one that is required stays", func(m *machine) {
			lib := "nvidia/nccl/lib/libnccl.so.2"
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cu124", CUDA: "12.4", Requires: []string{"nvidia-nccl-cu12==2.21.5"}})
			m.InstallLibrary(m.site, "nvidia-nccl-cu12", "2.21.5", lib, fakeenv.Library{Soname: "libnccl.so.2"})
			m.InstallLibrary(m.site, "nvidia-nccl-cu13", "2.27.7", lib, fakeenv.Library{Soname: "libnccl.so.2", Padding: 64})
		}, "python.file-clobbered", python + " -m pip uninstall -y nvidia-nccl-cu12 nvidia-nccl-cu13\n" +
			python + " -m pip install --no-deps nvidia-nccl-cu12==2.21.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.dist("pip", "24.0")
			c.build(m)
			if got := firstCommand(t, m.diagnose(), c.code); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// firstCommand is the preview of the first remedy of the finding with a code.
func firstCommand(t *testing.T, found []check.Finding, code string) string {
	t.Helper()
	for _, f := range found {
		if f.Code == code {
			return strings.Join(f.Remedies[0].Preview, "\n")
		}
	}
	t.Fatalf("no %s among %+v", code, found)
	return ""
}

// TestInstallersCommand: the command fits who installs packages there.
func TestInstallersCommand(t *testing.T) {
	t.Run("without pip", func(t *testing.T) {
		m := newMachine(t)
		m.dist("datasets", "3.0.0", "pyarrow>=15")
		want := "python3 -m pip --python /opt/env install 'pyarrow>=15'"
		if got := firstCommand(t, m.diagnose(), codeConflict); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("conda", func(t *testing.T) {
		m := condaMachine(t)
		m.Remove("/opt/c/lib/python3.11/site-packages/numpy/__init__.py")
		want := "conda install --prefix /opt/c --force-reinstall numpy"
		if got := firstCommand(t, m.diagnose(), codeRecordTorn); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("externally managed", func(t *testing.T) {
		m := systemMachine(t)
		m.Install("/usr/local/lib/python3.11/dist-packages", fakeenv.Dist{Name: "datasets", Version: "3.0.0", Requires: []string{"pyarrow"}})
		want := "/usr/bin/python3 -m pip install --break-system-packages pyarrow"
		if got := firstCommand(t, m.diagnose(), codeConflict); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func condaMachine(t *testing.T) *machine {
	m := &machine{Tree: fakeenv.New(t), t: t, site: "/opt/c/lib/python3.11/site-packages"}
	m.Text("/opt/c/conda-meta/python-3.11.7-h1_0.json", "{}")
	m.Text("/opt/c/conda-meta/numpy-1.26.4-py311h64a7726_0.json", "{}")
	m.Text("/opt/c/bin/python3.11", "")
	m.Link("/opt/c/bin/python3", "python3.11")
	m.Target.Env["CONDA_PREFIX"] = "/opt/c"
	m.Install(m.site, fakeenv.Dist{Name: "numpy", Version: "1.26.4", Installer: "conda"})
	return m
}

// systemMachine has the Python of a distribution that keeps pip out.
func systemMachine(t *testing.T) *machine {
	m := &machine{Tree: fakeenv.New(t), t: t, site: "/usr/lib/python3/dist-packages"}
	m.System("11")
	m.Text("/usr/lib/python3.11/EXTERNALLY-MANAGED", "")
	m.Target.Pythons = []string{"/usr/bin/python3"}
	return m
}

// TestDistributionsOwnPackages: what apt installed is apt's to keep together.
func TestDistributionsOwnPackages(t *testing.T) {
	m := systemMachine(t)
	m.Install(m.site, fakeenv.Dist{Name: "PyGObject", Version: "3.42.2", Requires: []string{"pycairo>=1.16.0"}, Installer: "debian"})
	m.Install(m.site, fakeenv.Dist{Name: "cryptography", Version: "38.0.4", Installer: "debian"})
	m.Text(m.site+"/cryptography-38.0.4.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: cryptography\nVersion: 38.0.4\n\n")
	for _, f := range m.diagnose() {
		if f.Code != externallyManaged.Code {
			t.Errorf("%s: %s", f.Code, f.Detail)
		}
	}
}

// TestTitles: the first line names the package at fault.
func TestTitles(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(m *machine)
		code  string
		want  string
	}{
		{"torn", func(m *machine) {
			m.dist("scipy", "1.14.0")
			m.Remove(m.site + "/scipy-1.14.0.dist-info/METADATA")
		}, codeRecordTorn, "Install of scipy is incomplete"},
		{"two copies", func(m *machine) { m.dist("numpy", "1.26.4"); m.dist("numpy", "2.0.2") },
			"python.duplicate-distribution", "numpy is installed twice"},
		{"built for NumPy 1", func(m *machine) { m.dist("numpy", "2.0.2"); m.dist("pandas", "2.0.3") },
			codeNumPyABI, "pandas 2.0.3 is built for NumPy 1, and numpy 2.0.2 is installed"},
		{"absent", func(m *machine) { m.dist("datasets", "3.0.0", "pyarrow>=15") }, codeConflict, "pyarrow is not installed, and datasets requires it"},
		{"conda's", func(m *machine) {
			m.Text(env+"/conda-meta/scipy-1.13.0-py311_0.json", "{}")
			m.dist("scipy", "1.14.0")
		}, "python.conda-pip-duplicate", "conda's scipy was replaced by version 1.14.0"},
		{"unfit", func(m *machine) {
			m.dist("a", "1", "c<2")
			m.dist("b", "1", "c<3")
			m.dist("c", "4")
		}, codeConflict, "c 4 is not what 2 packages require"},
		{"several", func(m *machine) { m.dist("a", "1", "x", "y") }, codeConflict, "Requirements that are not met"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			c.build(m)
			for _, f := range m.diagnose() {
				if f.Code == c.code && f.Title != c.want {
					t.Errorf("%s: got %q, want %q", f.Code, f.Title, c.want)
				} else if f.Code == c.code {
					return
				}
			}
			t.Errorf("no %s", c.code)
		})
	}
}

func TestTightest(t *testing.T) {
	for text, want := range map[string]string{
		">=1.17,>=2.0.2,<2.7,>=1.9":  "<2.7,>=2.0.2",
		"<8,<8.0,!=5.29.*,~=3.2":     "!=5.29.*,<8.0,~=3.2",
		"==1.*,>=nonsense,<=4,>3,<2": "<2,<=4,==1.*,>3,>=nonsense",
		"":                           "",
	} {
		var clauses []string
		if text != "" {
			clauses = unique(strings.Split(text, ","))
		}
		if got := strings.Join(tightest(clauses), ","); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestEvidenceIsAPlace: findings about files point at those files.
func TestEvidenceIsAPlace(t *testing.T) {
	m := newMachine(t)
	m.dist("torch", "2.5.1")
	m.Target.ProjectDir = "/srv/app"
	m.Text("/srv/app/torch.py", "")
	m.Text(m.site+"/~umpy/x", "")
	want := map[string]string{"python.module-shadowed": "/srv/app/torch.py", codeRecordTorn: m.site + "/~umpy"}
	for _, f := range m.diagnose() {
		if len(f.Evidence) != 1 || f.Evidence[0].Path != want[f.Code] {
			t.Errorf("%s: %+v", f.Code, f.Evidence)
		}
		delete(want, f.Code)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}
