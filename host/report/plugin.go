// SPDX-License-Identifier: Apache-2.0

package report

// Plugin is a plugin that took part, and the walls around it.
type Plugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Digest of the executable that ran: "sha256:...". Empty in process.
	Digest  string  `json:"digest,omitempty"`
	Sandbox Sandbox `json:"sandbox"`
	// DurationMS is the time that its calls took, the start not included.
	DurationMS float64 `json:"duration_ms"`
}

// Sandbox says what really stood around a plugin.
type Sandbox struct {
	// Level reached: "namespaced", "weak", "none".
	Level string `json:"level"`
	// Walls lists every wall, those that are off too.
	Walls []Wall `json:"walls"`
}

// Wall is one isolation mechanism.
type Wall struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
	// Detail is its extent, or why it is off.
	Detail string `json:"detail,omitempty"`
}

// Diagnostic is a message about the work itself, not about the machine.
type Diagnostic struct {
	// Severity is "error", "warning" or "info".
	Severity string `json:"severity"`
	// Summary is a noun phrase; Detail says why and what to do next.
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	// Plugin that it is about or from; empty for the host.
	Plugin string `json:"plugin,omitempty"`
	// Path points into the plugin's settings, outermost name first.
	Path []string `json:"path,omitempty"`
	// Range and Snippet point into the user's file.
	Range   *Range   `json:"range,omitempty"`
	Snippet *Snippet `json:"snippet,omitempty"`
	// Debug is for the author: a stack trace. Text shows it with Options.Debug.
	Debug string `json:"debug,omitempty"`
}

// Pos is a place in a file. Line and Column count from 1, Byte from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Range is a stretch of a file; End is exclusive.
type Range struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// Snippet is a source line with a stretch to underline, counted in runes.
type Snippet struct {
	Context string `json:"context,omitempty"`
	Code    string `json:"code"`
	Start   int    `json:"start"`
	Length  int    `json:"length"`
}
