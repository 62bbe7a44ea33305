// SPDX-License-Identifier: Apache-2.0

package work

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// Encode writes a batch as an Arrow IPC stream.
func Encode(batch arrow.RecordBatch) ([]byte, error) {
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(batch.Schema()))
	if err := w.Write(batch); err != nil {
		return nil, err
	}
	return out.Bytes(), w.Close()
}

// Decode reads what Encode wrote.
func Decode(data []byte) (arrow.RecordBatch, error) {
	r, err := ipc.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	batch, err := r.Read()
	if err != nil {
		return nil, err
	}
	batch.Retain()
	return batch, nil
}
