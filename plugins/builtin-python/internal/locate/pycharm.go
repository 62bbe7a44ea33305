// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// pyCharm reads the name of the project's interpreter from .idea and its path
// from the tables of the installed releases, the newest first.
func (s *searcher) pyCharm(project string) {
	idea := path.Join(project, ".idea")
	files := append([]string{path.Join(idea, "misc.xml")}, s.target.Glob(path.Join(escapeGlob(idea), "*.iml"))...)
	var tables map[string]string
	for _, file := range files {
		if !s.target.Exists(file) {
			continue
		}
		setting, err := s.projectSDK(file)
		if err != nil {
			s.badSettings(file, err)
			continue
		}
		if setting.Value == "" || s.hasEditor(pyCharm, setting.Value) {
			continue
		}
		if tables == nil {
			tables = s.sdkTables()
		}
		s.addEditor(observed.EditorInterpreter{
			Editor: pyCharm, Path: file, Line: setting.Line, Setting: setting.Key, Value: setting.Value,
		}, s.pyCharmPath(tables[setting.Value]))
	}
}

func (s *searcher) hasEditor(editor, value string) bool {
	return slices.ContainsFunc(s.found.Editors, func(e observed.EditorInterpreter) bool {
		return e.Editor == editor && e.Value == value
	})
}

func (s *searcher) projectSDK(file string) (Setting, error) {
	data, err := readSettings(s.target, file)
	if err != nil {
		return Setting{}, err
	}
	return ParseProjectSDK(data)
}

// sdkTablePlaces hold one directory for each release of an editor of JetBrains.
var sdkTablePlaces = []string{
	"~/.config/JetBrains/*/options/jdk.table.xml",
	"~/Library/Application Support/JetBrains/*/options/jdk.table.xml",
	"~/AppData/Roaming/JetBrains/*/options/jdk.table.xml",
}

// maxTables bounds the releases that are looked at.
const maxTables = 16

// sdkTables maps the names of interpreters to their paths.
func (s *searcher) sdkTables() map[string]string {
	var files []string
	for _, place := range sdkTablePlaces {
		for _, pattern := range patterns(s.target, place) {
			files = append(files, s.target.Glob(pattern)...)
		}
	}
	slices.Reverse(files)
	out := map[string]string{}
	for _, file := range files[:min(maxTables, len(files))] {
		data, err := readSettings(s.target, file)
		if err == nil {
			err = ParseSDKTable(data, out)
		}
		if err != nil {
			s.badSettings(file, err)
		}
	}
	return out
}

func (s *searcher) pyCharmPath(home string) string {
	return strings.NewReplacer("$USER_HOME$", s.target.Home, "$PROJECT_DIR$", s.target.ProjectDir).Replace(home)
}

// pythonSDK is the type of interpreters of Python in files of JetBrains.
const pythonSDK = "Python SDK"

// ParseProjectSDK reads the name of the interpreter from misc.xml or an .iml
// file; the zero Setting when it names none of Python.
func ParseProjectSDK(data []byte) (Setting, error) {
	var out Setting
	err := eachElement(data, func(e xml.StartElement, line int) {
		switch {
		case out.Value != "":
		case attribute(e, "project-jdk-type") == pythonSDK:
			out = Setting{Key: "project-jdk-name", Value: attribute(e, "project-jdk-name"), Line: line}
		case attribute(e, "jdkType") == pythonSDK:
			out = Setting{Key: "jdkName", Value: attribute(e, "jdkName"), Line: line}
		}
	})
	return out, err
}

// ParseSDKTable adds the interpreters of a jdk.table.xml that are not yet in
// out, by name.
func ParseSDKTable(data []byte, out map[string]string) error {
	var name, home string
	python := false
	add := func() {
		if _, known := out[name]; python && name != "" && home != "" && !known {
			out[name] = home
		}
		name, home, python = "", "", false
	}
	err := eachElement(data, func(e xml.StartElement, _ int) {
		switch e.Name.Local {
		case "jdk":
			add()
		case "name":
			name = attribute(e, "value")
		case "type":
			python = attribute(e, "value") == pythonSDK
		case "homePath":
			home = attribute(e, "value")
		}
	})
	add()
	return err
}

// maxElements bounds the elements of a file that are looked at.
const maxElements = 100_000

// eachElement visits the elements of an XML file with their lines. Files that
// are not well-formed are read as far as they go.
func eachElement(data []byte, visit func(e xml.StartElement, line int)) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // names are ASCII
	for range maxElements {
		line, _ := d.InputPos()
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := token.(xml.StartElement); ok {
			end, _ := d.InputPos()
			visit(e, max(line, end))
		}
	}
	return nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
