// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// Names of editors.
const (
	vsCode  = "VS Code"
	pyCharm = "PyCharm"
)

// editors reads what the editors of the project are set to.
func (s *searcher) editors() {
	project := s.target.ProjectDir
	if project == "" {
		return
	}
	s.vsCode(path.Join(project, ".vscode/settings.json"), false)
	for _, file := range s.target.Glob(path.Join(escapeGlob(project), "*.code-workspace")) {
		s.vsCode(file, true)
	}
	s.pyCharm(project)
}

func (s *searcher) badSettings(file string, err error) {
	if s.found.EditorFiles == nil {
		s.found.EditorFiles = map[string]string{}
	}
	s.found.EditorFiles[file] = err.Error()
}

// addEditor adds what a setting names.
func (s *searcher) addEditor(e observed.EditorInterpreter, resolved string) {
	e.State = observed.InterpreterUnseen
	if path.IsAbs(resolved) {
		e.Resolved = path.Clean(resolved)
		e.State, _ = stateOf(s.target, e.Resolved)
	}
	s.found.Editors = append(s.found.Editors, e)
}

// vsCodeKeys name an interpreter; the second is that of releases before 2021.
var vsCodeKeys = []string{"python.defaultInterpreterPath", "python.pythonPath"}

// vsCode reads settings.json, or the settings in a .code-workspace file.
func (s *searcher) vsCode(file string, workspace bool) {
	if !s.target.Exists(file) {
		return
	}
	data, err := readSettings(s.target, file)
	if err != nil {
		s.badSettings(file, err)
		return
	}
	settings, err := ParseVSCode(data, workspace)
	if err != nil {
		s.badSettings(file, err)
		return
	}
	for _, v := range settings {
		if v.Key == venvPathKey {
			s.venvPaths = append(s.venvPaths, s.variables(v.Value))
			continue
		}
		s.addEditor(observed.EditorInterpreter{
			Editor: vsCode, Path: file, Line: v.Line, Setting: v.Key, Value: v.Value,
		}, s.variables(v.Value))
	}
}

// venvPathKey is a directory of environments.
const venvPathKey = "python.venvPath"

// Setting is one value of a file of settings.
type Setting struct {
	Key, Value string
	Line       int
}

// ParseVSCode reads the settings of Python from VS Code's JSON with comments;
// workspace tells that they stand below "settings". The argument is changed.
func ParseVSCode(data []byte, workspace bool) ([]Setting, error) {
	data = plainJSON(data)
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, fmt.Errorf("it is no JSON with comments: %w", err)
	}
	if workspace {
		inner := top["settings"]
		top = nil
		_ = json.Unmarshal(inner, &top) // settings of another form hold nothing for us
	}
	var out []Setting
	for _, key := range append([]string{venvPathKey}, vsCodeKeys...) {
		var value string
		if json.Unmarshal(top[key], &value) == nil && value != "" && !strings.ContainsRune(value, 0) {
			out = append(out, Setting{Key: key, Value: value, Line: lineOfString(data, key)})
		}
	}
	return out, nil
}

// variables replaces what VS Code would; what is left of "${...}" is not known.
func (s *searcher) variables(value string) string {
	t := s.target
	value = strings.NewReplacer(
		"${workspaceFolder}", t.ProjectDir, "${workspaceRoot}", t.ProjectDir, "${userHome}", t.Home,
	).Replace(value)
	if rest, ok := strings.CutPrefix(value, "~/"); ok && t.Home != "" {
		value = path.Join(t.Home, rest)
	}
	if name, rest, ok := strings.Cut(strings.TrimPrefix(value, "${env:"), "}"); ok && strings.HasPrefix(value, "${env:") && t.Env[name] != "" {
		value = t.Env[name] + rest
	}
	if strings.Contains(value, "/") && !path.IsAbs(value) && !strings.Contains(value, "$") {
		value = path.Join(t.ProjectDir, value)
	}
	return value
}
