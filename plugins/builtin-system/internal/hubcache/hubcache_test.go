// SPDX-License-Identifier: Apache-2.0

package hubcache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

const cache = "/home/ada/.cache/huggingface/hub"

func TestLook(t *testing.T) {
	target := plugintest.Machine(t, map[string]string{
		cache + "/version.txt":                          "1",
		cache + "/.locks/models--a--b/x.lock":           "",
		cache + "/models--a--b/blobs/0011":              strings.Repeat("x", 100),
		cache + "/models--a--b/blobs/0022.incomplete":   strings.Repeat("x", 10),
		cache + "/models--a--b/snapshots/r/config.json": "-> ../../blobs/0011",
		cache + "/datasets--d/blobs/0033":               "xyz",
		cache + "/models--a--b/blobs/loop":              "-> loop",
		cache + "/models--file":                         "a file where a directory is expected",
		cache + "/CACHEDIR.TAG":                         "",
	})
	s := Look(t.Context(), target, cache)
	if s.Repositories != 3 || s.Files != 3 || s.Bytes != 113 || s.Partial {
		t.Errorf("%+v", s)
	}
	if len(s.Incomplete) != 1 || s.Incomplete[0].Path != cache+"/models--a--b/blobs/0022.incomplete" || s.Incomplete[0].Bytes != 10 || s.Incomplete[0].Modified.IsZero() {
		t.Errorf("%+v", s.Incomplete)
	}
	if s := Look(t.Context(), target, "/nowhere"); s.Files != 0 || s.Partial {
		t.Errorf("a cache that is not there: %+v", s)
	}
}

func TestLookIsBounded(t *testing.T) {
	target := plugintest.Machine(t, map[string]string{cache + "/models--a/blobs/": ""})
	dir := filepath.Join(target.Root, cache, "models--a/blobs")
	for i := range MaxEntries + 5 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s := Look(t.Context(), target, cache); !s.Partial || s.Files != MaxEntries {
		t.Errorf("%d files, partial %v", s.Files, s.Partial)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if s := Look(ended, target, cache); !s.Partial || s.Files != 0 {
		t.Errorf("after its context ended: %+v", s)
	}
}

func TestModel(t *testing.T) {
	for dir, want := range map[string]string{
		"/c/models--meta-llama--Llama-3.1-8B": "meta-llama/Llama-3.1-8B", "/c/models--gpt2": "gpt2", "/c/datasets--squad": "", "/c/x": "",
	} {
		if got := Model(dir); got != want {
			t.Errorf("%s is %q", dir, got)
		}
	}
}
