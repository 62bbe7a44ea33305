// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/compose"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/jsonc"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func collectCompose(t *fact.Target, r *fact.Recorder, name string) {
	address := fact.At("compose", name, "services")
	data, err := t.ReadFile(name)
	if err != nil {
		r.Unknown(address, err.Error(), fact.File(name, 0, ""))
		return
	}
	services, err := compose.Parse(data)
	if err != nil {
		r.Unknown(address, err.Error(), fact.File(name, 0, ""))
		return
	}
	var evidence []fact.Evidence
	for _, s := range services {
		evidence = append(evidence, fact.File(name, s.Line, s.Name+": "+s.Image))
	}
	r.Add(address, services, evidence...)
}

// devcontainer is the value of devcontainer.config.
type devcontainer struct {
	// Image that it starts, and the line where it is named.
	Image string `json:"image,omitempty"`
	Line  int    `json:"line"`
	// Build is the path of the Dockerfile relative to the file; "" for none.
	Build string `json:"build,omitempty"`
	// Target is the stage that is built, in lower case; "" for the last.
	Target string `json:"target,omitempty"`
	// Compose is true where a compose file starts it.
	Compose bool `json:"compose"`
	// GPU is true where a GPU is asked for.
	GPU bool `json:"gpu"`
}

// devcontainerFile is what is read of a devcontainer.json.
type devcontainerFile struct {
	Image      string `json:"image"`
	DockerFile string `json:"dockerFile"`
	Build      struct {
		Dockerfile string `json:"dockerfile"`
		Target     string `json:"target"`
	} `json:"build"`
	Compose          json.RawMessage `json:"dockerComposeFile"`
	RunArgs          []string        `json:"runArgs"`
	HostRequirements struct {
		GPU json.RawMessage `json:"gpu"`
	} `json:"hostRequirements"`
}

// maxDevcontainer bounds a file, in bytes.
const maxDevcontainer = 1 << 20

func collectDevcontainer(t *fact.Target, r *fact.Recorder, name string) {
	address := fact.At("devcontainer", name, "config")
	data, err := t.ReadFile(name)
	if err != nil || len(data) > maxDevcontainer {
		r.Unknown(address, "the file cannot be read or is too large", fact.File(name, 0, ""))
		return
	}
	var f devcontainerFile
	if err := json.Unmarshal(jsonc.Plain(data), &f); err != nil {
		r.Unknown(address, "not a valid devcontainer.json: "+err.Error(), fact.File(name, 0, ""))
		return
	}
	c := devcontainer{Image: f.Image, Build: f.Build.Dockerfile, Target: strings.ToLower(f.Build.Target), Compose: len(f.Compose) > 0, GPU: f.asksGPU()}
	key := `"image"`
	if c.Build == "" {
		c.Build = f.DockerFile
	}
	if c.Image == "" {
		key = `"build"`
	}
	if strings.Contains(c.Image, "$") {
		c.Image = ""
	}
	c.Line = max(1, jsonc.Line(data, key))
	r.Add(address, c, fact.File(name, c.Line, c.Image+c.Build))
}

// asksGPU reads runArgs and hostRequirements; "optional" and an object ask too.
func (f devcontainerFile) asksGPU() bool {
	args := strings.Join(f.RunArgs, " ")
	for _, word := range []string{"--gpus", "nvidia", "/dev/dxg", "/dev/dri"} {
		if strings.Contains(args, word) {
			return true
		}
	}
	gpu := string(f.HostRequirements.GPU)
	return gpu != "" && gpu != "false" && gpu != "null"
}

// projectRelative joins a path of a file of the project to that file's directory.
func projectRelative(file, name string) string { return path.Join(path.Dir(file), name) }
