// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

const digest = "sha256:" + zeros

// remembering is a launcher that has described the plugin tool before, whose
// executable cannot be started.
func remembering(t *testing.T) *Launcher {
	t.Helper()
	l := &Launcher{CacheDir: filepath.Join(t.TempDir(), "cache"), Catalog: &Catalog{entries: map[string]*Entry{
		"tool": {Name: "tool", Digest: digest, Executable: filepath.Join(t.TempDir(), "absent"), Manifest: &manifest.Manifest{Name: "tool", Version: "1.2.3-rc.1"}},
	}}}
	l.remember(digest, described())
	return l
}

func TestDescriptionsAreRemembered(t *testing.T) {
	l := remembering(t)
	got, err := l.Describe(context.Background(), "tool")
	if err != nil || !proto.Equal(got, described()) {
		t.Errorf("%v, %v", got, err)
	}
	if l.recall("sha256:"+strings.Repeat("1", 64)) != nil {
		t.Error("another executable is described")
	}
	files, _ := filepath.Glob(filepath.Join(l.CacheDir, "descriptions", "*"))
	hidden, _ := filepath.Glob(filepath.Join(l.CacheDir, "descriptions", ".*"))
	if len(files) != 1 || len(hidden) != 0 {
		t.Errorf("files %v, temporary files %v", files, hidden)
	}
}

// A cache that is broken or contradicts the manifest is not believed: the plugin
// is started, which fails here.
func TestBrokenCacheIsNotBelieved(t *testing.T) {
	other := described()
	other.Version = "9.9.9"
	forged, _ := proto.Marshal(other)
	for name, data := range map[string][]byte{"garbage": []byte("\xff\xff\xff garbage"), "another version": forged, "empty": nil} {
		t.Run(name, func(t *testing.T) {
			l := remembering(t)
			if err := os.WriteFile(l.descriptionFile(digest), data, 0o600); err != nil {
				t.Fatal(err)
			}
			if d, err := l.Describe(context.Background(), "tool"); err == nil {
				t.Errorf("believed %v", d)
			}
		})
	}
}

// Without a digest nothing says that the file is the one of last time.
func TestUnpinnedPluginsAreAskedEachTime(t *testing.T) {
	l := remembering(t)
	l.Catalog.entries["tool"].Digest = ""
	if d, err := l.Describe(context.Background(), "tool"); err == nil {
		t.Errorf("believed %v", d)
	}
	l.remember("", described())
	if files, _ := filepath.Glob(filepath.Join(l.CacheDir, "descriptions", "*")); len(files) != 1 {
		t.Errorf("files %v", files)
	}
}

func TestNoCache(t *testing.T) {
	l := &Launcher{Catalog: &Catalog{}}
	l.remember(digest, described())
	if l.recall(digest) != nil {
		t.Error("remembered without a cache")
	}
	// A cache that cannot be made costs time, not the work.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.CacheDir = file
	l.remember(digest, described())
	if l.recall(digest) != nil {
		t.Error("remembered in a file")
	}
}

// Many hosts write and read one description: nobody sees half of it.
func TestDescriptionsAreWrittenWhole(t *testing.T) {
	l := remembering(t)
	d := described()
	d.Checks[0].Title = strings.Repeat("long ", 50_000)
	name := l.descriptionFile(digest)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				if err := writeAtomic(name, d); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 100 {
				if l.recall(digest) == nil {
					t.Error("read half a description")
				}
			}
		})
	}
	wg.Wait()
}

func TestStartOfTheUnknown(t *testing.T) {
	l := &Launcher{Catalog: &Catalog{entries: map[string]*Entry{}}}
	if _, err := l.Start(context.Background(), "nothing"); err == nil || !strings.Contains(err.Error(), "plugin list") {
		t.Errorf("%v", err)
	}
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func FuzzCachedDescription(f *testing.F) {
	good, _ := proto.Marshal(described())
	f.Add(good)
	f.Add([]byte{})
	f.Add([]byte("\x0a\x04tool\x12\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d pluginv1.DescribeResponse
		if proto.Unmarshal(data, &d) != nil {
			return
		}
		e := &Entry{Manifest: &manifest.Manifest{Name: "tool", Version: "1.0.0"}}
		if checkDescription(e, &d) == nil && (d.GetName() != "tool" || d.GetVersion() != "1.0.0") {
			t.Errorf("took %v", &d)
		}
	})
}

// Plugins that are started together share one look at the machine; a later one
// gets another.
func TestPluginsShareALook(t *testing.T) {
	l := &Launcher{Machine: &target.Machine{}}
	first := l.look()
	if l.look() != first {
		t.Error("the second plugin looks again")
	}
	l.looked = l.looked.Add(-2 * lookTime)
	if l.look() == first {
		t.Error("a much later plugin sees the past")
	}
}
