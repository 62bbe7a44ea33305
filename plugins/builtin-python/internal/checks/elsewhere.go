// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var kernelBroken = check.Check{
	Code: codeKernelBroken, Title: "Jupyter kernel without its interpreter", Area: areaPython,
	Needs: []string{observed.Kernels},
	Doc: check.Doc{
		Meaning:    "A notebook that is opened with the kernel stays at \"Kernel starting\", or Jupyter says \"No such file or directory\".",
		Detection:  "kernel.json of every kernel is read and the interpreter in argv is looked for. A place that the plugin may not see is never reported.",
		Cause:      "The environment of the kernel was deleted, moved or made again with another version of Python; its kernel specification stayed.",
		Fix:        "Register the kernel again from the environment, or remove the specification.",
		Verify:     "Run jupyter kernelspec list and start the kernel.",
		References: []string{"https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs", "https://ipython.readthedocs.io/en/stable/install/kernel_install.html"},
	},
	Run: func(ctx *check.Context) {
		for _, k := range kernels(ctx) {
			if k.State == observed.InterpreterMissing {
				reportKernel(ctx, k)
			}
		}
	},
}

func kernels(ctx *check.Context) []observed.Kernel {
	v, _ := fact.Get[[]observed.Kernel](ctx.Facts, observed.Kernels)
	return v
}

func reportKernel(ctx *check.Context, k observed.Kernel) {
	interpreter := k.Resolved
	if interpreter == "" {
		interpreter = k.Interpreter
	}
	remedies := []check.Remedy{{
		ID: "remove-kernel", Summary: "Remove the specification, and register the kernel from an environment that is there.", Kind: check.Advice, Risk: check.Low,
		Preview: []string{"jupyter kernelspec remove -y " + quote(k.Name)},
	}}
	if all := observed.Environments(ctx.Facts); len(all) > 0 && all[0].Python != "" {
		remedies[0].Preview = append(remedies[0].Preview, quote(all[0].Python)+" -m ipykernel install --user --name "+quote(k.Name))
	}
	ctx.Report(check.Finding{
		Severity: check.Warning, Subject: k.Path,
		Title:    fmt.Sprintf("Jupyter kernel %s leads to no interpreter", k.Name),
		Detail:   fmt.Sprintf("%s starts %s, which does not exist.", k.Path, interpreter),
		Cause:    "The environment of the kernel was removed or moved.",
		Evidence: []fact.Evidence{{Fact: observed.Kernels, Path: k.Path, Value: k.Interpreter}},
		Remedies: remedies,
		Verify:   []string{"jupyter kernelspec list"},
	})
}

var kernelElsewhere = check.Check{
	Code: "jupyter.kernel-elsewhere", Title: "Jupyter kernel runs another environment", Area: areaPython,
	Needs: []string{observed.Kernels, observed.Envs},
	Doc: check.Doc{
		Meaning:    "A package is installed in the environment, and a notebook says \"No module named ...\", because its kernel runs another Python.",
		Detection:  "The prefix of a kernel's interpreter is compared with the environment in which its specification lies, and the user's kernel python3, which goes before that of every environment, with the environment in use. Kernels of other names are made on purpose and not judged.",
		Cause:      "ipykernel install --user was run from another environment, or the environment was copied with its kernel specification.",
		Fix:        "Register the kernel from the environment under a name of its own.",
		Verify:     "Print sys.prefix in a notebook.",
		References: []string{"https://ipython.readthedocs.io/en/stable/install/kernel_install.html#kernels-for-different-environments", "https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs"},
	},
	Run: func(ctx *check.Context) {
		all := observed.Environments(ctx.Facts)
		for _, k := range kernels(ctx) {
			if meant := meantEnvironment(k, all); k.State == observed.InterpreterOK && k.Prefix != "" && meant.Prefix != "" && meant.Prefix != k.Prefix {
				reportElsewhere(ctx, k, meant)
			}
		}
	},
}

// meantEnvironment is the environment that a user of the kernel expects.
func meantEnvironment(k observed.Kernel, all []observed.Environment) observed.Environment {
	if k.Environment != "" {
		python := path.Join(k.Environment, "bin/python")
		return observed.Environment{Prefix: k.Environment, Python: python}
	}
	if k.Name == "python3" && len(all) > 0 && all[0].Kind != "system" {
		return all[0]
	}
	return observed.Environment{}
}

func reportElsewhere(ctx *check.Context, k observed.Kernel, meant observed.Environment) {
	name := path.Base(meant.Prefix)
	ctx.Report(check.Finding{
		Severity: check.Info, Subject: k.Path,
		Title:    fmt.Sprintf("Jupyter kernel %s runs %s", k.Name, k.Prefix),
		Detail:   fmt.Sprintf("%s starts %s, so notebooks see the packages of %s and not those of %s.", k.Path, k.Interpreter, k.Prefix, meant.Prefix),
		Cause:    "The kernel was registered from another environment.",
		Evidence: []fact.Evidence{{Fact: observed.Kernels, Path: k.Path, Value: k.Interpreter}},
		Remedies: []check.Remedy{{
			ID: "register-kernel", Summary: "Register a kernel for the environment and choose it in the notebook.", Kind: check.Advice, Risk: check.Low,
			Preview: []string{quote(meant.Python) + " -m ipykernel install --user --name " + quote(name)},
		}},
		Verify: []string{"jupyter kernelspec list"},
	})
}

var editorInterpreter = check.Check{
	Code: codeEditor, Title: "Editor is set to an interpreter that is not there", Area: areaPython,
	Needs: []string{observed.Editors},
	Doc: check.Doc{
		Meaning:    "The editor runs, lints and debugs the project with another Python than you meant, or with none, because the interpreter in its settings does not exist.",
		Detection:  "The interpreter that the project's settings of VS Code or PyCharm name is looked for. A place that the plugin may not see is never reported.",
		Cause:      "The settings came with the repository from another machine, or the environment was deleted or moved.",
		Fix:        "Choose the interpreter of the project's environment in the editor.",
		Verify:     "Open the project and look at the interpreter in the status bar.",
		References: []string{"https://code.visualstudio.com/docs/python/environments", "https://www.jetbrains.com/help/pycharm/configuring-python-interpreter.html"},
	},
	Run: func(ctx *check.Context) {
		all, _ := fact.Get[[]observed.EditorInterpreter](ctx.Facts, observed.Editors)
		for _, e := range all {
			if e.State == observed.InterpreterMissing {
				reportEditor(ctx, e)
			}
		}
	},
}

func reportEditor(ctx *check.Context, e observed.EditorInterpreter) {
	interpreter := e.Resolved
	if interpreter == "" {
		interpreter = e.Value
	}
	choose := "In " + e.Editor + ", choose an interpreter that is there."
	if all := observed.Environments(ctx.Facts); len(all) > 0 && all[0].Python != "" {
		choose = "In " + e.Editor + ", choose " + all[0].Python + "."
	}
	ctx.Report(check.Finding{
		Severity: check.Warning, Subject: e.Path,
		Title:    e.Editor + " is set to an interpreter that is not there",
		Detail:   fmt.Sprintf("%s sets %s to %s, which does not exist.", e.Path, e.Setting, interpreter),
		Cause:    "The environment was removed or moved, or the setting is of another machine.",
		Evidence: []fact.Evidence{{Fact: observed.Editors, Path: e.Path, Line: e.Line, Value: e.Value}},
		Remedies: []check.Remedy{{ID: "choose-interpreter", Summary: choose, Kind: check.Advice, Risk: check.Low}},
		Verify:   []string{"ls -l " + quote(interpreter)},
	})
}
