// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var venvBroken = check.Check{
	Code: "python.venv-broken", Title: "Virtual environment without its interpreter", Area: areaPython,
	Needs: []string{need(observed.Link)},
	Doc: check.Doc{
		Meaning:    "The environment's python leads nowhere, or to another version of Python than the one its packages were installed for.",
		Detection:  "The links from bin/python are followed and compared with pyvenv.cfg. A link into a directory that the plugin may not see is never reported.",
		Cause:      "A virtual environment links to the interpreter that made it. An upgrade or removal of that interpreter, or copying the environment to another machine, breaks the link.",
		Fix:        "Make the environment again with a Python that is there, and install its packages from the lock file or the requirements.",
		Verify:     "Start bin/python of the environment with --version.",
		References: []string{"https://docs.python.org/3/library/venv.html", "https://peps.python.org/pep-0405/"},
	},
	Run: perEnvironment(lookVenv),
}

func lookVenv(e *environment) {
	link, ok := get[locate.Link](e, observed.Link)
	if !ok {
		return
	}
	venv, isVenv := get[observed.VirtualEnv](e, observed.Venv)
	f := check.Finding{
		Evidence: e.ctx.Evidence(e.at(observed.Link), e.at(observed.Venv)),
		Verify:   []string{quote(link.Path) + " --version"},
		Remedies: []check.Remedy{recreate(e)},
		Explains: []string{codeConflict, codeTorchNotLoadable, codeNotLoadable, codeKernelBroken, codeEditor, codeWrongWheel},
	}
	switch other, moved := changedMinor(link.Target, venv.Version); {
	case link.State == locate.LinkDangling:
		f.Detail = fmt.Sprintf("%s leads to %s, which does not exist.", link.Path, link.Target)
		f.Cause = "The Python that made the environment was removed or moved."
	case link.State == locate.LinkMissing && isVenv:
		f.Detail = fmt.Sprintf("%s has a pyvenv.cfg but no interpreter.", e.Prefix)
		f.Cause = "The environment was only partly made or copied."
	case isVenv && moved && e.Implementation == "CPython":
		f.Detail = fmt.Sprintf("The environment was made for Python %s, and %s now leads to %s (Python %s), which does not see its packages.",
			venv.Version, link.Path, link.Target, other)
		f.Cause = "The Python behind the environment was upgraded to another minor version."
	default:
		return
	}
	e.report(f)
}

func recreate(e *environment) check.Remedy {
	preview := []string{"python3 -m venv --clear " + quote(e.Prefix)}
	if e.Kind == locate.KindUV {
		preview = []string{"uv venv --clear " + quote(e.Prefix)}
	}
	return check.Remedy{
		ID: "recreate-venv", Summary: "Make the environment again; its packages have to be installed anew.",
		Kind: check.Advice, Risk: check.Medium, Preview: preview,
	}
}

var versionedPython = pattern.Lazy(`^python(3\.\d+)$`)

// changedMinor compares the interpreter's file name with pyvenv.cfg.
func changedMinor(target, configured string) (now string, changed bool) {
	m := versionedPython().FindStringSubmatch(path.Base(target))
	parts := strings.SplitN(configured, ".", 3)
	if m == nil || len(parts) < 2 {
		return "", false
	}
	return m[1], m[1] != parts[0]+"."+parts[1]
}

var externallyManaged = check.Check{
	Code: "python.externally-managed", Title: "Python belongs to the operating system", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "pip refuses to install into this interpreter with \"error: externally-managed-environment\".",
		Detection:  "The standard library's directory holds a file EXTERNALLY-MANAGED, and the environment is no virtual one.",
		Cause:      "The distribution's package manager owns the packages of this Python; pip would overwrite them. uv marks the interpreters that it installs in the same way, and containers inherit the mark from their base image.",
		Fix:        "Make a virtual environment and install there.",
		Verify:     "Run pip of the virtual environment.",
		References: []string{"https://peps.python.org/pep-0668/"},
	},
	Run: perEnvironment(func(e *environment) {
		marker, ok := get[string](e, observed.Managed)
		if !ok {
			return
		}
		title, cause := "", "The distribution keeps this Python for its own programs."
		if strings.Contains(marker, "/uv/python/") {
			title, cause = "Python is managed by uv", "uv keeps the interpreters that it installs as they are, for the environments that it makes of them."
		}
		e.report(check.Finding{
			Severity: check.Info, Title: title,
			Detail:   fmt.Sprintf("%s is marked by %s, so pip installs nothing into it.", e.Python, marker),
			Cause:    cause,
			Evidence: e.ctx.Evidence(e.at(observed.Managed)),
			Remedies: []check.Remedy{{
				ID: "make-venv", Summary: "Work in a virtual environment.", Kind: check.Advice, Risk: check.Low,
				Preview: []string{quote(e.Python) + " -m venv .venv", ".venv/bin/python -m pip install PACKAGE"},
			}},
			Verify: []string{".venv/bin/python -m pip --version"},
		})
	}),
}

