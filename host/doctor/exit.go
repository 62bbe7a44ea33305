// SPDX-License-Identifier: Apache-2.0

package doctor

import "github.com/bulkhead-ml/bulkhead/host/report"

// Exit codes of a diagnosis. 78 (bad configuration) is the caller's.
const (
	ExitHealthy  = 0
	ExitWarnings = 1
	ExitErrors   = 2
	ExitTimeout  = 3
)

// ExitCode is the exit code for a report. A time-out comes first, because it
// says that the rest of the answer is incomplete: timedOut is the caller's own
// deadline, the report knows those of the plugins. Infos and unknowns do not
// fail a machine.
func ExitCode(d report.Doctor, timedOut bool) int {
	switch {
	case timedOut || d.Summary.TimedOut:
		return ExitTimeout
	case d.Summary.Errors > 0:
		return ExitErrors
	case d.Summary.Warnings > 0:
		return ExitWarnings
	}
	return ExitHealthy
}
