// SPDX-License-Identifier: Apache-2.0

package observed

// Fields about the files of an environment.
const (
	// PathFiles lists the .pth files.
	PathFiles = "pth"
	// PythonPath lists the directories of PYTHONPATH.
	PythonPath = "pythonpath"
	// WrongTags lists the wheels that were made for another interpreter.
	WrongTags = "wrong_tags"
	// Glibc is the version of the C library that the environment runs on.
	Glibc = "glibc"
	// Loader is a ProgramLoader, absent where the interpreter starts.
	Loader = "loader"
	// TooMany says that the bound on distributions was reached.
	TooMany = "packages_cut"
	// Unreadable maps metadata files that are there and tell nothing to the reason.
	Unreadable = "unreadable"
	// Editables lists what editable installs point at.
	Editables = "editables"
)

// PathFile is one .pth file: lines that site.py adds to sys.path or executes.
type PathFile struct {
	Path string `json:"path"`
	// Directories that it adds, whether or not they are there.
	Directories []PathEntry `json:"directories,omitempty"`
	// Imports counts the lines that are executed at each start of Python, First
	// is the first of them.
	Imports int    `json:"imports,omitempty"`
	First   string `json:"first_import,omitempty"`
	// Cut tells that the file has more lines than are read.
	Cut bool `json:"cut,omitempty"`
}

// PathEntry is a directory that a .pth file adds.
type PathEntry struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	// State is Present, Absent or Unseen.
	State string `json:"state"`
}

// Editable is one import name or directory that an editable install leads to.
type Editable struct {
	Distribution string `json:"distribution"`
	// Module is the import name, "" where a whole directory is added.
	Module string `json:"module,omitempty"`
	Target string `json:"target"`
	State  string `json:"state"`
	// From is the file that says so: direct_url.json, a finder or a .pth file.
	From string `json:"from"`
}

// PythonPathEntry is a directory of PYTHONPATH.
type PythonPathEntry struct {
	Path string `json:"path"`
	// Exists is false too where nothing of the directory may be seen.
	Exists bool `json:"exists"`
	// Versions are those of Python that the directory's name and its extension
	// modules are made for ("3.8"), sorted; nil when nothing tells.
	Versions []string `json:"versions,omitempty"`
	// Distributions counts the metadata directories in it.
	Distributions int `json:"distributions,omitempty"`
	// Example is a file or directory that gave the first of Versions.
	Example string `json:"example,omitempty"`
	// Modules are names of packages that the directory brings, a few of them,
	// where it is not for this environment's version of Python.
	Modules []string `json:"modules,omitempty"`
}

// WrongTag is a wheel none of whose tags fits the interpreter.
type WrongTag struct {
	Distribution string   `json:"distribution"`
	Version      string   `json:"version"`
	Path         string   `json:"path"`
	Tags         []string `json:"tags"`
	// Reason is the part that does not fit in the tag that comes nearest:
	// "python", "abi", "platform" or "glibc".
	Reason string `json:"reason"`
	// Interpreter is what the environment takes: "cp311-cp311-manylinux_2_31_x86_64".
	Interpreter string `json:"interpreter"`
}

// ProgramLoader is a loader that an interpreter names and that does not load it.
type ProgramLoader struct {
	Path string `json:"path"`
	// Link is the text of the link that stands in its place: the stub of NixOS.
	// It is "" where nothing stands there.
	Link string `json:"link,omitempty"`
}
