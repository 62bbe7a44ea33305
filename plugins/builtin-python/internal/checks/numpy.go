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
		Detection:  "NumPy 2 is installed with a package whose requirements exclude it, or whose release is older than its first one that supports NumPy 2 (a table).",
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
	var reasons, names []string
	var packages []observed.Package
	add := func(p observed.Package, reason string) {
		reasons, names, packages = append(reasons, reason), append(names, p.Name), append(packages, p)
	}
	for _, c := range e.conflicts() {
		if namedElsewhere(c) == codeNumPyABI {
			add(c.owner, fmt.Sprintf("%s %s requires %s", c.owner.Name, c.owner.Version, c.wanted()))
		}
	}
	for _, row := range tables.NumPy.Rows {
		if p, old := olderThan(e, row); old && !slices.Contains(names, p.Name) {
			add(p, fmt.Sprintf("%s %s is built for NumPy 1 (NumPy 2 since %s)", p.Name, p.Version, row.Since))
		}
	}
	if len(reasons) == 0 {
		return
	}
	installed, _ := e.installed("numpy")
	title := ""
	if len(packages) == 1 {
		title = fmt.Sprintf("%s %s is built for NumPy 1, and numpy %s is installed", packages[0].Name, packages[0].Version, numpy)
	}
	e.report(check.Finding{
		Title:    title,
		Detail:   fmt.Sprintf("numpy %s is installed, but %s.", numpy, listed(reasons)),
		Cause:    "NumPy 2 changed the binary interface of its arrays.",
		Evidence: evidenceOf(e, append(packages, installed)...),
		Remedies: []check.Remedy{
			e.install("Upgrade what was built for NumPy 1.", append([]string{"--upgrade"}, unique(slices.Clone(names))...)...),
			e.install("Or go back to NumPy 1.", "numpy<2"),
		},
		Verify: []string{e.imports("import numpy, " + moduleOf(names[0]))},
	})
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
