// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	libraryCUDA = "libcuda.so.1"
	libraryNVML = "libnvidia-ml.so.1"
)

// library finds what the loader takes for a library of the driver.
func (s *scene) library(soname string) (facts.Library, bool) {
	libraries, _ := fact.Get[[]facts.Library](s.Facts, facts.Libraries)
	i := slices.IndexFunc(libraries, func(l facts.Library) bool { return l.Soname == soname })
	if i < 0 {
		return facts.Library{}, false
	}
	return libraries[i], true
}

var strayCUDA = check.Check{
	Code: "cuda.stray-libcuda", Title: "A libcuda that is not the driver's comes first", Area: areaCUDA,
	Needs: []string{facts.DriverVersion, facts.Libraries},
	Doc: check.Doc{
		Meaning:    "Programs load a libcuda.so.1 that did not come with the running driver. One of another release fails with error 803: system has unsupported display driver / cuda driver combination. One from a toolkit's directory stubs is for linking only and fails with error 34: CUDA driver is a stub library.",
		Detection:  "The first libcuda.so.1 on the loader's path lies in a directory stubs, or belongs to a forward compatibility package that is older than the kernel module, or its version is not that of the kernel module while libnvidia-ml.so.1 agrees with the module. A newer forward compatibility library is fine on data-centre GPUs, also where the container runtime has mounted it over the driver's own. Where both libraries differ the driver itself is torn, which is gpu.library-mismatch.",
		Cause:      "A copy was left in /usr/local or in an image, LD_LIBRARY_PATH names a directory that holds one, or the host's driver was upgraded beyond the compatibility package of an image.",
		Fix:        "Remove the copy, or take its directory off the loader's path.",
		Verify:     "ldconfig -p and LD_LIBRARY_PATH lead to the libcuda.so.1 of the driver's release.",
		References: []string{"https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html", compatibility},
	},
	Run: seen(judgeStray),
}

// stray reports whether the loader's libcuda is foreign to a driver that is
// otherwise whole.
func (s *scene) stray(cuda facts.Library) bool {
	if cuda.Stub || s.outdated(cuda) {
		return true
	}
	nvml, ok := s.library(libraryNVML)
	return ok && nvml.Version == s.driver && cuda.Version != "" && cuda.Version != s.driver && !cuda.Compat()
}

// outdated reports whether a forward compatibility library is older than the
// driver: it carries programs to an older driver, never to a newer one.
func (s *scene) outdated(cuda facts.Library) bool {
	return cuda.Compat() && cuda.Version != "" && tables.Compare(cuda.Version, s.driver) < 0
}

func judgeStray(s *scene) {
	cuda, ok := s.library(libraryCUDA)
	if !ok || s.wsl || s.withoutGPUs() || !s.stray(cuda) {
		return
	}
	what := fmt.Sprintf("of version %s, and the kernel module and libnvidia-ml are %s", cuda.Version, s.driver)
	switch {
	case cuda.Stub:
		what = "a stub for linking, and no driver"
	case s.outdated(cuda):
		what = fmt.Sprintf("of CUDA's forward compatibility package %s, and the kernel module is the newer %s", cuda.Version, s.driver)
	}
	remedy := advice("remove-copy", "Find which package or image brought the file, and remove it.", "dpkg -S "+cuda.Path+"   # or rpm -qf", "sudo ldconfig")
	if cuda.Origin == "LD_LIBRARY_PATH" {
		remedy = advice("clean-path", "Take "+path.Dir(cuda.Path)+" out of LD_LIBRARY_PATH.", "echo $LD_LIBRARY_PATH")
	}
	s.Report(check.Finding{
		Subject:  cuda.Path,
		Detail:   fmt.Sprintf("Programs load %s, which is %s.", cuda.Path, what),
		Cause:    "The file comes first by " + cuda.Origin + ".",
		Evidence: s.Evidence(facts.Libraries, facts.DriverVersion),
		Remedies: []check.Remedy{remedy},
		Verify:   []string{"ldconfig -p | grep libcuda.so.1", "readlink -f " + cuda.Path},
	})
}

var cudnnDuplicate = check.Check{
	Code: "cuda.cudnn-duplicate", Title: "Several cuDNN releases are on the loader's path", Area: areaCUDA,
	Needs: []string{facts.CUDNN},
	Doc: check.Doc{
		Meaning:    "The loader knows more than one cuDNN. Several majors beside each other are fine for programs that ask for one by name. Of two releases of one major, programs get the one that comes first; where that one is not complete they get its missing parts from the other, and stop because the versions do not fit.",
		Detection:  "The libraries libcudnn.so.N in LD_LIBRARY_PATH and in the loader's cache. The same name in both with different versions, and several majors, are information. Copies inside Python environments belong to their packages and are not judged here.",
		Cause:      "cuDNN was installed by a package and again by hand, or LD_LIBRARY_PATH names an old copy.",
		Fix:        "Keep the one that programs need, or take the directory of the other off the path. PyTorch and JAX from wheels bring their own cuDNN and need none of these.",
		Verify:     "ldconfig -p | grep libcudnn.so lists one release.",
		References: []string{"https://docs.nvidia.com/deeplearning/cudnn/installation/latest/linux.html"},
	},
	Run: seen(judgeCUDNN),
}

