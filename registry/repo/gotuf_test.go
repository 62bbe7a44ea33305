// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// TestGoTUFReadsIt reads a registry with the client of go-tuf, which knows nothing
// of Bulkhead, over HTTP, before and after its keys changed.
func TestGoTUFReadsIt(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	web := httptest.NewServer(http.FileServer(http.Dir(r.dir)))
	defer web.Close()
	state := t.TempDir()
	cfg, err := config.New(web.URL+"/metadata", r.created.Root)
	must(t, err)
	cfg.LocalMetadataDir, cfg.LocalTargetsDir, cfg.RemoteTargetsURL = filepath.Join(state, "m"), filepath.Join(state, "t"), web.URL+"/targets"
	must(t, cfg.EnsurePathsExist())

	read := func(version string) {
		t.Helper()
		u, err := updater.New(cfg)
		must(t, err)
		u.UnsafeSetRefTime(start)
		must(t, u.Refresh())
		for _, path := range []string{release.TargetPath(scaler, version), release.ArchivePath(scaler, version, release.Any)} {
			info, err := u.GetTargetInfo(path)
			must(t, err)
			_, data, err := u.DownloadTarget(info, "", "")
			must(t, err)
			want, err := os.ReadFile(filepath.Join(r.dir, "targets", filepath.Dir(path), info.Hashes["sha256"].String()+"."+filepath.Base(path)))
			if err != nil || !bytes.Equal(data, want) {
				t.Errorf("%s: other bytes, %v", path, err)
			}
		}
		if _, err := u.GetTargetInfo(release.TargetPath(scaler, "9.9.9")); err == nil {
			t.Error("what was never published is there")
		}
	}
	read("1.0.0")
	everyone := r.everyone()
	for _, role := range []string{"timestamp", "targets", "root"} {
		must(t, changes["rotate "+role].make(r, ""))
	}
	must(t, everyone.Refresh(t.Context()))
	read("1.0.0")
}