// frameworkModules are those whose loss stops a whole program.
var frameworkModules = []string{
	"torch", "numpy", "tensorflow", "keras", "jax", "jaxlib", "pandas", "scipy", "sklearn", "transformers", "onnxruntime",
	"torchvision", "torchaudio", "triton", "datasets", "accelerate",
}

var moduleShadowed = check.Check{
	Code: codeShadowed, Title: "File hides an installed package", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "A file or directory of your own has the name of an installed package or of a module of the standard library, and Python imports it instead; so does every package that imports that module.",
		Detection:  "The project directory and PYTHONPATH are listed and compared with the modules that installed packages own and with those of the standard library that are not loaded before a script starts.",
		Cause:      "The directory of the script and PYTHONPATH are searched before the installed packages. The message is often \"partially initialized module\" or \"has no attribute\".",
		Fix:        "Rename the file, and delete its __pycache__ entry.",
		Verify:     "Print the module's __file__ from the project directory.",
		References: []string{"https://docs.python.org/3/library/sys.html#sys.path", "https://docs.python.org/3/using/cmdline.html#envvar-PYTHONPATH"},
	},
	Run: perEnvironment(func(e *environment) {
		shadows, _ := get[[]observed.Shadow](e, observed.Shadows)
		for _, s := range shadows {
			if !e.isForeign(path.Dir(s.Path)) { // it has a code of its own
				reportShadow(e, s)
			}
		}
	}),
}

func reportShadow(e *environment, s observed.Shadow) {
	severity := check.Warning
	if slices.Contains(frameworkModules, s.Module) {
		severity = check.Error
	}
	where := "a script in the project directory runs"
	if s.By == "PYTHONPATH" {
		where = "PYTHONPATH names its directory"
	}
	title, hidden := "File hides the installed package "+s.Distribution, "the installed "+s.Distribution
	if s.Distribution == "" {
		title, hidden = "File hides the module "+s.Module+" of the standard library", "the standard library's module"
	}
	e.report(check.Finding{
		Severity: severity, Confidence: 0.9, Subject: s.Path, Title: title,
		Detail:   fmt.Sprintf("\"import %s\" finds %s instead of %s when %s.", s.Module, s.Path, hidden, where),
		Cause:    "The file stands earlier on the module search path than the module of the same name.",
		Evidence: e.paths(observed.Shadows, s.Path),
		Remedies: []check.Remedy{{
			ID: "rename", Summary: "Give the file another name.", Kind: check.Advice, Risk: check.Low,
			Preview: []string{"mv " + quote(s.Path) + " " + quote(renamed(s.Path))},
		}},
		Verify: []string{e.imports("import " + s.Module + "; print(" + s.Module + ".__file__)")},
	})
}

func renamed(file string) string {
	if stem, ok := strings.CutSuffix(file, ".py"); ok {
		return stem + "_local.py"
	}
	return file + "_local"
}

var userSiteShadows = check.Check{
	Code: "python.user-site-shadows", Title: "Packages in the home directory hide those of the environment", Area: areaPython,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "The environment has a package, but Python imports another version of it from ~/.local.",
		Detection:  "The same distribution is in the user's directory of packages and in the environment's with another version, and the user's is searched first.",
		Cause:      "`pip install --user`, or pip outside of any environment, installs into ~/.local/lib/pythonX.Y, which every interpreter of that version searches, conda environments too.",
		Fix:        "Remove the packages from ~/.local, or set PYTHONNOUSERSITE=1.",
		Verify:     "Print the module's __file__.",
		References: []string{"https://docs.python.org/3/library/site.html", "https://docs.python.org/3/using/cmdline.html#envvar-PYTHONNOUSERSITE"},
	},
	Run: perEnvironment(lookUserSite),
}

