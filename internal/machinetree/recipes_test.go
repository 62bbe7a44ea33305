// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestPCI(t *testing.T) {
	m := mustLoad(t, `-- root.pci --
0000:01:00.0 device=2684 driver=nvidia model="NVIDIA GeForce RTX 4090" uuid=GPU-1 minor=3 width=8/16 numa=1 cpus=0-7
0000:43:00.0 vendor=15b3 device=1021 class=020700 below=0000:40:01.0/0000:42:00.0
0000:07:00.0 device=22a3 class=068000 driver=nvidia
0000:02:00.0 device=2b85 driver=nvidia page=no
`)
	gpu := "sys/bus/pci/devices/0000:01:00.0/"
	for name, want := range map[string]string{
		gpu + "vendor": "0x10de\n", gpu + "device": "0x2684\n", gpu + "class": "0x030000\n", gpu + "current_link_width": "8\n",
		gpu + "max_link_width": "16\n", gpu + "numa_node": "1\n", gpu + "local_cpulist": "0-7\n",
		"sys/devices/pci0000:40/0000:40:01.0/0000:42:00.0/0000:43:00.0/vendor": "0x15b3\n",
	} {
		if got := m.text(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	page := m.text(t, "proc/driver/nvidia/gpus/0000:01:00.0/information")
	for _, want := range []string{"NVIDIA GeForce RTX 4090", "GPU-1", "Device Minor: \t 3"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %q", want, page)
		}
	}
	if e, _ := m.Tree.Entry(gpu + "driver"); path.Join("/sys/devices/pci0000:01/0000:01:00.0", e.Target) != "/sys/bus/pci/drivers/nvidia" {
		t.Errorf("the driver is %q", e.Target)
	}
	for _, none := range []string{"0000:07:00.0", "0000:02:00.0"} {
		if _, there := m.Tree.Entry("proc/driver/nvidia/gpus/" + none); there {
			t.Errorf("%s has a page", none)
		}
	}
}

const twoGPUs = "-- root.pci --\n0000:01:00.0 device=20b2 driver=nvidia\n0000:02:00.0 device=20b2 driver=nvidia\n"

func TestDriver(t *testing.T) {
	m := mustLoad(t, twoGPUs+"-- root.driver --\n570.158.01 open kernel=6.8.0 libraries=575.1\n")
	if got := m.text(t, "proc/driver/nvidia/version"); !strings.HasPrefix(got, "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.158.01  Release Build") {
		t.Errorf("%q", got)
	}
	if got := m.text(t, "lib/modules/6.8.0/updates/dkms/nvidia.ko"); !strings.HasSuffix(got, "~Module signature appended~\n") {
		t.Errorf("%q", got)
	}
	if e, _ := m.Tree.Entry("usr/lib/x86_64-linux-gnu/libcuda.so.1"); e.Target != "libcuda.so.575.1" {
		t.Errorf("%+v", e)
	}
	for _, name := range []string{"dev/nvidia1", "dev/nvidiactl", "dev/nvidia-uvm", "run/nvidia-persistenced/socket"} {
		m.text(t, name)
	}
	if _, there := m.Tree.Entry("dev/nvidia2"); there || !strings.Contains(m.text(t, "proc/modules"), "nvidia_uvm ") {
		t.Errorf("%q", m.text(t, "proc/modules"))
	}
}

func TestDriverWithout(t *testing.T) {
	m := mustLoad(t, twoGPUs+"-- root.driver --\n440.100 closed kernel=5 without="+strings.Join(driverParts, ",")+"\n")
	for _, p := range m.Tree.Paths() {
		if strings.HasPrefix(p, "dev/") || strings.HasPrefix(p, "usr/") || strings.HasPrefix(p, "lib/") || strings.HasPrefix(p, "sys/module") {
			t.Errorf("%s is there", p)
		}
	}
	closed := mustLoad(t, "-- machine.json --\n{\"arch\": \"arm64\"}\n-- root/proc/sys/kernel/osrelease --\n6.1\n-- include --\np\n",
		"p", "-- root/proc/sys/kernel/osrelease --\n5\n-- machine.json --\n{\"arch\": \"arm64\"}\n-- root.driver --\n440.100 closed kernel=5 without=uvm,dkms\n")
	if got := closed.text(t, "proc/driver/nvidia/version"); !strings.Contains(got, "NVIDIA UNIX aarch64 Kernel Module  440.100  ") {
		t.Errorf("%q", got)
	}
	closed.text(t, "usr/lib/aarch64-linux-gnu/libcuda.so.440.100")
	if strings.Contains(closed.text(t, "proc/modules"), "nvidia_uvm ") {
		t.Errorf("%q", closed.text(t, "proc/modules"))
	}
}

const sampleEnv = `-- python/set --
dist nvidia-x-cu12==12.4
  elf nvidia/x/lib/libx.so.12
dist nvidia-nvjitlink-cu12==12.4
  elf nvidia/nvjitlink/lib/libnvJitLink.so.12
-- root.python --
interpreter /usr version=3.12.3 managed=yes
venv /v version=3.12.3
dist Acme-Core==1.2 tag=py3-none-any
  requires numpy<2; python_version < "4"
  requires-python >=3.9
  metadata Home-page: https://acme.example
  top-level acme
  file acme/core.py a = 1\nb = 2
  missing acme/gone.py
  changed acme/other.py c = 3
torch 2.6.0+cu124 cuda=12.4 with=set
  elf torch/lib/libc10.so
    needed libc.so.6
    define _ZN3c10x
`

