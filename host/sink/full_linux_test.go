// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// TestFullDisk writes to a file system of 1 MiB.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("sink-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting a small file system takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "x.csv")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	batches := make([]arrow.RecordBatch, 20000)
	for i := range batches {
		batches[i] = batchOf(t, everything, rowsJSON)
	}
	for _, format := range []string{source.CSV, source.JSONL} {
		_, err := put(t, Spec{Path: path, Format: format}, nil, batches...)
		if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, unix.ENOSPC) || !strings.Contains(e.Error(), "full") {
			t.Errorf("error %v", err)
		}
		if read(t, path) != "old" {
			t.Error("the old file is gone")
		}
		only(t, dir, "x.csv")
	}
}
