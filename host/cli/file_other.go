// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package cli

// nonBlocking has no meaning here.
const nonBlocking = 0
