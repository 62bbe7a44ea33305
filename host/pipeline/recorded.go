// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// Recorded gives the kernels of k, each call of which is told to record when it
// is over, those of a plan and those of a run, every attempt for itself. Calls
// of several nodes record at the same time. A nil record gives k itself.
func Recorded(k Kernels, record func(dataplane.Record)) Kernels {
	if record == nil {
		return k
	}
	return recorded{k, record}
}

type recorded struct {
	Kernels
	record func(dataplane.Record)
}

func (r recorded) Open(ctx context.Context, plugin string) (dataplane.Kernel, error) {
	k, err := r.Kernels.Open(ctx, plugin)
	if err != nil {
		return nil, err
	}
	return dataplane.Recorded(k, plugin, r.record), nil
}
