// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"maps"
	"slices"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var placeDescriptions = []fact.Description{
	{Address: observed.Others, Type: "list", Summary: "Environments found and not examined: prefix, python, version, kind, manager, name, found_by, visible."},
	{Address: observed.SearchCut, Type: "bool", Summary: "There are more environments or kernels than are listed."},
	{Address: observed.Kernels, Type: "list", Summary: "Kernelspecs of Python that Jupyter can start: name, path, line, interpreter, resolved, state (ok, missing, unseen), prefix, environment."},
	{Address: observed.KernelFiles, Type: "object", Summary: "Kernelspecs that cannot be read, with the reason."},
	{Address: observed.Editors, Type: "list", Summary: "Interpreters that VS Code and PyCharm are set to in the project: editor, path, line, setting, value, resolved, state (ok, missing, unseen)."},
	{Address: observed.EditorFiles, Type: "object", Summary: "Settings of editors that cannot be read, with the reason."},
}

// places records what was found beside the examined environments.
func places(record *fact.Recorder, found *locate.Found) {
	if len(found.Others) > 0 {
		record.Add(observed.Others, found.Others)
	}
	if found.Cut {
		record.Add(observed.SearchCut, true)
	}
	if len(found.Kernels) > 0 {
		var evidence []fact.Evidence
		for _, k := range found.Kernels {
			evidence = append(evidence, fact.File(k.Path, k.Line, k.Interpreter))
		}
		record.Add(observed.Kernels, found.Kernels, evidence...)
	}
	if len(found.Editors) > 0 {
		var evidence []fact.Evidence
		for _, e := range found.Editors {
			evidence = append(evidence, fact.File(e.Path, e.Line, e.Setting+": "+e.Value))
		}
		record.Add(observed.Editors, found.Editors, evidence...)
	}
	unreadable(record, observed.KernelFiles, found.KernelFiles)
	unreadable(record, observed.EditorFiles, found.EditorFiles)
}

// maxEvidence bounds the files that are named as evidence of one fact.
const maxEvidence = 32

// unreadable records files with the reasons why they cannot be read.
func unreadable(record *fact.Recorder, address string, files map[string]string) {
	if len(files) == 0 {
		return
	}
	var evidence []fact.Evidence
	for _, file := range slices.Sorted(maps.Keys(files))[:min(len(files), maxEvidence)] {
		evidence = append(evidence, fact.File(file, 0, files[file]))
	}
	record.Add(address, files, evidence...)
}
