// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	releaseNotes  = "https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/index.html"
	compatibility = "https://docs.nvidia.com/deploy/cuda-compatibility/index.html"
)

func (s *scene) toolkits() []facts.Toolkit {
	toolkits, _ := fact.Get[[]facts.Toolkit](s.Facts, facts.Toolkits)
	return toolkits
}

var toolkitNewer = check.Check{
	Code: "cuda.toolkit-newer-than-driver", Title: "A CUDA toolkit is newer than the driver", Area: areaCUDA,
	Needs: []string{facts.Toolkits, facts.DriverVersion},
	Doc: check.Doc{
		Meaning:    "A toolkit under /usr/local was released with a newer driver than the one that runs. This matters only to what is compiled with that toolkit: within one CUDA major such programs run (minor-version compatibility) unless they rely on just-in-time compilation or on new features. Wheels of frameworks bring their own CUDA and are not touched.",
		Detection:  "The version in the toolkit's version.json is looked up in two tables that are never merged: the oldest driver for its CUDA major, and the driver released with it. Jetsons, whose driver counts otherwise, and machines where a forward compatibility library does the work are not judged.",
		Cause:      "The toolkit was upgraded and the driver was not.",
		Fix:        "Nothing, unless you compile with this toolkit. Then upgrade the driver or use a toolkit that it knows.",
		Verify:     "nvidia-smi shows a CUDA version that is not below the toolkit's.",
		References: []string{compatibility, releaseNotes},
	},
	Run: seen(judgeToolkits),
}

func judgeToolkits(s *scene) {
	cuda, _ := s.library(libraryCUDA)
	if s.tegra() {
		return // its CUDA is upgraded apart from a driver that counts otherwise
	}
	if cuda.Compat() && !s.allGeForce() && tables.Compare(cuda.Version, s.driver) > 0 {
		return // forward compatibility brings what the toolkits want
	}
	for _, t := range s.toolkits() {
		effect, driver := s.toolkitEffect(t)
		if effect == "" {
			continue
		}
		s.Report(check.Finding{
			Severity: check.Info,
			Subject:  t.Path,
			Detail:   fmt.Sprintf("CUDA toolkit %s in %s, driver %s: %s.", t.Version, t.Path, s.driver, effect),
			Cause:    "The toolkit is newer than the driver.",
			Evidence: s.Evidence(facts.Toolkits, facts.DriverVersion),
			Remedies: []check.Remedy{advice("upgrade-driver", "If you compile with this toolkit, upgrade the driver to "+driver+" or later.", releaseNotes)},
			Verify:   []string{"nvidia-smi", t.Path + "/bin/nvcc --version"},
		})
	}
}

// tegra reports whether this is a Jetson, by the kernel that NVIDIA builds for it.
func (s *scene) tegra() bool { return strings.HasSuffix(s.Facts.String(facts.Kernel), "-tegra") }

// toolkitEffect says what the driver means for programs of a toolkit, and
// which driver would change that; "" when they run natively or nothing is known.
func (s *scene) toolkitEffect(t facts.Toolkit) (effect, driver string) {
	major, _ := tables.Branch(t.Version)
	if minimum, ok := tables.DriverMinimum(major); ok && tables.Compare(s.driver, minimum) < 0 {
		return fmt.Sprintf("programs compiled with it do not run, since CUDA %d needs driver %s or later", major, minimum), minimum
	}
	native, ok := tables.ToolkitDriver(t.Version)
	if !ok || tables.Compare(s.driver, native) >= 0 {
		return "", ""
	}
	if _, ok := tables.DriverMinimum(major); !ok {
		return fmt.Sprintf("programs compiled with it need driver %s or later", native), native
	}
	return fmt.Sprintf("programs compiled with it run, except those that need just-in-time compilation or features of driver %s", native), native
}

var toolkitUnknown = check.Check{
	Code: "cuda.toolkit-unknown", Title: "A CUDA toolkit is newer than the tables", Area: areaCUDA,
	Needs: []string{facts.Toolkits},
	Doc: check.Doc{
		Meaning:    "An installed toolkit is of a CUDA major that was released after the tables of this plugin. Which driver it needs is not known here, so nothing is said to be right or wrong.",
		Detection:  "The first number of the toolkit's version stands in neither table of drivers.",
		Cause:      "The toolkit is newer than this release of the plugin.",
		Fix:        "Upgrade the gpu plugin, whose tables come with it.",
		Verify:     "The finding is gone after the upgrade.",
		References: []string{releaseNotes},
	},
	Run: seen(judgeUnknownToolkit),
}

