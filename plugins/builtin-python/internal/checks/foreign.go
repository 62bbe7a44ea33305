// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var pythonPathForeign = check.Check{
	Code: "python.pythonpath-foreign", Title: "PYTHONPATH brings packages of another Python", Area: areaPython,
	Needs: []string{need(observed.PythonPath), need(observed.Version)},
	Doc: check.Doc{
		Meaning:    "Imports fail with \"No module named 'numpy._core._multiarray_umath'\" or similar, although the package is installed: Python finds the copy for another version first.",
		Detection:  "Each directory of PYTHONPATH is listed. The version of Python in its path (python3.8/site-packages) and in the names of extension modules (cpython-38) is compared with the environment's. Where the directory hides no installed package, it is a warning, and for information where the environment is not the one in use.",
		Cause:      "PYTHONPATH is searched before the environment's own packages, in every Python that is started. A module system, ROS or a line in .bashrc sets it.",
		Fix:        "Take the directory out of PYTHONPATH for this environment.",
		Verify:     "Print sys.path with PYTHONPATH unset.",
		References: []string{"https://docs.python.org/3/using/cmdline.html#envvar-PYTHONPATH", "https://peps.python.org/pep-3149/"},
	},
	Run: perEnvironment(lookPythonPath),
}

func lookPythonPath(e *environment) {
	for _, entry := range e.foreignPaths() {
		severity, harm := e.foreignHarm(entry)
		e.report(check.Finding{
			Severity: severity,
			Title:    "PYTHONPATH brings packages of Python " + strings.Join(entry.Versions, ", "),
			Detail: fmt.Sprintf("PYTHONPATH names %s, which is made for Python %s (%s); %s is Python %s and searches it first.%s",
				entry.Path, strings.Join(entry.Versions, ", "), orPath(entry.Example, entry.Path), e.Python, e.Version, harm),
			Cause:    "PYTHONPATH holds for every Python that is started, whatever its version.",
			Evidence: append(e.paths(observed.PythonPath, orPath(entry.Example, entry.Path)), e.ctx.Evidence(e.at(observed.Version))...),
			Explains: []string{codeShadowed, codeNotLoadable, codeTorchNotLoadable, codeNumPyABI},
			Remedies: []check.Remedy{{
				ID: "unset-pythonpath", Summary: "Start the program without PYTHONPATH.", Kind: check.SetEnv, Risk: check.Low,
				Preview: []string{"unset PYTHONPATH"},
			}},
			Verify: []string{"env -u PYTHONPATH " + e.imports("import sys; print(sys.path)")},
		})
	}
}

// foreignHarm is an error where the directory hides a package that the
// environment has; else only its own packages fail to load, as those of ROS do.
// Either way modules are named as the traceback will.
func (e *environment) foreignHarm(entry observed.PythonPathEntry) (check.Severity, string) {
	var hidden []string
	shadows, _ := get[[]observed.Shadow](e, observed.Shadows)
	for _, s := range shadows {
		if path.Dir(s.Path) == entry.Path && s.Distribution != "" {
			hidden = append(hidden, hiddenText(s))
		}
	}
	if len(hidden) > 0 {
		return check.Error, " It hides the installed " + listed(unique(hidden)) + "."
	}
	text := " It hides none of the environment's packages."
	if len(entry.Modules) > 0 {
		text += " Imported from it: " + listed(entry.Modules) + "."
	}
	if !e.isInUse() {
		return check.Info, text
	}
	return check.Warning, text
}

// isInUse tells an environment that somebody works in from the system's Python
// that stands beside it: PYTHONPATH was not set for that.
func (e *environment) isInUse() bool {
	all := observed.Environments(e.ctx.Facts)
	return len(all) == 0 || e.Prefix == all[0].Prefix || e.Kind != locate.KindSystem
}

// hiddenText is the module, with the distribution where that is named otherwise.
func hiddenText(s observed.Shadow) string {
	if pep508.Normalize(s.Module) == pep508.Normalize(s.Distribution) {
		return s.Module
	}
	return s.Module + " of " + s.Distribution
}

// foreignPaths lists the directories of PYTHONPATH that are for other versions
// of Python only.
func (e *environment) foreignPaths() []observed.PythonPathEntry {
	entries, _ := get[[]observed.PythonPathEntry](e, observed.PythonPath)
	mine := minorOf(e.Version)
	return slices.DeleteFunc(slices.Clone(entries), func(entry observed.PythonPathEntry) bool {
		return mine == "" || !entry.Exists || len(entry.Versions) == 0 || slices.Contains(entry.Versions, mine)
	})
}

func (e *environment) isForeign(dir string) bool {
	return slices.ContainsFunc(e.foreignPaths(), func(entry observed.PythonPathEntry) bool { return entry.Path == dir })
}

func orPath(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// minorOf cuts "3.11" of "3.11.7"; "" when there is no minor number.
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

var wheelTags = check.Check{
	Code: codeWrongWheel, Title: "Package was built for another interpreter or platform", Area: areaPython,
	Needs: []string{need(observed.WrongTags)},
	Doc: check.Doc{
		Meaning:    "The import of a package says \"No module named\" for its compiled part, or \"wrong ELF class\", although the package is installed.",
		Detection:  "The tags in the WHEEL file of each package with compiled parts are compared with those that this interpreter accepts (PEP 425).",
		Cause:      "The directory of packages was copied from another environment or machine, or the package was unpacked by hand.",
		Fix:        "Install the package again with this interpreter's pip.",
		Verify:     "Import the package.",
		References: []string{"https://peps.python.org/pep-0425/", "https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/"},
	},
	Run: perEnvironment(func(e *environment) {
		all, _ := get[[]observed.WrongTag](e, observed.WrongTags)
		if len(all) == 0 {
			return
		}
		var texts, names, paths []string
		for _, w := range all {
			texts = append(texts, fmt.Sprintf("%s %s (%s)", w.Distribution, w.Version, strings.Join(w.Tags, ", ")))
			names, paths = append(names, pep508.Normalize(w.Distribution)+"=="+w.Version), append(paths, w.Path)
		}
		e.report(check.Finding{
			Severity: check.Error, Confidence: 0.9,
			Detail:   fmt.Sprintf("The interpreter takes %s; not made for it: %s.", all[0].Interpreter, listed(texts)),
			Cause:    "The packages were not installed by this interpreter's installer.",
			Evidence: e.paths(observed.WrongTags, paths...),
			Explains: []string{codeNotLoadable, codeTorchNotLoadable, codeUndefined},
			Remedies: []check.Remedy{e.install("Install the packages for this interpreter.", append([]string{"--force-reinstall", "--no-deps"}, unique(names)...)...)},
			Verify:   []string{e.pipCheck()},
		})
	}),
}
