// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// readArrowBytes runs the kernel without the net that the SDK has below it.
func readArrowBytes(t *testing.T, content []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.arrow")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	none := arrow.NewSchema(nil, nil)
	_, err = instance(t, "read_arrow", "", "input", f, none).Transform(context.Background(), kernel.FromBatches(none),
		kernel.NewWriter(func(arrow.RecordBatch) error { return nil }))
	return err
}

// TestArrowOffsetsBeyondTheText has a file whose structure is whole, and whose
// texts lie outside of its buffer.
func TestArrowOffsetsBeyondTheText(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"AAAA", "BBBB", "CCCC"}, nil)
	var file bytes.Buffer
	w, err := ipc.NewFileWriter(&file, ipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(b.NewRecordBatch()), w.Close()); err != nil {
		t.Fatal(err)
	}
	offsets := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 4), 8), 12)
	at := bytes.Index(file.Bytes(), offsets)
	if at < 0 {
		t.Fatal("the file has no offsets")
	}
	binary.LittleEndian.PutUint32(file.Bytes()[at+4:], 1<<30)
	err = readArrowBytes(t, file.Bytes())
	if d, ok := errors.AsType[*diag.Diagnostic](err); !ok || d.Summary != "Broken Arrow file" {
		t.Errorf("error %v", err)
	}
}

// TestArrowMessageLargerThanItsFile claims messages of up to 2 GiB in a few bytes.
func TestArrowMessageLargerThanItsFile(t *testing.T) {
	for _, size := range []uint32{100, 1 << 20, 613 << 20, 1<<31 - 1} {
		for name, content := range map[string][]byte{
			"old form": binary.LittleEndian.AppendUint32(nil, size),
			"new form": binary.LittleEndian.AppendUint32([]byte{255, 255, 255, 255}, size),
		} {
			err := readArrowBytes(t, append(content, make([]byte, 40)...))
			if d, ok := errors.AsType[*diag.Diagnostic](err); !ok || !strings.Contains(d.Detail, "exceeds limit") {
				t.Errorf("%s of %d bytes: error %v", name, size, err)
			}
		}
	}
}

func TestUnwritten(t *testing.T) {
	other := errors.New("other")
	if err := unwritten(other); !errors.Is(err, other) {
		t.Errorf("error %v", err)
	}
	for summary, cause := range map[string]error{"File that cannot be written": syscall.EIO, "No room for the file": syscall.ENOSPC} {
		err := unwritten(&fs.PathError{Op: "write", Path: "received", Err: cause})
		if d, ok := errors.AsType[*diag.Diagnostic](err); !ok || d.Summary != summary || strings.Contains(d.Detail, "received") {
			t.Errorf("error %v", err)
		}
	}
}

func TestMisfitAdvice(t *testing.T) {
	for err, advice := range map[error]string{errNotText: `CAST("a""b" AS BLOB)`, errors.New("x"): `CAST("a""b" AS TEXT)`} {
		if got := misfit(`a"b`, 3, err).Error(); !strings.Contains(got, advice) || !strings.Contains(got, "row 3") {
			t.Errorf("%s does not say %s", got, advice)
		}
	}
}
