// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

const bitsandbytesSource = "https://github.com/bitsandbytes-foundation/bitsandbytes/blob/main/bitsandbytes/cextension.py"

var bitsandbytesNoLibrary = check.Check{
	Code: codeBNBLibrary, Title: "bitsandbytes has no library for torch's CUDA", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Frameworks), need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "bitsandbytes says \"CUDA Setup failed despite GPU being available\" or \"The installed version of bitsandbytes was compiled without GPU support\", and quantised models do not load.",
		Detection:  "bitsandbytes brings one library for each release of CUDA, libbitsandbytes_cuda124.so for 12.4. The names that are there are compared with the CUDA release in torch/version.py. Releases that take a neighbouring library of the same major release are recognised by their own code.",
		Cause:      "bitsandbytes is older than the CUDA release that torch was built for.",
		Fix:        "Upgrade bitsandbytes.",
		Verify:     "Run python -m bitsandbytes.",
		References: []string{"https://huggingface.co/docs/bitsandbytes/installation", bitsandbytesSource},
	},
	Run: perEnvironment(lookBitsandbytes),
}

var bitsandbytesOverride = check.Check{
	Code: "bitsandbytes.cuda-version-override", Title: "BNB_CUDA_VERSION names another CUDA than torch's", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Frameworks), observed.Variables},
	Doc: check.Doc{
		Meaning:    "BNB_CUDA_VERSION makes bitsandbytes load the library for one release of CUDA without looking at torch. With another major release than torch's it does not load, or fails in its first kernel.",
		Detection:  "The variable is compared with the CUDA release in torch/version.py and with the libraries that bitsandbytes brings.",
		Cause:      "The variable was set for an older torch and stayed.",
		Fix:        "Unset the variable: bitsandbytes finds the library for torch by itself.",
		Verify:     "Run python -m bitsandbytes.",
		References: []string{"https://huggingface.co/docs/bitsandbytes/installation", bitsandbytesSource},
	},
	Run: perEnvironment(lookBNBOverride),
}

var bnbLibrary = pattern.Lazy(`libbitsandbytes_cuda(\d{2})(\d{1,2})(?:_nocublaslt)?\.so$`)

// bnbReleases lists the CUDA releases that the installed libraries are for.
func bnbReleases(f observed.Framework) [][2]int {
	var out [][2]int
	for _, name := range f.Natives {
		if m := bnbLibrary().FindStringSubmatch(path.Base(name)); m != nil {
			major, _ := strconv.Atoi(m[1]) // both are digits
			minor, _ := strconv.Atoi(m[2])
			out = append(out, [2]int{major, minor})
		}
	}
	return out
}

// cudaRelease reads [2]int{12, 4} of "12.4".
func cudaRelease(text string) ([2]int, bool) {
	a, b, _ := strings.Cut(text, ".")
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return [2]int{major, minor}, err1 == nil && err2 == nil && major > 0 && minor >= 0
}

// bitsandbytesOnGPU returns bitsandbytes and torch's CUDA where both matter.
func (e *environment) bitsandbytesOnGPU() (f observed.Framework, torch observed.TorchBuild, want [2]int, ok bool) {
	f, installed := e.framework("bitsandbytes")
	torch, _ = get[observed.TorchBuild](e, observed.Torch)
	want, isCUDA := cudaRelease(torch.CUDA)
	return f, torch, want, installed && isCUDA && e.hasGPU() && len(f.Natives) > 0
}

func lookBitsandbytes(e *environment) {
	f, torch, want, ok := e.bitsandbytesOnGPU()
	if !ok || e.variable("BNB_CUDA_VERSION") != "" {
		return
	}
	have := bnbReleases(f)
	if slices.Contains(have, want) || slices.Contains(f.Flags, observed.SameMajor) &&
		slices.ContainsFunc(have, func(r [2]int) bool { return r[0] == want[0] }) {
		return
	}
	e.report(check.Finding{
		Title: fmt.Sprintf("bitsandbytes %s has no library for CUDA %s", f.Version, torch.CUDA),
		Detail: fmt.Sprintf("torch %s is built for CUDA %s, and bitsandbytes %s brings libraries %s.",
			torch.Version, torch.CUDA, f.Version, releasesText(have)),
		Cause:    "bitsandbytes is of another time than torch, or was built without CUDA.",
		Evidence: append(e.paths(observed.Frameworks, f.Path), e.ctx.Evidence(e.at(observed.Torch), gpuCount)...),
		Remedies: []check.Remedy{e.install("Upgrade bitsandbytes.", "--upgrade", "--force-reinstall", "--no-deps", "bitsandbytes")},
		Verify:   []string{quote(e.Python) + " -m bitsandbytes"},
	})
}

func releasesText(releases [][2]int) string {
	if len(releases) == 0 {
		return "for no CUDA at all"
	}
	var texts []string
	for _, r := range releases {
		texts = append(texts, fmt.Sprintf("%d.%d", r[0], r[1]))
	}
	return "for CUDA " + strings.Join(unique(texts), ", ")
}

func lookBNBOverride(e *environment) {
	f, torch, want, ok := e.bitsandbytesOnGPU()
	value := e.variable("BNB_CUDA_VERSION")
	if !ok || value == "" || value == fmt.Sprintf("%d%d", want[0], want[1]) {
		return
	}
	severity, why := check.Info, fmt.Sprintf("torch %s is built for CUDA %s.", torch.Version, torch.CUDA)
	m := bnbLibrary().FindStringSubmatch("libbitsandbytes_cuda" + value + ".so")
	switch {
	case m == nil || !slices.ContainsFunc(f.Natives, func(n string) bool { return path.Base(n) == m[0] }):
		severity, why = check.Error, fmt.Sprintf("bitsandbytes %s brings no libbitsandbytes_cuda%s.so.", f.Version, value)
	case m[1] != strconv.Itoa(want[0]):
		severity = check.Warning
	}
	e.report(check.Finding{
		Severity: severity,
		Title:    "BNB_CUDA_VERSION is " + value + ", and torch has CUDA " + torch.CUDA,
		Detail:   "BNB_CUDA_VERSION=" + value + " decides which library bitsandbytes loads; " + why,
		Cause:    "The variable overrides the choice that bitsandbytes makes by torch's CUDA release.",
		Evidence: append(e.ctx.Evidence(observed.Variables, e.at(observed.Torch)), e.paths(observed.Frameworks, f.Path)...),
		Remedies: []check.Remedy{{
			ID: "unset-variable", Summary: "Unset the variable, also where it is exported at login.", Kind: check.SetEnv, Risk: check.Low,
			Preview: []string{"unset BNB_CUDA_VERSION"},
		}},
		Verify: []string{"env -u BNB_CUDA_VERSION " + quote(e.Python) + " -m bitsandbytes"},
	})
}

// variable reads one of observed.FrameworkVariables of the examined process.
func (e *environment) variable(name string) string {
	return e.variables()[name]
}
