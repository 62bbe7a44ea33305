// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// evil is a kernel that never answers.
type evil struct{ kind string }

// Transform crashes the process where nothing recovers it, or hangs.
func (e evil) Transform(context.Context, *kernel.Reader, *kernel.Writer) (kernel.Report, error) {
	if e.kind == "crash-kernel" {
		go func() { panic("tensor of doom") }()
	}
	hang()
	return nil, nil
}

func kernels(kind string) *kernel.Service {
	return kernel.Serve(kernel.Kernel{
		Name: "rows", Summary: "Does " + kind, Compartment: kernel.Data, Transforms: true,
		New: func(*kernel.Setup) (kernel.Instance, error) { return evil{kind}, nil },
	})
}