// record maps the paths of a RECORD to their hash and size.
func record(t *testing.T, m *Machine, name string) map[string][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(m.text(t, name))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, row := range rows {
		out[row[0]] = row[1:]
	}
	return out
}

const site = "v/lib/python3.12/site-packages/"

// RECORD has the true hash of every file that is as the wheel had it.
func TestDistribution(t *testing.T) {
	m := mustLoad(t, sampleEnv)
	rows := record(t, m, site+"Acme_Core-1.2.dist-info/RECORD")
	differing := []string{}
	for name, row := range rows {
		e, there := m.Tree.Entry(site + name)
		sum := sha256.Sum256(e.Data)
		want := []string{"sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]), fmt.Sprint(len(e.Data))}
		if !strings.HasSuffix(name, "/RECORD") && (!there || !slices.Equal(row, want)) {
			differing = append(differing, name)
		}
	}
	slices.Sort(differing)
	if want := []string{"acme/gone.py", "acme/other.py"}; !slices.Equal(differing, want) || len(rows) != 8 {
		t.Errorf("%q of %q", differing, rows)
	}
	metadata := m.text(t, site+"Acme_Core-1.2.dist-info/METADATA")
	for _, want := range []string{"Name: Acme-Core\nVersion: 1.2\nRequires-Python: >=3.9\nHome-page: ", "Requires-Dist: numpy<2; python_version < \"4\"\n"} {
		if !strings.Contains(metadata, want) {
			t.Errorf("no %q in %q", want, metadata)
		}
	}
	if got := m.text(t, site+"acme/core.py"); got != "a = 1\nb = 2\n" {
		t.Errorf("%q", got)
	}
	if got := m.text(t, site+"Acme_Core-1.2.dist-info/WHEEL"); !strings.Contains(got, "Tag: py3-none-any\n") {
		t.Errorf("%q", got)
	}
}

func TestTorch(t *testing.T) {
	m := mustLoad(t, sampleEnv)
	metadata := m.text(t, site+"torch-2.6.0+cu124.dist-info/METADATA")
	if !strings.Contains(metadata, "Requires-Dist: nvidia-x-cu12==12.4; platform_system ==") {
		t.Errorf("%q", metadata)
	}
	if got := m.text(t, site+"torch/version.py"); !strings.Contains(got, "__version__ = '2.6.0+cu124'") || !strings.Contains(got, "cuda: Optional[str] = '12.4'\n") {
		t.Errorf("%q", got)
	}
	needed := func(name string) []string {
		list, err := open(t, m, site+"torch/lib/"+name).DynString(elf.DT_NEEDED)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := needed("libtorch_cuda.so"); !slices.Contains(got, "libx.so.12") || slices.Contains(got, "libnvJitLink.so.12") {
		t.Errorf("libtorch_cuda.so needs %q", got)
	}
	if got := needed("libtorch.so"); !slices.Contains(got, "libtorch_cuda.so") {
		t.Errorf("libtorch.so needs %q", got)
	}
	if got := needed("libc10.so"); !slices.Equal(got, []string{"libc.so.6"}) {
		t.Errorf("the machine's own libc10.so needs %q", got)
	}
	m.text(t, site+"nvidia/x/lib/libx.so.12")
	rocm := mustLoad(t, "-- root.python --\nvenv /v version=3.12.3\ntorch 2.6.0+rocm6.2 hip=6.2\n")
	if got := rocm.text(t, site+"torch/version.py"); !strings.Contains(got, "cuda: Optional[str] = None") || !strings.Contains(got, "hip: Optional[str] = '6.2'") {
		t.Errorf("%q", got)
	}
	rocm.text(t, site+"torch/lib/libtorch_hip.so")
}

func TestEnvironments(t *testing.T) {
	m := mustLoad(t, `-- root.python --
interpreter /usr version=3.11.2 headers=no managed=yes
dist PyYAML==6.0 record=no installer=debian
standalone /opt/py version=3.13.1
venv /w version=3.13.1 home=/opt/py/bin uv=0.6.1
conda /opt/conda version=3.10.9
dist numpy==1.26.4
dist pip-made==1 installer=pip
venv /s version=3.11.2 system=yes
fill 4 files=2
`)
	for name, want := range map[string]string{
		"usr/lib/python3.11/EXTERNALLY-MANAGED": "[externally-managed]", "w/pyvenv.cfg": "uv = 0.6.1", "s/pyvenv.cfg": "include-system-site-packages = true",
		"opt/py/include/python3.13/patchlevel.h": `"3.13.1"`, "opt/conda/conda-meta/history": "conda create", "opt/conda/conda-meta/numpy-1.26.4-h0_0.json": `"version": "1.26.4"`,
		"s/lib/python3.11/site-packages/package003-1.2.3.dist-info/METADATA": "Requires-Dist: package000>=1.0,<2",
		"s/lib/python3.11/site-packages/package000/module1.py":               "VALUE = 1",
	} {
		if got := m.text(t, name); !strings.Contains(got, want) {
			t.Errorf("no %q in %s: %q", want, name, got)
		}
	}
	for _, none := range []string{
		"usr/include/python3.11", "opt/conda/conda-meta/pip-made-1-h0_0.json", "usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/RECORD", "opt/py/lib/python3.13/EXTERNALLY-MANAGED",
	} {
		if _, there := m.Tree.Entry(none); there {
			t.Errorf("%s is there", none)
		}
	}
	if e, _ := m.Tree.Entry("w/bin/python3"); e.Target != "/opt/py/bin/python3.13" {
		t.Errorf("%+v", e)
	}
}
