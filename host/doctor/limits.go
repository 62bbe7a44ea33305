// SPDX-License-Identifier: Apache-2.0

package doctor

// What one plugin may say. The figures are an order of magnitude above what an
// honest plugin needs.
const (
	// MaxFacts bounds the facts of one plugin.
	MaxFacts = 20_000
	// MaxValueBytes bounds the JSON value of one fact.
	MaxValueBytes = 4 << 20
	// MaxFactsBytes bounds the facts of all plugins together, so that they fit
	// into one message to a checker.
	MaxFactsBytes = 12 << 20
	// MaxFindings bounds the findings of one plugin.
	MaxFindings = 500
	// MaxDiagnostics bounds the diagnostics of one plugin in one call.
	MaxDiagnostics = 50

	maxSteps       = 64       // of the path in a diagnostic
	maxEvidence    = 64       // pieces of evidence of one fact or finding
	maxLineBytes   = 1 << 10  // titles, subjects, summaries, lines of a preview
	maxPathBytes   = 4 << 10  // paths in evidence
	maxProseBytes  = 16 << 10 // details, causes, reasons
	maxExplains    = 64
	maxRemedies    = 16
	maxPreviewRows = 64
)
