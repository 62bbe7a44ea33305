// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Place is where a tool keeps environments. The plugin's manifest grants the
// configuration and the interpreters in each, so that what is absent there is
// really absent.
type Place struct {
	// Pattern of the environments' prefixes, in the form of a granted path: it
	// starts with "/", "~/", "./" (the project) or "$NAME/".
	Pattern string
	Manager string
	// Conda tells that environments have conda-meta and no pyvenv.cfg.
	Conda bool
	// Program marks environments that hold one program each and are not worked in.
	Program bool
}

// programs is the directory of the interpreter below a prefix.
func (p Place) programs() string {
	switch {
	case !strings.Contains(p.Pattern, "AppData"):
		return "bin"
	case p.Manager == "system":
		return ""
	}
	return "Scripts"
}

// Places lists where environments are kept by default, and where variables of
// the tools move that to.
var Places = []Place{
	{Pattern: "./.venv", Manager: "project"},
	{Pattern: "./venv", Manager: "project"},
	{Pattern: "./env", Manager: "project"},
	{Pattern: "./.conda", Manager: "project", Conda: true},
	{Pattern: "./.pixi/envs/*", Manager: "pixi", Conda: true},
	{Pattern: "./.tox/*", Manager: "tox"},
	{Pattern: "./.nox/*", Manager: "nox"},
	{Pattern: "/opt/conda", Manager: "conda", Conda: true},
	{Pattern: "/opt/conda/envs/*", Manager: "conda", Conda: true},
	{Pattern: "/opt/miniconda3", Manager: "conda", Conda: true},
	{Pattern: "/opt/miniconda3/envs/*", Manager: "conda", Conda: true},
	{Pattern: "/opt/miniforge3", Manager: "conda", Conda: true},
	{Pattern: "/opt/miniforge3/envs/*", Manager: "conda", Conda: true},
	{Pattern: "/opt/anaconda3", Manager: "conda", Conda: true},
	{Pattern: "/opt/anaconda3/envs/*", Manager: "conda", Conda: true},
	{Pattern: "~/miniconda3", Manager: "conda", Conda: true},
	{Pattern: "~/miniconda3/envs/*", Manager: "conda", Conda: true},
	{Pattern: "~/miniforge3", Manager: "conda", Conda: true},
	{Pattern: "~/miniforge3/envs/*", Manager: "conda", Conda: true},
	{Pattern: "~/mambaforge", Manager: "conda", Conda: true},
	{Pattern: "~/mambaforge/envs/*", Manager: "conda", Conda: true},
	{Pattern: "~/anaconda3", Manager: "conda", Conda: true},
	{Pattern: "~/anaconda3/envs/*", Manager: "conda", Conda: true},
	{Pattern: "~/.conda/envs/*", Manager: "conda", Conda: true},
	{Pattern: "$CONDA_ENVS_PATH/*", Manager: "conda", Conda: true},
	{Pattern: "$CONDA_ENVS_DIRS/*", Manager: "conda", Conda: true},
	{Pattern: "~/micromamba", Manager: "micromamba", Conda: true},
	{Pattern: "~/micromamba/envs/*", Manager: "micromamba", Conda: true},
	{Pattern: "~/.local/share/mamba/envs/*", Manager: "micromamba", Conda: true},
	{Pattern: "$MAMBA_ROOT_PREFIX/envs/*", Manager: "micromamba", Conda: true},
	{Pattern: "~/.pixi/envs/*", Manager: "pixi", Conda: true, Program: true},
	{Pattern: "~/.pyenv/versions/*", Manager: "pyenv"},
	{Pattern: "$PYENV_ROOT/versions/*", Manager: "pyenv"},
	{Pattern: "~/.local/share/uv/python/*", Manager: "uv"},
	{Pattern: "$UV_PYTHON_INSTALL_DIR/*", Manager: "uv"},
	{Pattern: "~/.local/share/uv/tools/*", Manager: "uv tool", Program: true},
	{Pattern: "$UV_TOOL_DIR/*", Manager: "uv tool", Program: true},
	{Pattern: "~/.local/share/pipx/venvs/*", Manager: "pipx", Program: true},
	{Pattern: "~/.local/pipx/venvs/*", Manager: "pipx", Program: true},
	{Pattern: "$PIPX_HOME/venvs/*", Manager: "pipx", Program: true},
	{Pattern: "/opt/pipx/venvs/*", Manager: "pipx", Program: true},
	{Pattern: "~/.cache/pypoetry/virtualenvs/*", Manager: "poetry"},
	{Pattern: "~/Library/Caches/pypoetry/virtualenvs/*", Manager: "poetry"},
	{Pattern: "~/AppData/Local/pypoetry/Cache/virtualenvs/*", Manager: "poetry"},
	{Pattern: "$POETRY_VIRTUALENVS_PATH/*", Manager: "poetry"},
	{Pattern: "~/.local/share/hatch/env/virtual/*/*/*", Manager: "hatch"},
	{Pattern: "~/Library/Application Support/hatch/env/virtual/*/*/*", Manager: "hatch"},
	{Pattern: "~/.local/share/pdm/venvs/*", Manager: "pdm"},
	{Pattern: "~/.local/share/virtualenvs/*", Manager: "pipenv"},
	{Pattern: "~/.virtualenvs/*", Manager: "virtualenvwrapper"},
	{Pattern: "$WORKON_HOME/*", Manager: "virtualenvwrapper"},
	{Pattern: "/opt/python*", Manager: "system"},
	{Pattern: "~/AppData/Local/Programs/Python/Python3*", Manager: "system"},
	{Pattern: "/Library/Frameworks/Python.framework/Versions/3.*", Manager: "system"},
}

// systemInterpreters are the patterns of interpreters in directories of programs.
var systemInterpreters = []string{"/usr/bin/python3.[0-9]*", "/usr/local/bin/python3.[0-9]*", "/opt/homebrew/bin/python3.[0-9]*"}

// patterns turns a granted path into patterns of this machine; none where it
// stands for nothing.
func patterns(t *fact.Target, p string) []string {
	first, rest, _ := strings.Cut(p, "/")
	var bases []string
	switch {
	case first == "":
		return []string{p}
	case first == "~":
		bases = []string{t.Home}
	case first == ".":
		bases = []string{t.ProjectDir}
	default:
		bases = strings.Split(t.Env[strings.TrimPrefix(first, "$")], listSeparator(t))
	}
	var out []string
	for _, base := range bases {
		if base = filepath.ToSlash(base); path.IsAbs(base) {
			out = append(out, path.Join(escapeGlob(path.Clean(base)), rest))
		}
	}
	return out
}

// isGranted reports whether an interpreter would be seen if it were there: it
// would be one of an environment in a known place.
func isGranted(t *fact.Target, file string) bool {
	for _, p := range Places {
		for _, pattern := range patterns(t, p.Pattern) {
			if ok, err := path.Match(path.Join(pattern, p.programs(), "*"), file); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// escapeGlob makes a directory name literal in a pattern of path.Match.
func escapeGlob(dir string) string { return globEscaper.Replace(dir) }

var globEscaper = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)
