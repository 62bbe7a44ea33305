// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// childVariable makes the test's executable a host that downloads one file:
// ADDRESS SHA256 PATH.
const childVariable = "BULKHEAD_TEST_DOWNLOAD"

func TestMain(m *testing.M) {
	if args := strings.SplitN(os.Getenv(childVariable), " ", 3); len(args) == 3 {
		src, err := files.OpenSource(args[0], files.Options{})
		if err == nil {
			err = files.Download(context.Background(), src, "a", files.DownloadOptions{Path: args[2], Size: killedSize, SHA256: args[1]})
		}
		fmt.Println(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const killedSize = 500_000

// TestDownloadKilled kills a host in the middle; the lock is free, and the next one
// goes on where it was.
func TestDownloadKilled(t *testing.T) {
	data := noise(killedSize)
	var ranges []string
	half := make(chan bool, 1)
	src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		w.Header().Set("ETag", `"v"`)
		if len(ranges) > 1 {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(killedSize))
		_, _ = w.Write(data[:300_000])
		_ = http.NewResponseController(w).Flush()
		half <- true
		<-r.Context().Done()
	})
	path := filepath.Join(t.TempDir(), "f")
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), childVariable+"="+src.String()+" "+sum(data)+" "+path)
	must(t, host.Start())
	<-half
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(path + ".partial"); err == nil && info.Size() == 300_000 {
			break
		}
	}
	must(t, host.Process.Kill())
	_ = host.Wait() // it was killed
	must(t, files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: killedSize, SHA256: sum(data)}))
	has(t, path, data)
	only(t, filepath.Dir(path), "f")
	if len(ranges) != 2 || ranges[1] != "bytes=300000-" {
		t.Errorf("the requests were for %q", ranges)
	}
}
