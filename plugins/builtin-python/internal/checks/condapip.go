// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var condaPip = check.Check{
	Code: "python.conda-pip-duplicate", Title: "pip replaced a package of conda", Area: areaPython,
	Needs: []string{need(observed.Conda), need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "conda's records and the files that are there disagree about a package. The environment may work today; the next conda command mixes the two copies.",
		Detection:  "The version of each package for Python in conda-meta is compared with that in the dist-info directory of the environment. It is an error where two copies are there or another package does not accept the new version, else a warning.",
		Cause:      "pip installed or upgraded a package that conda owns, directly or as a requirement of another.",
		Fix:        "Remove pip's copy and let conda install its own, or install the package by pip alone in an environment of its own.",
		Verify:     "Run conda list for the package.",
		References: []string{"https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html#using-pip-in-an-environment", "https://www.anaconda.com/blog/using-pip-in-a-conda-environment"},
	},
	Run: perEnvironment(lookConda),
}

// condaNames are packages whose name in conda is not that of the distribution.
var condaNames = map[string]string{
	"pytorch": "torch", "tensorflow-base": "tensorflow", "matplotlib-base": "matplotlib", "msgpack-python": "msgpack", "py-xgboost": "xgboost",
}

func distributionOf(conda string) string {
	key := pep508.Normalize(conda)
	if name, ok := condaNames[key]; ok {
		return name
	}
	return key
}

// isPythonOfConda reports whether a record is of a package for Python. Conda's
// graphviz or ninja is a program, and the distribution of that name another
// thing. Builds for Python say so in their name: py311h64a7726_0, pyhd8ed1ab_0.
func isPythonOfConda(c observed.CondaPackage) bool {
	stem := strings.TrimSuffix(path.Base(c.Path), ".json")
	return strings.Contains(stem[strings.LastIndexByte(stem, '-')+1:], "py")
}

// replacementSeverity is an error where the replacement already does harm: two
// copies are there, or something does not accept the new one.
func (e *environment) replacementSeverity(p observed.Package) check.Severity {
	key := pep508.Normalize(p.Name)
	harmed := len(e.packages()[key]) > 1 || slices.ContainsFunc(e.conflicts(), func(c conflict) bool {
		return pep508.Normalize(c.requirement.Name) == key || pep508.Normalize(c.owner.Name) == key
	})
	if reasons, _, _ := e.builtForNumPy1(); harmed || key == "numpy" && len(reasons) > 0 || isOfTorch(key) {
		return check.Error
	}
	return check.Warning
}

// lookConda compares conda's records with what is really there.
func lookConda(e *environment) {
	conda, _ := get[[]observed.CondaPackage](e, observed.Conda)
	for _, c := range conda {
		p, ok := e.installed(distributionOf(c.Name))
		if !ok || p.Scope != "env" || !isPythonOfConda(c) || sameRelease(p.Version, c.Version) {
			continue
		}
		e.report(check.Finding{
			Severity: e.replacementSeverity(p),
			Title:    fmt.Sprintf("conda's %s was replaced by version %s", c.Name, p.Version),
			Detail:   fmt.Sprintf("conda records %s %s, and version %s is installed in its place.", c.Name, c.Version, p.Version),
			Cause:    "pip replaced a package that conda owns; the next conda command may mix the two.",
			Evidence: append(evidenceOf(e, p), e.paths(observed.Conda, c.Path)...),
			Explains: []string{codeNumPyABI, codeConflict, codeRecordTorn, codeTorchABI, codeUndefined},
			Remedies: []check.Remedy{{
				ID: "reinstall-conda", Summary: "Remove pip's copy and let conda install its own again.", Kind: check.Advice, Risk: check.Medium,
				Preview: []string{e.pip("uninstall", p.Name), "conda install --prefix " + quote(e.Prefix) + " --force-reinstall " + quote(c.Name)},
			}},
			Verify: []string{"conda list --prefix " + quote(e.Prefix) + " " + quote(c.Name)},
		})
	}
}
