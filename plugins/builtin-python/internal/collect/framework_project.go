// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Bounds on a project's requirements.
const (
	maxRequirementFiles = 16
	maxRequirementBytes = 256 << 10
	maxAsked            = 500
)

// asked records what the project's own files require.
func asked(t *fact.Target, record *fact.Recorder) {
	dir := t.ProjectDir
	if dir == "" {
		return
	}
	var out []observed.Asking
	files := t.Glob(path.Join(escapeGlob(dir), "requirements*.txt"))
	for _, file := range files[:min(len(files), maxRequirementFiles)] {
		out = append(out, located(file, ParseRequirementsFile(readHead(t, file, maxRequirementBytes)))...)
	}
	file := path.Join(dir, "pyproject.toml")
	project := readHead(t, file, maxRequirementBytes)
	out = append(out, located(file, append(ParseProjectDependencies(project), projectIndex(project)...))...)
	if len(out) > 0 {
		record.Add(observed.Asked, out[:min(len(out), maxAsked)])
	}
}

func located(file string, list []observed.Asking) []observed.Asking {
	for i := range list {
		list[i].Path = file
	}
	return list
}

// isCPUIndex recognises an option that names torch's index of builds without
// CUDA.
func isCPUIndex(option string) bool {
	name, url, ok := strings.Cut(strings.Replace(option, "=", " ", 1), " ")
	return ok && (name == "-i" || name == "--index-url" || name == "--extra-index-url") &&
		strings.TrimSpace(url) == "https://download.pytorch.org/whl/cpu"
}

// ParseRequirementsFile reads the requirement lines of a requirements file;
// options, references to other files and what PEP 508 does not allow are left
// out, but for the option that names torch's index for CPUs, which has no name.
func ParseRequirementsFile(data []byte) []observed.Asking {
	var out []observed.Asking
	for i, line := range strings.Split(string(data), "\n") {
		text, _, _ := strings.Cut(strings.TrimSpace(line), " #")
		text, _, _ = strings.Cut(text, " --") // per-requirement options such as --hash
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), `\`))
		if option := strings.TrimRight(strings.TrimSpace(line), "/"); isCPUIndex(option) {
			out = append(out, observed.Asking{Requirement: option, Line: i + 1})
		}
		if text == "" || text[0] == '#' || text[0] == '-' {
			continue
		}
		out = appendAsking(out, text, i+1)
	}
	return out
}

func appendAsking(out []observed.Asking, text string, line int) []observed.Asking {
	r, err := pep508.Parse(text)
	name := pep508.Normalize(r.Name)
	if err != nil || strings.Trim(name, "-") == "" || len(out) >= maxAsked {
		return out
	}
	return append(out, observed.Asking{Name: name, Requirement: text, Line: line})
}

var quotedString = pattern(`"([^"\\]{1,300})"|'([^']{1,300})'`)

// ParseProjectDependencies reads the strings of the array dependencies in the
// table [project] of pyproject.toml (PEP 621), line by line: all that is asked
// of TOML here is that array.
func ParseProjectDependencies(data []byte) []observed.Asking {
	var out []observed.Asking
	table, inside := "", false
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if !inside {
			if name, ok := tableName(line); ok {
				table = name
			}
			rest, ok := arrayStart(line)
			if table != "project" || !ok {
				continue
			}
			line, inside = rest, true
		}
		for _, m := range quotedString().FindAllStringSubmatch(withoutComment(line), -1) {
			out = appendAsking(out, m[1]+m[2], i+1)
		}
		if bare := quotedString().ReplaceAllString(withoutComment(line), ""); strings.Contains(bare, "]") {
			inside = false
		}
	}
	return out
}

var torchIndex = pattern(`https://download\.pytorch\.org/whl/([a-z0-9._/]*[a-z0-9])`)

// projectIndex recognises a pyproject.toml that takes torch from its index for
// CPUs: uv, Poetry and PDM have a table for indexes. One that names others too, or
// says for which platform, leaves the choice to whoever installs.
func projectIndex(data []byte) []observed.Asking {
	var out []observed.Asking
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(withoutComment(strings.TrimSpace(line)))
		m := torchIndex().FindStringSubmatch(line)
		switch {
		case m != nil && m[1] != "cpu", strings.HasPrefix(line, "torch") && strings.Contains(line, "marker"):
			return nil
		case m != nil:
			out = []observed.Asking{{Requirement: "index " + m[0], Line: i + 1}}
		}
	}
	return out
}

func tableName(line string) (string, bool) {
	name, ok := strings.CutPrefix(line, "[")
	name, _, closed := strings.Cut(name, "]")
	return strings.TrimSpace(name), ok && closed
}

func arrayStart(line string) (string, bool) {
	key, value, ok := strings.Cut(line, "=")
	rest, array := strings.CutPrefix(strings.TrimSpace(value), "[")
	return rest, ok && array && strings.TrimSpace(key) == "dependencies"
}

// withoutComment cuts a comment that starts a line or follows the last string.
func withoutComment(line string) string {
	if strings.HasPrefix(line, "#") {
		return ""
	}
	end := strings.LastIndexAny(line, `"'`)
	if at := strings.IndexByte(line[end+1:], '#'); at >= 0 {
		return line[:end+1+at]
	}
	return line
}