func judgeUnknownToolkit(s *scene) {
	newest, _ := tables.Branch(tables.NewestCUDA())
	for _, t := range s.toolkits() {
		if major, ok := tables.Branch(t.Version); !ok || major <= newest {
			continue
		}
		s.Report(check.Finding{
			Severity: check.Unknown,
			Subject:  t.Path,
			Detail:   fmt.Sprintf("CUDA toolkit %s is in %s; the newest in the tables is %s.", t.Version, t.Path, tables.NewestCUDA()),
			Cause:    "The toolkit was released after the tables of this plugin.",
			Evidence: s.Evidence(facts.Toolkits),
			Remedies: []check.Remedy{advice("upgrade-plugin", "Upgrade the gpu plugin to one whose tables know this CUDA.")},
		})
	}
}

var compatOnGeForce = check.Check{
	Code: "cuda.compat-lib-on-geforce", Title: "A forward compatibility library is used on a GeForce GPU", Area: areaCUDA,
	Needs: []string{facts.Libraries, facts.DriverVersion, facts.Devices},
	Doc: check.Doc{
		Meaning:    "CUDA's forward compatibility package replaces libcuda by a newer one, which data-centre GPUs accept and GeForce GPUs do not. Every program fails with error 804: forward compatibility was attempted on non supported HW.",
		Detection:  "The first libcuda.so.1 on the loader's path lies in a directory compat, is newer than the kernel module, and every GPU is a GeForce.",
		Cause:      "The package cuda-compat is installed and its directory is in LD_LIBRARY_PATH or in the loader's cache; NVIDIA's container images do this when the host's driver is older.",
		Fix:        "Take the directory off the loader's path, or upgrade the driver.",
		Verify:     "ldconfig -p lists libcuda.so.1 of the driver first.",
		References: []string{compatibility},
	},
	Run: seen(judgeCompat),
}

func judgeCompat(s *scene) {
	libraries, _ := fact.Get[[]facts.Library](s.Facts, facts.Libraries)
	i := slices.IndexFunc(libraries, func(l facts.Library) bool { return l.Soname == "libcuda.so.1" })
	if i < 0 || !libraries[i].Compat() || !s.allGeForce() {
		return
	}
	lib := libraries[i]
	if lib.Version == "" || tables.Compare(lib.Version, s.driver) <= 0 {
		return
	}
	s.Report(check.Finding{
		Subject:  lib.Path,
		Detail:   fmt.Sprintf("%s of version %s stands before the driver's own library %s, and %s does not support that.", lib.Path, lib.Version, s.driver, s.names(s.gpus)),
		Cause:    "The directory of CUDA's forward compatibility package comes first by " + lib.Origin + ".",
		Evidence: s.Evidence(facts.Libraries, facts.DriverVersion, facts.Devices),
		Remedies: []check.Remedy{
			advice("drop-compat", "Take the directory of "+lib.Path+" out of LD_LIBRARY_PATH and of /etc/ld.so.conf.d.", "grep -rn compat /etc/ld.so.conf.d", "sudo ldconfig"),
			s.installDriver(),
		},
		Verify: []string{"ldconfig -p | grep libcuda.so.1"},
	})
}

// allGeForce reports whether every GPU is known to be a consumer product.
func (s *scene) allGeForce() bool {
	for _, g := range s.gpus {
		row, _ := tables.LookupGPU(g.Device)
		if row.Family != "geforce" && !strings.Contains(s.name(g), "GeForce") {
			return false
		}
	}
	return len(s.gpus) > 0
}

