// SPDX-License-Identifier: Apache-2.0

// Package planebench measures the data plane: a kernel in a sandboxed plugin
// against the same function in the process of the host, and against go-plugin as
// it comes with tables in gRPC bytes. All of a benchmark's variants take turns in
// one run, their results are compared, and ratios of medians are reported, since
// milliseconds depend on the machine. Run it with
//
//	go test -run '^$' -bench . -benchtime 20x ./internal/planebench
package planebench
