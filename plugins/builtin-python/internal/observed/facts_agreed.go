// SPDX-License-Identifier: Apache-2.0

package observed

import "github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"

// Addresses beside the environments: what other programs think an environment
// is.
const (
	// Kernels is a list of Kernel.
	Kernels = "jupyter.kernels"
	// Editors is a list of EditorInterpreter.
	Editors = "editor.interpreters"
)

// Fields of an environment about the symbols of its native libraries.
const (
	// TorchABI is a list of ABIMiss, absent where none is missing.
	TorchABI = "torch_abi_missing"
	// UndefinedSymbols is a list of UndefinedSymbol, absent where there is none.
	UndefinedSymbols = "undefined_symbols"
	// UnmetVersions is a list of UnmetVersion, absent where there is none.
	UnmetVersions = "unmet_versions"
)

// States of an interpreter that a file names.
const (
	// InterpreterOK leads to a file.
	InterpreterOK = "ok"
	// InterpreterMissing leads nowhere: the file, or the end of its link, is
	// not there although the directory that would hold it may be seen.
	InterpreterMissing = "missing"
	// InterpreterUnseen cannot be told: the place may not be seen, or the name
	// holds a variable that only the program knows.
	InterpreterUnseen = "unseen"
)

// Kernel is one Jupyter kernel specification in Python. Kernels of other
// languages are left out.
type Kernel struct {
	// Name is the directory's, which `jupyter kernelspec list` prints.
	Name string `json:"name"`
	// DisplayName is what a notebook shows.
	DisplayName string `json:"display_name,omitempty"`
	// Path of kernel.json, and the line of argv[0] in it.
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
	// Interpreter is argv[0] as written; Resolved its absolute path, "" for a
	// bare name such as "python3" that is looked up on PATH.
	Interpreter string `json:"interpreter"`
	Resolved    string `json:"resolved,omitempty"`
	// State is one of the Interpreter constants.
	State string `json:"state"`
	// Prefix is sys.prefix of the interpreter, "" when it is not known.
	Prefix string `json:"prefix,omitempty"`
	// Environment is the prefix of the environment in whose share/jupyter the
	// specification lies, "" for one of the user or the system.
	Environment string `json:"environment,omitempty"`
}

// EditorInterpreter is the interpreter that the settings of an editor name for
// the project.
type EditorInterpreter struct {
	// Editor is "VS Code" or "PyCharm".
	Editor string `json:"editor"`
	// Path and Line of the setting; Setting is its key.
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
	Setting string `json:"setting"`
	// Value as written; Resolved is the absolute path after the editor's own
	// variables (${workspaceFolder}, $PROJECT_DIR$, ~) are replaced.
	Value    string `json:"value"`
	Resolved string `json:"resolved,omitempty"`
	// State is one of the Interpreter constants.
	State string `json:"state"`
}

// ABIMiss is a symbol of torch's C++ libraries (namespaces at, c10, torch) that
// an extension of another distribution wants and no library of the installed
// torch exports.
type ABIMiss struct {
	// Distribution that installed the extension, as it writes its name.
	Distribution string `json:"distribution"`
	// Path of the extension.
	Path string `json:"path"`
	// Symbol is the mangled name that the loader would print first.
	Symbol string `json:"symbol"`
	// Count of the missing symbols of this extension, at least 1.
	Count int `json:"count,omitempty"`
}

// UndefinedSymbol is a symbol that a library of the environment wants of
// another library and the one that the loader gives it does not export.
type UndefinedSymbol struct {
	Symbol string `json:"symbol"`
	// Version is the symbol version wanted, "libnvJitLink.so.12", "" for none.
	Version string `json:"version,omitempty"`
	// NeededBy is the file that wants it, Library the file that is loaded.
	NeededBy string `json:"needed_by"`
	Library  string `json:"library"`
	// Owner and Provider are the distributions that installed the two files,
	// "" for a file that no RECORD names.
	Owner    string `json:"owner,omitempty"`
	Provider string `json:"provider,omitempty"`
	// Framework whose import loads the file.
	Framework string `json:"framework,omitempty"`
	// FromEnvironment tells that LD_LIBRARY_PATH led to Library.
	FromEnvironment bool `json:"from_environment,omitempty"`
}

// UnmetVersion is a symbol version that an extension outside the frameworks
// wants of a library of the system, which does not define it.
type UnmetVersion struct {
	Distribution string `json:"distribution"`
	elfdeps.Unmet
}