var gccTooNew = check.Check{
	Code: "cuda.gcc-too-new", Title: "Every C++ compiler is too new for the CUDA toolkit", Area: areaCUDA,
	Needs: []string{facts.Toolkits, facts.Compilers},
	Doc: check.Doc{
		Meaning:    "nvcc hands host code to GCC and refuses a GCC that is newer than it knows: unsupported GNU version. Building CUDA extensions then fails.",
		Detection:  "The newest GCC that a toolkit accepts is read from its own header crt/host_config.h, or from the table host_compiler where that cannot be read, and every installed C++ compiler is newer. Nothing is reported when CC, CXX, CUDAHOSTCXX or NVCC_CCBIN chooses a compiler.",
		Cause:      "The distribution was upgraded and the toolkit was not.",
		Fix:        "Install an older GCC beside the default one and name it to nvcc, or install a newer toolkit.",
		Verify:     "nvcc compiles an empty .cu file.",
		References: []string{"https://docs.nvidia.com/cuda/cuda-installation-guide-linux/index.html#host-compiler-support-policy"},
	},
	Run: seen(judgeGCC),
}

func judgeGCC(s *scene) {
	majors, _ := fact.Get[[]int](s.Facts, facts.Compilers)
	env, _ := fact.Get[map[string]string](s.Facts, facts.Env)
	for _, name := range []string{"CC", "CXX", "CUDAHOSTCXX", "NVCC_CCBIN", "NVCC_PREPEND_FLAGS"} {
		if env[name] != "" {
			return
		}
	}
	for _, t := range s.toolkits() {
		if t.MaxGCC == 0 {
			t.MaxGCC, _ = tables.MaxGCC(t.Version)
		}
		if !t.NVCC || t.MaxGCC == 0 || len(majors) == 0 || slices.Min(majors) <= t.MaxGCC {
			continue
		}
		s.Report(check.Finding{
			Severity: check.Info,
			Subject:  t.Path,
			Detail:   fmt.Sprintf("CUDA toolkit %s accepts GCC up to %d, and the oldest C++ compiler here is GCC %d.", t.Version, t.MaxGCC, slices.Min(majors)),
			Cause:    "The compiler is newer than the toolkit knows.",
			Evidence: s.Evidence(facts.Toolkits, facts.Compilers),
			Remedies: []check.Remedy{command("older-gcc", "Install an older GCC and name it to nvcc.", check.Low,
				fmt.Sprintf("sudo apt install g++-%d   # or the distribution's package", t.MaxGCC), fmt.Sprintf("export NVCC_CCBIN=g++-%d", t.MaxGCC))},
			Verify: []string{"echo | " + t.Path + "/bin/nvcc -x cu -c - -o /dev/null"},
		})
	}
}

var homeDangling = check.Check{
	Code: "cuda.home-dangling", Title: "CUDA_HOME names a directory that is not there", Area: areaCUDA,
	Needs: []string{facts.Home},
	Doc: check.Doc{
		Meaning:    "CUDA_HOME (or CUDA_PATH) tells builds of CUDA extensions where the toolkit is, and it names nothing. Such builds fail; installed wheels are not touched. The variable being unset is fine.",
		Detection:  "The variable of the examined process is an absolute path, and nothing of a toolkit is seen there: the plugin may look at bin, version.json and a header below it, and at nothing else.",
		Cause:      "The toolkit was removed or upgraded, and the variable stayed in a profile or an image.",
		Fix:        "Point the variable at an installed toolkit, or unset it.",
		Verify:     "The directory holds bin/nvcc.",
		References: []string{"https://docs.pytorch.org/docs/stable/cpp_extension.html"},
	},
	Run: seen(judgeHome),
}

func judgeHome(s *scene) {
	home, ok := fact.Get[facts.CUDAHome](s.Facts, facts.Home)
	if !ok || home.Exists || home.Path == "" {
		return
	}
	preview := "unset " + home.Variable
	if toolkits := s.toolkits(); len(toolkits) > 0 {
		preview = "export " + home.Variable + "=" + toolkits[0].Path
	}
	s.Report(check.Finding{
		Severity: check.Warning,
		Subject:  home.Variable,
		Detail:   fmt.Sprintf("%s=%s, and that is no directory with a CUDA toolkit: it is not there, or it holds neither bin nor version.json.", home.Variable, home.Path),
		Cause:    "The toolkit that the variable named was removed.",
		Evidence: s.Evidence(facts.Home, facts.Toolkits),
		Remedies: []check.Remedy{{ID: "set-cuda-home", Summary: "Name an installed toolkit, or none.", Kind: check.SetEnv, Risk: check.Low, Preview: []string{preview}}},
		Verify:   []string{"ls \"$" + home.Variable + "/bin/nvcc\""},
	})
}
