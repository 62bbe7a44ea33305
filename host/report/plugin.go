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
	// Cached says that its facts are those of an earlier run whose inputs have
	// not changed. Since 1.1.
	Cached bool `json:"cached,omitempty"`
	// CachedAgeMS is how old those facts are. Since 1.1.
	CachedAgeMS float64 `json:"cached_age_ms,omitempty"`
}

// Sandbox says what really stood around a plugin.
type Sandbox struct {
	// Level reached: "full", "walls-only", "none" and so on.
	Level string `json:"level"`
	// Profile is the kind of program that the walls were built for: "collector",
	// "gpu" and so on.
	Profile string `json:"profile,omitempty"`
	// Verified says that the level was seen from outside after the start.
	Verified bool `json:"verified"`
	// Walls lists every wall, those that are off too.
	Walls []Wall `json:"walls"`
	// Fallen has the reason for each stronger level that could not be reached.
	Fallen []string `json:"fallen,omitempty"`
	// Skipped are granted paths that were not given, with the reason.
	Skipped []string `json:"skipped,omitempty"`
	// Refused is what the plugin tried in vain, with the grant that would allow it.
	Refused []Refusal `json:"refused,omitempty"`
}

// Refusal counts one thing that a plugin tried and was refused.
type Refusal struct {
	// What was refused: the name of a system call, or "connection to HOST:PORT".
	What  string `json:"what"`
	Count int    `json:"count"`
	// Grant that would allow it; empty when none does.
	Grant string `json:"grant,omitempty"`
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
