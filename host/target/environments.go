// SPDX-License-Identifier: Apache-2.0

package target

import (
	"path"
	"strings"
)

// maxEnvironments bounds how many environments AllPythons stands for.
const maxEnvironments = 64

// environmentPlaces are where tools keep environments, as patterns; "~" is the
// home and "." the project. Their documentation: venv and virtualenvwrapper,
// conda, mamba and pixi, uv, pyenv, pipx, Poetry, Hatch and PDM.
var environmentPlaces = []string{
	"./.venv", "./venv", "./env", "./*/.venv", "./.pixi/envs/*",
	"~/.venv", "~/venv", "~/.virtualenvs/*", "~/venvs/*", "~/.venvs/*", "~/envs/*",
	"~/miniconda3", "~/anaconda3", "~/miniforge3", "~/mambaforge", "~/micromamba",
	"~/miniconda3/envs/*", "~/anaconda3/envs/*", "~/miniforge3/envs/*", "~/mambaforge/envs/*", "~/micromamba/envs/*", "~/.conda/envs/*",
	"/opt/conda", "/opt/conda/envs/*", "/opt/miniconda3", "/opt/miniconda3/envs/*", "/opt/anaconda3", "/opt/anaconda3/envs/*", "/opt/venv", "/venv",
	"~/.pyenv/versions/*", "~/.local/share/uv/tools/*", "~/.local/share/uv/python/*",
	"~/.local/share/pipx/venvs/*", "~/.local/pipx/venvs/*", "~/.cache/pypoetry/virtualenvs/*",
	"~/.local/share/hatch/env/virtual/*/*/*", "~/.local/share/pdm/venvs/*",
	"/usr/bin/python3", "/usr/local/bin/python3",
}

// environments are the environments in those places, and those that conda lists.
func (m *Machine) environments(t *tree) []string {
	var out []string
	seen := map[string]bool{}
	add := func(p string) {
		if len(out) < maxEnvironments && !seen[p] && isEnvironment(t, p) {
			seen[p] = true
			out = append(out, p)
		}
	}
	for _, place := range environmentPlaces {
		for _, pattern := range m.places(t, place) {
			for _, p := range (&search{tree: t}).glob(pattern) {
				add(p)
			}
		}
	}
	for _, line := range m.condaList(t) {
		add(line)
	}
	return out
}

// isEnvironment reports whether a path is an interpreter, or a directory that
// holds one where environments do.
func isEnvironment(t *tree, p string) bool {
	info, err := t.stat(p)
	if err != nil {
		return false
	}
	return !info.IsDir() || holdsPython(t, path.Join(p, "bin")) || holdsPython(t, path.Join(p, "Scripts"))
}

// condaList is ~/.conda/environments.txt: one prefix a line.
func (m *Machine) condaList(t *tree) []string {
	data, err := t.read(path.Join(m.Home, ".conda/environments.txt"), maxMachineBytes)
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if p := strings.TrimSpace(line); path.IsAbs(p) {
			out = append(out, path.Clean(p))
		}
	}
	return out
}