func lookUserSite(e *environment) {
	var hidden []string
	var packages []observed.Package
	for _, all := range e.packages() {
		first := all[0]
		for _, other := range all[1:] {
			if first.Scope == locate.ScopeUser && other.Scope == locate.ScopeEnv && other.Version != first.Version {
				hidden = append(hidden, fmt.Sprintf("%s %s hides %s", first.Name, first.Version, other.Version))
				packages = append(packages, first, other)
				break
			}
		}
	}
	if len(hidden) == 0 {
		return
	}
	severity := check.Warning
	if e.Kind == locate.KindSystem {
		severity = check.Info // there the user's directory is the usual way to newer versions
	}
	if e.isHarmedBy(packages) {
		severity = check.Error
	}
	slices.Sort(hidden)
	e.report(check.Finding{
		Severity: severity,
		Detail:   fmt.Sprintf("%s from the home directory: %s.", plural(len(hidden), "package"), listed(hidden)),
		Cause:    "The user's directory of packages is searched before the environment's.",
		Evidence: evidenceOf(e, packages...),
		Explains: []string{codeNumPyABI, codeConflict, codeTorchABI, codeCompanion},
		Remedies: []check.Remedy{{
			ID: "no-user-site", Summary: "Keep the home directory out of the search.", Kind: check.SetEnv, Risk: check.Low,
			Preview: []string{"export PYTHONNOUSERSITE=1"},
		}},
		Verify: []string{quote(e.Python) + " -m site"},
	})
}

// isHarmedBy reports whether packages from elsewhere do not fit those of the
// environment that are compiled against them.
func (e *environment) isHarmedBy(packages []observed.Package) bool {
	reasons, _, _ := e.builtForNumPy1()
	misses, _ := get[[]observed.ABIMiss](e, observed.TorchABI)
	unfit := len(misses) > 0 || slices.ContainsFunc(e.conflicts(), func(c conflict) bool { return namedElsewhere(c) == codeCompanion })
	return slices.ContainsFunc(packages, func(p observed.Package) bool {
		return len(reasons) > 0 && pep508.Normalize(p.Name) == "numpy" || unfit && isOfTorch(p.Name)
	})
}

var requiresPython = check.Check{
	Code: "python.requires-python", Title: "Package is not made for this version of Python", Area: areaPython,
	Needs: []string{need(observed.Packages), need(observed.Version)},
	Doc: check.Doc{
		Meaning:    "A package is installed although its metadata excludes this version of Python.",
		Detection:  "Requires-Python of each distribution is compared with the interpreter's version.",
		Cause:      "The environment was copied from another Python, or the package was installed with --ignore-requires-python or --no-deps from a file.",
		Fix:        "Install a release that supports this Python, or make the environment with a Python that the package supports.",
		Verify:     "Install the package with pip in a fresh environment.",
		References: []string{"https://packaging.python.org/en/latest/specifications/core-metadata/#requires-python"},
	},
	Run: perEnvironment(lookRequiresPython),
}

func lookRequiresPython(e *environment) {
	versions := pythonVersions(e.Version)
	var bad []string
	var packages []observed.Package
	for _, all := range e.packages() {
		if p := all[0]; p.RequiresPython != "" && excludes(p.RequiresPython, versions) {
			bad = append(bad, fmt.Sprintf("%s %s requires Python %s", p.Name, p.Version, p.RequiresPython))
			packages = append(packages, p)
		}
	}
	if len(bad) == 0 {
		return
	}
	slices.Sort(bad)
	var names []string
	for _, p := range packages {
		names = append(names, pep508.Normalize(p.Name))
	}
	e.report(check.Finding{
		Detail:   fmt.Sprintf("The interpreter is Python %s, but %s.", e.Version, listed(bad)),
		Cause:    "The packages were installed by another Python or past the installer's test.",
		Evidence: append(e.ctx.Evidence(e.at(observed.Version)), evidenceOf(e, packages...)...),
		Remedies: []check.Remedy{e.install("Let pip choose releases for this Python.", append([]string{"--force-reinstall"}, unique(names)...)...)},
		Verify:   []string{e.pipCheck()},
	})
}
