// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"slices"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var numpyABI = check.Check{
	Code: codeNumPyABI, Title: "Package built for NumPy 1 with NumPy 2 installed", Area: areaFrameworks,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "Extension modules compiled against NumPy 1 crash or refuse to load with NumPy 2: \"A module that was compiled using NumPy 1.x cannot be run in NumPy 2\" or \"numpy.dtype size changed\".",
		Detection:  "NumPy 2 is installed with a package whose requirements exclude it, or whose wheel is older than the first one that supports NumPy 2 (a table; what conda or a distribution compiled is not judged by it). Where only packages without compiled parts exclude NumPy 2, it is a warning.",
		Cause:      "NumPy was upgraded past what the package was built for, usually because the package does not state an upper bound.",
		Fix:        "Upgrade the package, or go back to numpy<2.",
		Verify:     "Import numpy and the package in one process.",
		References: []string{"https://numpy.org/doc/stable/numpy_2_0_migration_guide.html", "https://github.com/numpy/numpy/issues/26191"},
	},
	Run: perEnvironment(lookNumPy),
}

func lookNumPy(e *environment) {
	numpy, ok := e.version("numpy")
	if !ok || numpy.Major() < 2 {
		return
	}
	reasons, packages, compiled := e.builtForNumPy1()
	if len(reasons) == 0 {
		return
	}
	var names []string
	for _, p := range packages {
		names = append(names, p.Name)
	}
	installed, _ := e.installed("numpy")
	f := check.Finding{
		Detail:   fmt.Sprintf("numpy %s is installed, but %s.", numpy, listed(reasons)),
		Cause:    "NumPy 2 changed the binary interface of its arrays.",
		Evidence: evidenceOf(e, append(packages, installed)...),
		Remedies: []check.Remedy{
			e.install("Upgrade what was built for NumPy 1.", append([]string{"--upgrade"}, unique(slices.Clone(names))...)...),
			e.installOwned("Or go back to NumPy 1.", "numpy", "numpy<2"),
		},
		Verify: []string{e.imports("import numpy, " + moduleOf(names[0]))},
	}
	if !compiled {
		f.Severity, f.Title = check.Warning, "Package excludes the installed NumPy 2"
		f.Cause = "The package states that it was not tested with NumPy 2; it has no compiled parts that would crash."
	} else if len(packages) == 1 {
		f.Title = fmt.Sprintf("%s %s is built for NumPy 1, and numpy %s is installed", packages[0].Name, packages[0].Version, numpy)
	}
	e.report(f)
}

// builtForNumPy1 lists the packages that do not take NumPy 2, and why, and tells
// whether one has compiled parts: only of those the tags of the wheel are read.
func (e *environment) builtForNumPy1() (reasons []string, packages []observed.Package, compiled bool) {
	if numpy, ok := e.version("numpy"); !ok || numpy.Major() < 2 {
		return nil, nil, false
	}
	for _, c := range e.conflicts() {
		if namedElsewhere(c) == codeNumPyABI {
			reasons, packages = append(reasons, fmt.Sprintf("%s %s requires %s", c.owner.Name, c.owner.Version, c.wanted())), append(packages, c.owner)
			compiled = compiled || len(c.owner.Tags) > 0
		}
	}
	for _, row := range tables.NumPy().Rows {
		p, old := olderThan(e, row)
		if old && !e.isRebuilt(p) && !slices.ContainsFunc(packages, func(o observed.Package) bool { return o.Name == p.Name }) {
			reasons, packages = append(reasons, fmt.Sprintf("%s %s is built for NumPy 1 (NumPy 2 since %s)", p.Name, p.Version, row.Since)), append(packages, p)
			compiled = true
		}
	}
	return reasons, packages, compiled
}

// isRebuilt reports whether a distributor compiled p, and compiles it for the
// NumPy that it ships: the table is about the wheels of PyPI.
func (e *environment) isRebuilt(p observed.Package) bool {
	return distributionOwned(p) || p.Installer == "conda" || e.condaOwns(p.Name)
}

func olderThan(e *environment, row tables.NumPyRow) (observed.Package, bool) {
	v, ok := e.version(row.Name)
	since, err := pep440.Parse(row.Since)
	p, _ := e.installed(row.Name)
	return p, ok && err == nil && v.Compare(since) < 0
}

// isNumPy2Conflict recognises a requirement that NumPy 2 violates and NumPy 1
// would not.
func isNumPy2Conflict(c conflict) bool {
	v, err := pep440.Parse(c.found.Version)
	if err != nil || v.Major() < 2 {
		return false
	}
	lastOfOne, err := pep440.Parse("1.26.4")
	return err == nil && c.requirement.Specifiers.Contains(lastOfOne)
}

// moduleOf is the import name of a distribution, for commands shown to people.
func moduleOf(name string) string {
	known := map[string]string{"scikit-learn": "sklearn", "scikit-image": "skimage", "ml-dtypes": "ml_dtypes", "opencv-python": "cv2"}
	if module, ok := known[name]; ok {
		return module
	}
	return importable(name)
}

func importable(name string) string {
	out := []byte(name)
	for i, c := range out {
		if c == '-' || c == '.' {
			out[i] = '_'
		}
	}
	return string(out)
}
