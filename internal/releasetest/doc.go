// SPDX-License-Identifier: Apache-2.0

// Package releasetest holds what makes a release to its promises:
//
//   - workflows use no program of others but by the hash of its content, have no
//     more rights than they name, run no code of strangers with rights of ours, and
//     obey no text from outside
//   - one version is named everywhere
//   - the configuration of goreleaser builds every platform, and nothing in it
//     depends on where and when it runs
//   - every library of a release stands under a licence that lets it be there
//   - the GPU plugin of a release starts on old Linux, finds NVML inside of the
//     sandbox, and is replaced by a static one where nothing dynamic can start
//
// It contains tests only. Those that build a release run with BULKHEAD_LONG_TESTS.
package releasetest
