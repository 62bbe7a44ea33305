// SPDX-License-Identifier: Apache-2.0

// Package bench measures what ML work waits for on this machine, remembers what
// it measured, and says whether something became slower.
//
//	cpu.gemm            GFLOP/s  product of two 512 x 512 float64 matrices, all processors
//	memory.triad        GB/s     a[i] = b[i] + s c[i] over 3 x 64 MiB, all processors
//	disk.write          MB/s     256 MiB, sequentially, with fsync
//	disk.read           MB/s     the same file, sequentially, not from the page cache
//	disk.random_read    IOPS     4 KiB each, one at a time, not from the page cache
//	process.start       ms       start and end a program that does nothing
//	import[ENV/MODULE]  s        import a framework in a fresh sandboxed process
//	gemm[ENV/MODULE]    GFLOP/s  the environment's own product of float32 matrices
//	gpu.copy            GB/s     device to device, by the driver
//	gpu.upload          GB/s     host to device, by the driver, from pinned memory
//	gpu.download        GB/s     device to host, by the driver, to pinned memory
//	gpu.gemm[ENV/torch] TFLOP/s  product of bfloat16 matrices on the first GPU
//
// The triad is that of McCalpin's STREAM, counting 24 bytes an element. A matrix
// product of n counts 2 n^3 operations. GB and MB are 10^9 and 10^6 bytes.
//
// # Rounds and statistics
//
// A benchmark is one warm-up and then rounds, each a sample. What is reported is
// the median, with a 95 % confidence interval by the bootstrap over rounds (2000
// resamples from a fixed seed, so the same samples give the same interval). The
// median, not the mean, since what disturbs a machine only makes it slower. Fewer
// than six rounds have no 95 % interval of their median: what is reported is then
// their whole range, which holds it in 94 % of cases for five, 75 % for three.
//
// A comparison is the ratio of the two medians, better above 1, with its interval
// by the same bootstrap of both. It is a regression when the whole interval lies
// below 1 - Tolerance, an improvement when it lies above 1 + Tolerance, no change
// when it lies between, and undecided otherwise: then more rounds would tell.
// Rounds of one run share a machine's mood, so Tolerance is 5 %, not 0.
//
// # History
//
// Results are one JSON line a run in a file, with what the machine is: its
// processor, memory, GPUs and kernel. Runs of another machine are never compared.
package bench
