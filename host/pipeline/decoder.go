// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// TablesPlugin is the plugin whose kernels read and write the formats that the
// host does not parse itself.
const TablesPlugin = "tables"

// Decoder reads and writes files with kernels of a plugin, which get the open
// file and no right to any other. It is the source.Decoder of a run.
type Decoder struct {
	Kernels Kernels
	Plugin  string
}

var _ source.Decoder = Decoder{}

// Read runs a kernel that reads a file, its input, and hands what comes to out.
func (d Decoder) Read(ctx context.Context, kernel string, config []byte, file *os.File, out dataplane.Output) error {
	open := dataplane.Open{Kernel: kernel, Config: config, Schema: arrow.NewSchema(nil, nil), Files: []dataplane.File{{Name: "input", File: file}}}
	return d.call(ctx, open, func(func(arrow.RecordBatch, error) bool) {}, out)
}

// Write runs a kernel that writes a file, its output, from batches of a schema.
func (d Decoder) Write(ctx context.Context, kernel string, config []byte, file *os.File, schema *arrow.Schema, in dataplane.Batches) error {
	open := dataplane.Open{Kernel: kernel, Config: config, Schema: schema, Files: []dataplane.File{{Name: "output", File: file}}}
	return d.call(ctx, open, in, dataplane.Output{})
}

// call makes one transform. What the kernel refuses is an error here.
func (d Decoder) call(ctx context.Context, open dataplane.Open, in dataplane.Batches, out dataplane.Output) error {
	k, err := d.Kernels.Open(ctx, d.Plugin)
	if err != nil {
		return &startError{err}
	}
	outcome, err := k.Transform(ctx, open, nil, in, out)
	if err != nil {
		return err
	}
	for _, message := range outcome.Diagnostics {
		if message.Severity == diag.Error {
			return message
		}
	}
	return nil
}
