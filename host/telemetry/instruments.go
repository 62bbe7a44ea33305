// SPDX-License-Identifier: Apache-2.0

package telemetry

// Bounds of durations, in seconds: those that OpenTelemetry advises for calls,
// and longer ones for nodes and runs.
var (
	callBounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
	runBounds  = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150, 300, 600, 1800, 3600, 7200, 21600}
)

// What is measured. Labels have the names "bulkhead.NAME" in OTLP and NAME in
// Prometheus.
var (
	runsRunning = &instrument{"bulkhead.runs.running", "{run}", "bulkhead_runs_running", "Runs that are going on.", gauge, []string{"pipeline"}, nil, 0}
	runsEnded   = &instrument{"bulkhead.runs", "{run}", "bulkhead_runs_total", "Runs that ended.", counter, []string{"pipeline", "status"}, nil, 0}
	runTime     = &instrument{"bulkhead.run.duration", "s", "bulkhead_run_duration_seconds", "Time that runs took.", histogram, []string{"pipeline"}, runBounds, 0}

	nodesEnded   = &instrument{"bulkhead.nodes", "{node}", "bulkhead_nodes_total", "Nodes that ended.", counter, []string{"pipeline", "node", "status"}, nil, 0}
	nodeTime     = &instrument{"bulkhead.node.duration", "s", "bulkhead_node_duration_seconds", "Time that nodes took, all attempts together.", histogram, []string{"pipeline", "node"}, runBounds, 0}
	nodeAttempts = &instrument{"bulkhead.node.attempts", "{attempt}", "bulkhead_node_attempts_total", "Attempts that nodes made.", counter, []string{"pipeline", "node"}, nil, 0}
	rowsMoved    = &instrument{"bulkhead.node.rows", "{row}", "bulkhead_node_rows_total", "Rows of nodes: in, out, dropped and rejected.", counter, []string{"pipeline", "node", "direction"}, nil, 0}
	bytesMoved   = &instrument{"bulkhead.node.io", "By", "bulkhead_node_bytes_total", "Bytes to and from the kernels of nodes.", counter, []string{"pipeline", "node", "direction"}, nil, 0}
	cacheUse     = &instrument{"bulkhead.node.cache", "{node}", "bulkhead_node_cache_total", "Nodes that were found in the cache (hit) or not (miss).", counter, []string{"pipeline", "node", "result"}, nil, 0}

	callsEnded   = &instrument{"bulkhead.calls", "{call}", "bulkhead_calls_total", "Calls of kernels that ended.", counter, []string{"plugin", "kernel", "method", "outcome"}, nil, 0}
	callTime     = &instrument{"bulkhead.call.duration", "s", "bulkhead_call_duration_seconds", "Time that calls of kernels took, as the host measured it.", histogram, []string{"plugin", "kernel", "method"}, callBounds, 0}
	callCPU      = &instrument{"bulkhead.call.cpu", "s", "bulkhead_call_cpu_seconds_total", "Processor time of the kernel's process during calls.", counter, []string{"plugin", "kernel", "method"}, nil, 0}
	peakMemory   = &instrument{"bulkhead.kernel.memory.peak", "By", "bulkhead_kernel_memory_peak_bytes", "Largest resident set of the processes of a plugin.", gauge, []string{"plugin"}, nil, 0}
	droppedItems = &instrument{"bulkhead.telemetry.dropped", "{item}", "bulkhead_telemetry_dropped_total", "Spans, pushes of metrics and lineage events that were lost.", counter, []string{"signal"}, nil, 0}
)

// instruments in the order in which they are written.
var instruments = numbered(
	runsRunning, runsEnded, runTime, nodesEnded, nodeTime, nodeAttempts, rowsMoved, bytesMoved, cacheUse,
	callsEnded, callTime, callCPU, peakMemory, droppedItems,
)

func numbered(list ...*instrument) []*instrument {
	for n, i := range list {
		i.index = n
	}
	return list
}
