// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/dockerfile"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/shell"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var projectCollector = fact.Collector{
	Name:    "project",
	Summary: "Dockerfiles, compose files and development containers of the project directory",
	Facts: []fact.Description{
		{Address: "docker.files", Summary: "files: {path, kind}, the kind dockerfile, compose or devcontainer", Type: "list"},
		{Address: "dockerfile.stages", Summary: "build stages: {line, name, image, base, base_line, below, platform, index, cuda, commands, installs}; installs are the commands that install Python packages", Type: "list"},
		{Address: "compose.services", Summary: "services: {name, line, image, image_line, build, target, command, gpu, reserved, runtime, runtime_line, shm_bytes, shm_line, shares_shm, extends, off}", Type: "list"},
		{Address: "devcontainer.config", Summary: "development container: {image, line, build, target, compose, gpu}", Type: "object"},
		{Address: "dockerfile.redirected_requirements", Summary: "requirements that the shell cuts at > or <: " +
			"{line, start, end, text, requirement, operator, target, installer, quote}; start and end are byte columns of the line", Type: "list"},
	},
	Collect: func(ctx context.Context, t *fact.Target, r *fact.Recorder) error {
		if !path.IsAbs(t.ProjectDir) {
			return nil
		}
		files := projectFiles(t)
		if len(files) > 0 {
			r.Add("docker.files", files)
		}
		for _, f := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			switch f.Kind {
			case "dockerfile":
				collectDockerfile(t, r, f.Path)
			case "compose":
				collectCompose(t, r, f.Path)
			case "devcontainer":
				collectDevcontainer(t, r, f.Path)
			}
		}
		return nil
	},
}

// projectFile is an element of docker.files.
type projectFile struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
}

// filePatterns are the names that docker, podman and compose look for, and
// those that people give to several files of a project.
var filePatterns = []struct{ kind, pattern string }{
	{"dockerfile", "Dockerfile*"}, {"dockerfile", "*.dockerfile"}, {"dockerfile", "*.Dockerfile"}, {"dockerfile", "Containerfile*"},
	{"compose", "docker-compose*.y*ml"}, {"compose", "compose*.y*ml"},
	{"dockerfile", "*/Dockerfile*"}, {"dockerfile", "*/*.dockerfile"}, {"dockerfile", ".devcontainer/Dockerfile*"},
	{"compose", ".devcontainer/docker-compose*.y*ml"}, {"compose", ".devcontainer/compose*.y*ml"},
	{"devcontainer", ".devcontainer.json"}, {"devcontainer", ".devcontainer/devcontainer.json"}, {"devcontainer", ".devcontainer/*/devcontainer.json"},
}

// maxFiles bounds the files of a project that are looked at.
const maxFiles = 100

func projectFiles(t *fact.Target) []projectFile {
	var out []projectFile
	for _, p := range filePatterns {
		for _, name := range t.Glob(path.Join(t.ProjectDir, p.pattern)) {
			f := projectFile{Path: name, Kind: p.kind}
			if len(out) < maxFiles && !strings.HasSuffix(name, ".dockerignore") && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// redirected is an element of dockerfile.redirected_requirements.
type redirected struct {
	Line int `json:"line"`
	// Start and End are byte columns of Text; both 0 where the place inside the
	// line is not known.
	Start int `json:"start"`
	End   int `json:"end"`
	// Text is the line of the file.
	Text        string `json:"text"`
	Requirement string `json:"requirement"`
	Operator    string `json:"operator"`
	Target      string `json:"target"`
	Installer   string `json:"installer"`
	// Quote is the mark around the script, as in sh -c "...".
	Quote string `json:"quote,omitempty"`
}

// maxRedirected bounds the elements of a file.
const maxRedirected = 200

// maxLine bounds the text of a line in a fact, in bytes.
const maxLine = 2000

// maxDockerfile bounds a file, in bytes; those of large projects have some 20 KiB.
const maxDockerfile = 256 << 10

func collectDockerfile(t *fact.Target, r *fact.Recorder, name string) {
	address := fact.At("dockerfile", name, "redirected_requirements")
	data, err := t.ReadFile(name)
	if err != nil {
		r.Unknown(address, err.Error(), fact.File(name, 0, ""))
		return
	}
	if len(data) > maxDockerfile {
		r.Unknown(address, fmt.Sprintf("the file has %d bytes, more than the %d that are read of a Dockerfile", len(data), maxDockerfile), fact.File(name, 0, ""))
		return
	}
	found := []redirected{}
	evidence := []fact.Evidence{}
	lines := dockerfile.Lines(data)
	for _, script := range dockerfile.Scripts(data) {
		for _, lost := range shell.FindLost(script.Text) {
			if len(found) == maxRedirected {
				break
			}
			f := placed(script, lost, lines)
			found = append(found, f)
			evidence = append(evidence, fact.File(name, f.Line, f.Text))
		}
	}
	r.Add(address, found, evidence...)
	collectStages(r, name, data)
}

// placed turns the offsets of a script into a line and columns of the file.
func placed(script dockerfile.Script, lost shell.Lost, lines []string) redirected {
	line, start := script.Position(lost.Start)
	endLine, end := script.Position(lost.End - 1)
	f := redirected{
		Line: line, Text: lines[line-1], Requirement: lost.Requirement,
		Operator: lost.Operator, Target: lost.Target, Installer: lost.Installer,
	}
	if lost.Quote != 0 {
		f.Quote = string(lost.Quote)
	}
	if len(f.Text) > maxLine {
		f.Text = strings.ToValidUTF8(f.Text[:maxLine], "")
	}
	if script.Exact && lost.Exact && line == endLine && end < len(f.Text) && start >= 0 {
		f.Start, f.End = start, end+1
	}
	return f
}
