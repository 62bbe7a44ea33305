// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// TestGivingUpIsSaid: whoever gives up while a file comes finds their reason and
// that it was they; a source that is too slow is neither.
func TestGivingUpIsSaid(t *testing.T) {
	begun := make(chan struct{}, 1)
	src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("only so much"))
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := contextWithCause(t)
	go func() {
		<-begun
		cancel(errStopped)
	}()
	_, err := files.ReadAll(ctx, src, "a", 100)
	if !errors.Is(err, errStopped) || !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "broke") || !strings.HasSuffix(err.Error(), errStopped.Error()) {
		t.Errorf("given up: %v", err)
	}
	o := files.DownloadOptions{Path: t.TempDir() + "/a", Size: 100, Window: 20 * time.Millisecond}
	var slow *files.SlowError
	if err := files.Download(t.Context(), src, "a", o); !errors.As(err, &slow) || errors.Is(err, context.Canceled) || !files.Advises(err) {
		t.Errorf("too slow: %v", err)
	}
	<-begun
}