func judgeCUDNN(s *scene) {
	all, _ := fact.Get[[]facts.Library](s.Facts, facts.CUDNN)
	first := map[string]facts.Library{}
	var majors []string
	for _, l := range all {
		if l.Origin == "toolkit" {
			continue
		}
		before, known := first[l.Soname]
		if !known {
			first[l.Soname] = l
			majors = append(majors, strings.TrimPrefix(l.Soname, "libcudnn.so."))
			continue
		}
		if before.Version != "" && l.Version != "" && before.Version != l.Version {
			s.reportCUDNN(check.Info, before.Path, fmt.Sprintf("%s (%s) comes before %s (%s).", before.Path, before.Version, l.Path, l.Version))
			return
		}
	}
	if len(majors) > 1 {
		s.reportCUDNN(check.Info, "cuDNN", fmt.Sprintf("The loader knows cuDNN %s.", strings.Join(majors, " and ")))
	}
}

func (s *scene) reportCUDNN(severity check.Severity, subject, detail string) {
	s.Report(check.Finding{
		Severity: severity,
		Subject:  subject,
		Detail:   detail,
		Cause:    "cuDNN was installed more than once.",
		Evidence: s.Evidence(facts.CUDNN),
		Remedies: []check.Remedy{advice("keep-one", "Keep the release that your programs ask for; wheels of PyTorch and JAX bring their own.", "ldconfig -p | grep libcudnn.so", "dpkg -l 'libcudnn*'   # or rpm -qa 'libcudnn*'")},
		Verify:   []string{"ldconfig -p | grep libcudnn.so"},
	})
}

var pathMismatch = check.Check{
	Code: "cuda.path-mismatch", Title: "nvcc on PATH is of another toolkit than CUDA_HOME", Area: areaCUDA,
	Needs: []string{facts.NVCCOnPath, facts.Home},
	Doc: check.Doc{
		Meaning:    "Builds of CUDA code find their toolkit in two ways: PyTorch's extensions through CUDA_HOME (or CUDA_PATH), CMake and plain commands through PATH. When the two lead to different releases, one build uses headers of one and the compiler of the other.",
		Detection:  "The version of the toolkit that CUDA_HOME names is compared with that of the first nvcc on PATH. Another major is a warning, another minor information.",
		Cause:      "The variable or PATH was set for a toolkit that has been joined by another since.",
		Fix:        "Point both at one toolkit.",
		Verify:     "nvcc --version and $CUDA_HOME/bin/nvcc --version say the same.",
		References: []string{"https://docs.pytorch.org/docs/stable/cpp_extension.html", "https://docs.nvidia.com/cuda/cuda-installation-guide-linux/index.html"},
	},
	Run: seen(judgePath),
}

func judgePath(s *scene) {
	home, _ := fact.Get[facts.CUDAHome](s.Facts, facts.Home)
	compiler, _ := fact.Get[facts.Compiler](s.Facts, facts.NVCCOnPath)
	if !home.Exists || home.Version == "" || compiler.Version == "" || minorOf(home.Version) == minorOf(compiler.Version) {
		return
	}
	severity := check.Info
	if a, _ := tables.Branch(home.Version); !strings.HasPrefix(compiler.Version, fmt.Sprintf("%d.", a)) {
		severity = check.Warning
	}
	s.Report(check.Finding{
		Severity: severity,
		Subject:  compiler.Path,
		Detail:   fmt.Sprintf("%s=%s is CUDA %s, and %s is of CUDA %s in %s.", home.Variable, home.Path, home.Version, compiler.Path, compiler.Version, compiler.Toolkit),
		Cause:    "PATH and " + home.Variable + " were set for different toolkits.",
		Evidence: s.Evidence(facts.Home, facts.NVCCOnPath),
		Remedies: []check.Remedy{{ID: "one-toolkit", Summary: "Let PATH lead to the toolkit that " + home.Variable + " names.", Kind: check.SetEnv, Risk: check.Low,
			Preview: []string{fmt.Sprintf(`export PATH="%s/bin:$PATH"`, home.Path)}}},
		Verify: []string{"nvcc --version", fmt.Sprintf(`"$%s/bin/nvcc" --version`, home.Variable)},
	})
}

// minorOf shortens "12.4.1" to "12.4".
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}
