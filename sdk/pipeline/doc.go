// SPDX-License-Identifier: Apache-2.0

// Package pipeline builds pipelines in Go and drives the installed host that
// runs them. It runs nothing itself and imports no part of the host: what a
// pipeline means is for `bulkhead validate`, `plan` and `run` to say.
//
// # Building
//
// A Pipeline is the content of one file: a pipeline block, and the variables,
// locals, suites, requirements and plugins that stand beside it. Steps are added
// in Go, and what they return is what others read:
//
//	p := pipeline.New("churn")
//	rows := p.Source("rows", pipeline.CSV("data/churn.csv"), pipeline.Target("churned"))
//	clean := p.Kernel("clean", "data.prepare", rows, pipeline.Config{"quality_threshold": 0.8})
//	p.Sink("out", clean, pipeline.Parquet("out.parquet"))
//	text, err := p.HCL()
//
// A setting takes a Go value or an Expr. Expressions come from Variable, Local,
// EachKey, EachValue, Call, Template and Raw. Text of yours becomes a text of the
// language and nothing else: "${" in it is no expression.
//
// Mistakes that can be told without plugins and data are found before anything is
// written: names that are none or that are given twice, inputs that are not
// there, kernels that wait for each other, settings that a format or a block does
// not have, numbers, sizes and durations out of range, names in expressions that
// nobody declares. HCL, JSON, Err and Start return all of them, each a *StepError
// that names its step. Settings of a kernel belong to its plugin and are not
// looked at.
//
// # Two forms
//
// HCL writes the file in the form that `bulkhead fmt` leaves alone, JSON the same
// for a file called *.hcl.json. Parse reads HCL:
//
//   - For what was built, Parse(HCL()) is Equal to it.
//   - For every file that Parse takes, HCL is what `bulkhead fmt` makes of it, to
//     the byte: comments, blank lines and the order of everything are kept, also
//     when steps are added. JSON has no comments.
//
// Parse takes files with one pipeline block and blocks of the types variable,
// locals, source, kernel, ab, sink, module, suite (without skip blocks), require,
// plugin (without sandbox and secret blocks) and cache. Everything else is an
// error with its place. ParseModule takes the files of a module: variable,
// locals, input, output and steps. Files are at most 1 MiB, their brackets and
// blocks nest at most 64 deep, and what is read is never evaluated.
//
// # Running
//
// Start and StartFile run a pipeline in the background; a Run gives futures:
//
//	run, err := p.Start(ctx, pipeline.Host{})
//	clean, err := run.Node("clean").Wait(ctx) // as soon as it ended
//	report, err := run.Wait(ctx)
//
// The host is the executable Host.Path, else that in the environment variable
// BULKHEAD, else "bulkhead" in PATH. It is asked once for its version: the
// documents that it prints must be of schema 1.2 or a later 1.x. Each run is a
// process of its own, `bulkhead run --events`, with its own process group; any
// number may run at the same time. Gather bounds how many do, and keeps their
// order.
//
// When the context of a run ends, the host gets an interrupt (Ctrl-Break on
// Windows), which ends a run in well under a second; after Host.Grace it is killed
// with its plugins. Wait and all futures then return an error that wraps the cause
// of the context. No process and no goroutine outlives Run.Done. A host whose
// parent dies ends with the next event that it writes.
//
// Errors that callers branch on: *NotFoundError, *VersionError (no host that
// fits), *FailureError (the host refused the run), *RunError (it ran and is not
// ok), *NodeError, *UnknownNodeError, *CrashError and *ProtocolError (the host
// broke down).
//
// # Events
//
// `bulkhead run --events` prints one JSON object a line on its standard output,
// in UTF-8, each at most 64 MiB long, and nothing else there. Every line has
// "event", its kind, and "time", in RFC 3339 and UTC. A field that is zero or
// empty may be missing. New kinds and fields may come in any version and are to
// be ignored.
//
//	hello         the first, at once:
//	                protocol        1; a host of another one is not read
//	                schema_version  of the documents in the stream
//	                tool            name and version of the host
//	preflight_started  suite  what the machine is held against; only where the
//	                          pipeline has a preflight
//	preflight_ended  suite
//	              status      "ok", "refused", "cancelled" or "timed-out"
//	              wall_ms     milliseconds
//	              preflight   the diagnosis in its short form
//	run_started   once the pipeline is planned:
//	                run_id    16 hexadecimal digits
//	                pipeline  its name
//	                plan      levels, nodes and edges; see Plan
//	node_started  node        name of the node: "kernel.clean"
//	call_started  node        of a kernel
//	              call        "validate", "fit", "transform", "undo"
//	              attempt     from 1
//	call_ended    node, call, attempt
//	              wall_ms     milliseconds
//	              error       why it failed; missing when it did not
//	progress      node, call, attempt
//	                          at most 10 a second for each node; of a sink, the
//	                          call is "write"
//	              progress    fraction (0 to 1, or -1), rows, bytes,
//	                          rows_per_second, eta_ms (or -1), message
//	node_ended    node        once for each node of the plan, also for one that
//	                          never started
//	              result      see NodeResult
//	run_ended     run_id
//	              report      the last line of a run; see Report. Without a
//	                          run_started before it the run ended with its preflight
//	failed        failure     the last line when there is no report, with error
//	                          and exit_code; see Failure
//
// A stream without hello, preflight events and attempts of ended calls is that of an
// older host, and is read the same.
//
// A stream without run_ended or failed at its end is that of a host that crashed.
// The exit code of the process says less than the last line: 0 ok, 2 failed or
// refused, 3 timed out, 78 wrong configuration, 130 interrupted.
package pipeline
