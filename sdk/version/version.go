// SPDX-License-Identifier: Apache-2.0

// Package version is the one source of Bulkhead's version. The host, the SDK
// and the built-in plugins are released together and carry this number; a
// release whose tag differs from it is refused by the tests.
package version

// Version is the semantic version of this source tree.
const Version = "0.1.0"

// Commit is set at link time with -X; empty in a plain go build.
var Commit string
