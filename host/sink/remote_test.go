// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// slow is a plugin that waits for a word before it reads, or for ever.
type slow struct {
	plugin
	begin   chan struct{}
	stopped chan error
}

func (s slow) Write(ctx context.Context, _ string, _ []byte, file *os.File, _ *arrow.Schema, in dataplane.Batches) error {
	select {
	case <-s.begin:
	case <-ctx.Done():
		s.stopped <- context.Cause(ctx)
		return context.Cause(ctx)
	}
	for _, err := range in {
		if err != nil {
			s.stopped <- err
			return err
		}
	}
	_, err := file.WriteString("done")
	return err
}

// TestAbortStopsThePlugin leaves neither files nor a plugin that writes.
func TestAbortStopsThePlugin(t *testing.T) {
	for _, begun := range []bool{false, true} {
		dir := t.TempDir()
		p := slow{begin: make(chan struct{}), stopped: make(chan error, 1)}
		s, err := Create(context.Background(), Spec{Path: filepath.Join(dir, "x"), Format: source.Parquet}, everything, p)
		if err != nil {
			t.Fatal(err)
		}
		if begun {
			close(p.begin)
			if err := s.Write(batchOf(t, everything, rowsJSON)); err != nil {
				t.Fatal(err)
			}
		}
		s.Abort()
		s.Abort()
		select {
		case err := <-p.stopped:
			if !errors.Is(err, errAbandoned) {
				t.Errorf("the plugin was told %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("the plugin goes on")
		}
		only(t, dir)
	}
}

// TestCancelWhileThePluginWaits ends a Write that nobody takes.
func TestCancelWhileThePluginWaits(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	p := slow{begin: make(chan struct{}), stopped: make(chan error, 1)}
	dir := t.TempDir()
	s, err := Create(ctx, Spec{Path: filepath.Join(dir, "x"), Format: source.Parquet}, everything, p)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if err := s.Write(batchOf(t, everything, rowsJSON)); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	only(t, dir)
}

// early ends before it has read all rows, and says nothing.
type early struct{ plugin }

func (early) Write(_ context.Context, _ string, _ []byte, file *os.File, _ *arrow.Schema, in dataplane.Batches) error {
	for range in {
		break
	}
	_, err := file.WriteString("half")
	return err
}

func TestPluginEndsEarly(t *testing.T) {
	dir := t.TempDir()
	b := batchOf(t, everything, rowsJSON)
	_, err := put(t, Spec{Path: filepath.Join(dir, "x"), Format: source.Parquet}, early{}, b, b, b)
	if err == nil || !strings.Contains(err.Error(), "before it had read all rows") {
		t.Errorf("error %v", err)
	}
	only(t, dir)
}

// keeper holds its file open and writes to it after its call.
type keeper struct {
	plugin
	file **os.File
}

func (k keeper) Write(_ context.Context, _ string, _ []byte, file *os.File, _ *arrow.Schema, in dataplane.Batches) error {
	for range in {
	}
	if _, err := file.WriteString("good"); err != nil {
		return err
	}
	again, err := os.OpenFile(file.Name(), os.O_RDWR, 0)
	*k.file = again
	return err
}

// TestPluginCannotReachTheResult has a plugin write on through the descriptor
// that its process still has.
func TestPluginCannotReachTheResult(t *testing.T) {
	var kept *os.File
	path := filepath.Join(t.TempDir(), "x")
	if _, err := put(t, Spec{Path: path, Format: source.Parquet}, keeper{file: &kept}, batchOf(t, everything, rowsJSON)); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.WriteAt([]byte("evil"), 0); err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "good" {
		t.Errorf("the file holds %q", got)
	}
}
