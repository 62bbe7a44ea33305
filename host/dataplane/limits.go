// SPDX-License-Identifier: Apache-2.0

package dataplane

// Limits bounds what one call may bring back. A zero field takes its default.
type Limits struct {
	// StateBytes of a fitted kernel. Default 256 MiB.
	StateBytes int64
	// OutputBytes of all output batches of a transform, encoded. Default 16 GiB.
	OutputBytes int64
	// OutputBatches of a transform. Default 1,048,576.
	OutputBatches int64
	// ReportBytes of a result's JSON. Default 4 MiB.
	ReportBytes int
	// ReportDepth is how deep objects and arrays of a report may nest. Default 64.
	ReportDepth int
	// Diagnostics of one answer. What exceeds it is counted in one more
	// diagnostic. Default 100.
	Diagnostics int
}

// maxText bounds the summary, the detail and each path element of a
// diagnostic, and a progress message, in bytes.
const maxText = 16 << 10

// maxEmpty is how many batches without rows an output may have.
const maxEmpty = 1 << 16

func (l Limits) withDefaults() Limits {
	fill(&l.StateBytes, 256<<20)
	fill(&l.OutputBytes, 16<<30)
	fill(&l.OutputBatches, 1<<20)
	fill(&l.ReportBytes, 4<<20)
	fill(&l.ReportDepth, 64)
	fill(&l.Diagnostics, 100)
	return l
}

func fill[T int | int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
