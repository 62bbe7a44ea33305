// SPDX-License-Identifier: Apache-2.0

package source

import "context"

// Stages of a Progress.
const (
	StageDownload = "download"
	StageRead     = "read"
	StageDigest   = "digest"
)

// Progress tells how far a pass over a file is.
type Progress struct {
	// Stage is one of the constants.
	Stage string
	// Bytes of the file that are done, as it lies on disk or on the server, and
	// their total; -1 when it is not known.
	Bytes, Total int64
}

type progressKey struct{}

// WithProgress returns a context under which Open, Batches and Digest report to
// f, about once a batch or a mebibyte, from the goroutine that works.
func WithProgress(ctx context.Context, f func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// reporter returns the function that WithProgress was given, never nil.
func reporter(ctx context.Context) func(Progress) {
	if f, ok := ctx.Value(progressKey{}).(func(Progress)); ok {
		return f
	}
	return func(Progress) {}
}
