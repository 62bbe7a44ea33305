// SPDX-License-Identifier: Apache-2.0

package config

// Bounds on what is read. They are far above what a person writes and far
// below what makes a parser or an evaluation slow.
const (
	// MaxFileBytes is the size of one file.
	MaxFileBytes = 1 << 20
	// MaxFiles is the number of files of one configuration.
	MaxFiles = 256
	// MaxNesting is the depth of blocks, brackets and templates together.
	MaxNesting = 64
	// MaxChain is the number of operators, indices and template directives
	// that stand side by side in one expression.
	MaxChain = 256
	// MaxExpansion bounds what one expression may expand to, in bytes of text
	// plus eight for each value.
	MaxExpansion = 16 << 20
	// MaxNodes is the number of sources, of kernels and of sinks, each, that a
	// configuration may expand to.
	MaxNodes = 10_000
	// MaxModules is the number of instances of modules.
	MaxModules = 1000
	// MaxModuleDepth is how deep modules stand inside each other.
	MaxModuleDepth = 8
	// MaxName is the length of the name of an expanded step.
	MaxName = 120
	// MaxDiagnostics is the number of messages kept; the rest are counted.
	MaxDiagnostics = 200

	// maxTotalExpansion bounds all expressions of one configuration together.
	maxTotalExpansion = 8 * MaxExpansion
	// maxFlat bounds the steps of all pipelines together.
	maxFlat = 10 * MaxNodes
	// maxExponent bounds the exponent of a number: printing 1e999999999 would
	// take a gigabyte.
	maxExponent = 400
)
