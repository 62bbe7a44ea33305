// SPDX-License-Identifier: Apache-2.0

// Package bound says how large a batch may be on the wire. It stands beside the
// tables, since whoever reads messages needs it, and a plugin that only checks
// would carry all of Arrow for it.
package bound

// Bounds of one batch.
const (
	MaxRows    = 64 << 10
	MaxBytes   = 8 << 20
	MaxColumns = 64 << 10
)
