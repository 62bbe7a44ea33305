// SPDX-License-Identifier: Apache-2.0

package sandbox

import "math"

// The figures of a Windows job object, computed apart from it so that they can
// be tested everywhere.

// cpuRate is the share of all processors that a number of them is, in 1/100 of a
// percent, as a job wants it. 0 means no limit.
func cpuRate(cpus float64, processors int) uint32 {
	if !(cpus > 0) || cpus >= float64(processors) {
		return 0
	}
	return uint32(max(1, math.Round(cpus/float64(processors)*10000)))
}

// cpuTicks is a time in units of 100 ns; 0 means no limit.
func cpuTicks(seconds uint64) int64 {
	const perSecond = 10_000_000
	if seconds > math.MaxInt64/perSecond {
		return 0
	}
	return int64(seconds) * perSecond
}

// processLimit is how many processes a job may hold: the program alone, unless
// it was granted programs to start.
func processLimit(processes uint64, children bool) uint32 {
	if !children {
		return 1
	}
	return uint32(min(max(processes, 1), math.MaxUint32))
}

// exhausted judges from a job's figures whether a program that failed did so for
// want of memory. A job refuses memory beyond its limit and does not end the
// program, so the peak stays below the limit, by no more than what was asked for
// last. The share of a sixteenth is a judgement: runtimes grow in such steps.
func exhausted(code int, peak, limit uint64) bool {
	if code == 0 || limit == 0 || limit == Unlimited {
		return false
	}
	return peak >= limit-limit/16
}
