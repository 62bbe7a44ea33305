// SPDX-License-Identifier: Apache-2.0

package collect_test

import (
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// TestExtras: requirements of an extra count where an installed package asks for
// the extra, over any number of steps, and nowhere else.
func TestExtras(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	for _, d := range []fakeenv.Dist{
		{Name: "torch", Version: "2.11.0", Requires: []string{`cuda-toolkit[cublas,Math_Libs]==13.0.2; platform_system == "Linux"`, `optree; extra == "optree"`}},
		{Name: "cuda_toolkit", Version: "13.0.2", Requires: []string{
			`nvidia-cublas==13.1.0.3; extra == "cublas"`, `cuda-toolkit[cufft]; extra == "math-libs"`, `nvidia-cufft==12.0.0; extra == "cufft"`,
			`nvidia-nvcc; extra == "nvcc"`, `nvidia-win; extra == "cublas" and sys_platform == "win32"`, "plain",
		}},
		{Name: "round", Version: "1.0", Requires: []string{"round[a]", `round[b]; extra == "a"`, `round[a]; extra == "b"`}},
	} {
		tr.Install(site, d)
	}
	packages := get[[]observed.Package](t, observe(t, tr.Target), observed.Packages)
	for name, want := range map[string][]string{
		"torch":        {"cuda-toolkit[cublas,Math_Libs]==13.0.2"},
		"cuda_toolkit": {"plain", "nvidia-cublas==13.1.0.3", "cuda-toolkit[cufft]", "nvidia-cufft==12.0.0"},
		"round":        {"round[a]", "round[b]"},
	} {
		i := slices.IndexFunc(packages, func(p observed.Package) bool { return p.Name == name })
		if i < 0 || !slices.Equal(packages[i].Requires, want) {
			t.Errorf("%s: want %q of %+v", name, want, packages)
		}
	}
}

// TestShadowsThroughALink: PYTHONPATH that leads to the environment's own
// packages by a link hides none of them.
func TestShadowsThroughALink(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.Install(site, fakeenv.Dist{Name: "numpy", Version: "2.1.0"})
	tr.Link("/opt/env/lib64", "lib")
	tr.Target.Env["PYTHONPATH"] = "/opt/env/lib64/python3.11/site-packages"
	if got := get[[]observed.Shadow](t, observe(t, tr.Target), observed.Shadows); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	tr.Text("/srv/lib/numpy/__init__.py", "")
	tr.Target.Env["PYTHONPATH"] = "/srv/lib"
	if got := get[[]observed.Shadow](t, observe(t, tr.Target), observed.Shadows); len(got) != 1 {
		t.Errorf("another numpy: %+v", got)
	}
}
