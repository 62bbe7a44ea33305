// SPDX-License-Identifier: Apache-2.0

package observed

// Others lists the environments that were found and not examined in depth, as
// OtherEnvironment; absent where there is none.
const Others = "python.other_envs"

// OtherEnvironment is an environment of which only the prefix, the version and
// the manager are known.
type OtherEnvironment struct {
	Prefix  string `json:"prefix"`
	Python  string `json:"python,omitempty"`
	Version string `json:"version,omitempty"`
	// Kind is what made it, as in "python.envs"; Manager what keeps it: "conda",
	// "pixi", "uv", "uv tool", "pyenv", "pipx", "poetry", "hatch", "pdm", ...
	Kind    string `json:"kind,omitempty"`
	Manager string `json:"manager"`
	// Name by which the manager knows it: "base", "ml", "black".
	Name string `json:"name,omitempty"`
	// FoundBy is the path pattern, variable or file that led to it.
	FoundBy string `json:"found_by"`
	// Visible tells that its packages may be read. One that is not can be
	// examined after the user named it with --python.
	Visible bool `json:"visible"`
}

// Facts about the search for environments.
const (
	// SearchCut is true where there are more environments or kernels than are
	// listed; absent otherwise.
	SearchCut = "python.search_cut"
	// KernelFiles and EditorFiles map files that cannot be read as kernelspecs
	// or settings to the reason; absent where there is none.
	KernelFiles = "jupyter.unreadable"
	EditorFiles = "editor.unreadable"
)
