// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/dockerfile"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/shell"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// stage is an element of dockerfile.stages.
type stage struct {
	// Line of the FROM instruction.
	Line int    `json:"line"`
	Name string `json:"name,omitempty"`
	// Image of this FROM, and Base the image under all stages below it; "" where
	// a variable without a value decides.
	Image string `json:"image,omitempty"`
	Base  string `json:"base,omitempty"`
	// BaseLine is the line on which the base is named.
	BaseLine int `json:"base_line"`
	// Below are the indexes of the stages that this one stands on.
	Below []int `json:"below,omitempty"`
	// Platform of the FROM instruction.
	Platform string `json:"platform,omitempty"`
	// Index is true where the stage or one below it chooses a package index for
	// all commands, by a variable, a configuration file or pip config.
	Index bool `json:"index"`
	// CUDA is true where the stage or one below it may bring libraries of CUDA by
	// other means than pip: a package of the distribution or of conda, or a copy.
	CUDA bool `json:"cuda"`
	// Commands are the words of CMD and ENTRYPOINT.
	Commands string    `json:"commands,omitempty"`
	Installs []install `json:"installs,omitempty"`
}

// install is a command of a stage that installs packages.
type install struct {
	Line         int      `json:"line"`
	Installer    string   `json:"installer"`
	Requirements []string `json:"requirements,omitempty"`
	Indexes      []string `json:"indexes,omitempty"`
	Files        []string `json:"files,omitempty"`
}

// Bounds of the lists of a file.
const (
	maxInstalls     = 200
	maxRequirements = 500
	maxCommands     = 2000 // bytes
)

func collectStages(r *fact.Recorder, name string, data []byte) {
	parsed := dockerfile.Stages(data)
	if len(parsed) == 0 {
		return
	}
	out := make([]stage, 0, len(parsed))
	var (
		evidence    []fact.Evidence
		index, cuda []bool // of each stage by itself
	)
	for i, p := range parsed {
		index, cuda = append(index, choosesIndex(p)), append(cuda, bringsCUDA(p))
		s := stage{Line: p.Line, Name: p.Name, Image: p.Image, Platform: p.Platform, Commands: p.Commands[:min(len(p.Commands), maxCommands)]}
		base, chain := dockerfile.Base(parsed, i)
		s.Base, s.Below = base, chain[1:]
		s.BaseLine = parsed[chain[len(chain)-1]].Line
		s.Index = slices.ContainsFunc(chain, func(at int) bool { return index[at] })
		s.CUDA = slices.ContainsFunc(chain, func(at int) bool { return cuda[at] })
		s.Installs = installsOf(p)
		out = append(out, s)
		evidence = append(evidence, fact.File(name, p.Line, "FROM "+p.Image))
	}
	r.Add(fact.At("dockerfile", name, "stages"), out, evidence...)
}

// cudaWords are parts of commands that bring libraries of CUDA, or that install
// from a file which is not looked at and may.
var cudaWords = pattern.Lazy(`cudnn|cuda-?toolkit|libcublas|cuda-(?:libraries|runtime|nvrtc|cudart|compat|\d)|local/cuda|\bcuda_\d|install[^;&|]*\scuda(?:\s|$)|` +
	`(?:conda|mamba)\s(?:[^;&|]*\s)?(?:env\s+(?:create|update)|-f|--file|-n\s+\S+\s+-f)\b|(?:uv|pdm|pipenv|pixi|poetry)\s+(?:sync|install)\b`)

func bringsCUDA(p dockerfile.Stage) bool {
	return slices.ContainsFunc(p.Copied, func(word string) bool { return strings.Contains(word, "cuda") }) ||
		slices.ContainsFunc(p.Scripts, func(s dockerfile.Script) bool { return cudaWords().MatchString(s.Text) })
}

func installsOf(p dockerfile.Stage) []install {
	var out []install
	left := maxRequirements
	for _, script := range p.Scripts {
		for _, found := range shell.FindInstalls(script.Text) {
			if len(out) == maxInstalls || left <= 0 {
				return out
			}
			line, _ := script.Position(found.Start)
			requirements := found.Requirements[:min(len(found.Requirements), left)]
			left -= len(requirements)
			out = append(out, install{Line: line, Installer: found.Installer, Requirements: requirements, Indexes: withoutUsers(found.Indexes), Files: found.Files})
		}
	}
	return out
}

// withoutUsers drops what stands before an "@", which may be a password.
func withoutUsers(addresses []string) []string {
	out := slices.Clone(addresses)
	for i, a := range out {
		if at := strings.LastIndexByte(a, '@'); at >= 0 {
			out[i] = "***" + a[at:]
		}
	}
	return out
}

// indexVariables choose the index of pip and uv.
var indexVariables = []string{
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_NO_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_DEFAULT_INDEX",
	"UV_FIND_LINKS", "UV_CONFIG_FILE", "UV_TORCH_BACKEND",
}

// choosesIndex looks for anything that may change where packages come from. Where
// in doubt it says yes, since a check then keeps quiet.
func choosesIndex(p dockerfile.Stage) bool {
	for _, name := range indexVariables {
		if _, ok := p.Env[name]; ok {
			return true
		}
	}
	settings := func(word string) bool {
		return strings.Contains(word, "pip.conf") || strings.Contains(word, "uv.toml") || strings.Contains(word, "pyproject.toml")
	}
	if slices.ContainsFunc(p.Copied, settings) {
		return true
	}
	return slices.ContainsFunc(p.Scripts, func(s dockerfile.Script) bool {
		return strings.Contains(s.Text, "pip config") || settings(s.Text) ||
			slices.ContainsFunc(indexVariables, func(name string) bool { return strings.Contains(s.Text, name+"=") })
	})
}
