// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// weights is a safetensors file whose header tells of n bytes, without them.
func weights(n int) string {
	header := fmt.Sprintf(`{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, n, n)
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("\x00", n)
}

const index70B = `{"metadata":{"total_size":141107412992},"weight_map":{"a":"model-00001-of-00030.safetensors"}}`

// snapshot is a file of a revision of a cached model, with its blob.
func snapshot(name, content string) map[string]string {
	return map[string]string{
		hub + "/models--org--big/blobs/0011": content, hub + "/models--org--big/snapshots/abc/" + name: "-> ../../blobs/0011", hub + "/version.txt": "1",
	}
}

// limited is a machine whose control group allows 8 GiB of 15.6.
func limited() machine { return laptop().with(file(leaf+"memory.max", "8589934592\n"), nil) }

func TestModelMemory(t *testing.T) {
	project := func(name, content string) map[string]string { return file("/home/ada/train/"+name, content) }
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"large model, no limit", laptop().with(project("model.safetensors.index.json", index70B), nil), ""},
		{"limit above the memory", laptop().with(project("model.safetensors.index.json", index70B), nil).with(file(leaf+"memory.max", "1099511627776\n"), nil), ""},
		{"small model", limited().with(project("model.safetensors", weights(1000)), nil), ""},
		{"large model of the project, no GPU", limited().with(project("out/model.safetensors.index.json", index70B), nil).sees("gpu.count", 0), "model-memory:warning"},
		{"large model of the project, with a GPU", limited().with(project("model.safetensors.index.json", index70B), nil).sees("gpu.count", 1), "model-memory:info"},
		{"large model of the project, GPUs not known", limited().with(project("model.safetensors.index.json", index70B), nil), "model-memory:info"},
		{"large pickle of the project", limited().with(project("pytorch_model.bin.index.json", strings.ReplaceAll(index70B, "safetensors", "bin")), nil).sees("gpu.count", 1), "model-memory:warning"},
		{"large model of the cache, no GPU", limited().with(snapshot("model.safetensors.index.json", index70B), nil).sees("gpu.count", 0), "model-memory:info"},
		{"index of garbage", limited().with(project("model.safetensors.index.json", "\x00{"), nil), ""},
		{"index that is a bomb", limited().with(project("model.safetensors.index.json", strings.Repeat("[", 100000)), nil), ""},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.machine, tt.want) })
	}
}

func TestModelFacts(t *testing.T) {
	m := laptop().with(snapshot("model.safetensors", weights(700)), nil).with(map[string]string{
		"/home/ada/train/a/model.safetensors": weights(900), "/home/ada/train/a/pytorch_model.bin": strings.Repeat("x", 5000),
		"/home/ada/train/q.gguf": strings.Repeat("x", 300), "/home/ada/train/b/model.safetensors": "cut off",
		"/home/ada/train/loop.gguf": "-> loop.gguf",
	}, nil)
	got, _ := fact.Get[[]model](m.observe(t), "models")
	want := []model{
		{"a", "/home/ada/train/a/model.safetensors", 900, "safetensors", "project"},
		{"org/big", hub + "/models--org--big/snapshots/abc/model.safetensors", 700, "safetensors", "cache"},
		{"train", "/home/ada/train/q.gguf", 300, "gguf", "project"},
		{"b", "/home/ada/train/b/model.safetensors", 7, "safetensors", "project"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestPartialDownloads(t *testing.T) {
	blob := hub + "/models--a--b/blobs/11.incomplete"
	set := laptop().with(file(blob, "xyz"), nil).observe(t)
	recorded, ok := fact.Get[[]partialDownload](set, "hf.partial_downloads")
	if !ok || len(recorded) != 1 || recorded[0].Bytes != 3 || recorded[0].AgeSeconds != nil {
		t.Errorf("a recorded machine has %+v", recorded)
	}
	cache, _ := fact.Get[cacheSummary](set, "hf.cache")
	if cache != (cacheSummary{Path: hub, Repositories: 1, Files: 1, Bytes: 3}) {
		t.Errorf("hf.cache = %+v", cache)
	}

	live := plugintest.Machine(t, file(blob, "xyz"))
	live.Live = true
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(live.Root, blob), old, old); err != nil {
		t.Fatal(err)
	}
	aged, _ := fact.Get[[]partialDownload](fact.NewSet(plugintest.Observe(t, live, hubCollector)), "hf.partial_downloads")
	if len(aged) != 1 || aged[0].AgeSeconds == nil || *aged[0].AgeSeconds < 47*3600 {
		t.Errorf("a live machine has %+v", aged)
	}

	download := func(bytes, age int64) machine {
		return machine{others: map[string]any{"hf.partial_downloads": []partialDownload{{Path: blob, Bytes: bytes, AgeSeconds: &age}}}}
	}
	expect(t, download(5<<30, 200_000), "hf-partial-downloads:info")
	expect(t, download(5<<30, 600), "")
	expect(t, download(5000, 200_000), "")
	expect(t, laptop().with(file(blob, "xyz"), nil), "")
}

// mounted is a machine with one more file system.
func mounted(point string) machine {
	return laptop().with(file("/proc/self/mountinfo", strings.TrimSpace(laptopMounts)+"\n90 22 0:90 / "+point+" rw shared:90 - tmpfs tmpfs rw,size=524288k\n"), nil)
}

func TestVariables(t *testing.T) {
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"token file there", laptop().with(file("/run/secrets/hf", "x"), env("HF_TOKEN_PATH=/run/secrets/hf")), ""},
		{"token file missing", laptop().with(nil, env("HF_TOKEN_PATH=/run/secrets/hf")), "hf-token-missing:info"},
		{"token file empty", laptop().with(file("/run/secrets/hf", ""), env("HF_TOKEN_PATH=/run/secrets/hf")), "hf-token-missing:info"},
		{"token file relative", laptop().with(nil, env("HF_TOKEN_PATH=secrets/hf")), ""},

		{"endpoint", laptop().with(nil, env("HF_ENDPOINT=https://hub.example.com/api/huggingfaceml/x")), ""},
		{"endpoint on this machine", laptop().with(nil, env("HF_ENDPOINT=http://localhost:5000/")), ""},
		{"endpoint empty", laptop().with(nil, env("HF_ENDPOINT=")), ""},
		{"endpoint without a scheme", laptop().with(nil, env("HF_ENDPOINT=hf-mirror.com")), "hf-endpoint-invalid:error"},
		{"endpoint quoted", laptop().with(nil, env(`HF_ENDPOINT="https://hf-mirror.com"`)), "hf-endpoint-invalid:error"},
		{"endpoint misspelt", laptop().with(nil, env("HF_ENDPOINT=htps://hf-mirror.com")), "hf-endpoint-invalid:error"},

		{"threads as CPUs", laptop().with(nil, env("OMP_NUM_THREADS=8")), ""},
		{"threads over CPUs", laptop().with(nil, env("OMP_NUM_THREADS=64")), "thread-oversubscription:warning"},
		{"threads over CPUs, bounded", laptop().with(nil, env("OMP_NUM_THREADS=64", "OMP_THREAD_LIMIT=8")), ""},
		{"nested threads", laptop().with(nil, env("OMP_NUM_THREADS=8,4")), ""},
		{"threads of nonsense", laptop().with(nil, env("OMP_NUM_THREADS=many", "MKL_NUM_THREADS=-3", "OPENBLAS_NUM_THREADS=999999999999")), ""},
		{"threads over the quota", laptop().with(file(leaf+"cpu.max", "200000 100000\n"), env("OMP_NUM_THREADS=8")), "cgroup-cpu-throttled:info thread-oversubscription:warning"},
		{"threads over the cpuset", laptop().with(file("/proc/self/status", userStatus+"Cpus_allowed_list:\t0-1\n"), env("MKL_NUM_THREADS=4")), "thread-oversubscription:warning"},

		{"JAX memory twice", laptop().with(nil, env("XLA_CLIENT_MEM_FRACTION=.5", "XLA_PYTHON_CLIENT_MEM_FRACTION=.5")), "conflicting-env:error"},
		{"JAX memory once", laptop().with(nil, env("XLA_PYTHON_CLIENT_MEM_FRACTION=.5")), ""},
		{"proxies that agree", laptop().with(nil, env("https_proxy=http://p:1", "HTTPS_PROXY=http://p:1")), ""},
		{"proxies that differ", laptop().with(nil, env("https_proxy=http://u:hunter2@p:1", "HTTPS_PROXY=http://q:1")), "conflicting-env:info"},

		{"http proxy with its exception", laptop().with(nil, env("http_proxy=http://p:1", "no_proxy=localhost,127.0.0.1,.corp")), ""},
		{"http proxy without an exception", laptop().with(nil, env("http_proxy=http://p:1", "no_proxy=.corp")), "no-proxy-loopback:info"},
		{"http proxy alone", laptop().with(nil, env("http_proxy=http://p:1")), "no-proxy-loopback:info"},
		{"no proxy at all", laptop().with(nil, env("no_proxy=https://a b")), ""},
		{"exception of a web page", laptop().with(nil, env("https_proxy=http://p:1", "no_proxy=https://hub.corp/x,localhost")), "no-proxy-invalid:warning"},
		{"exceptions with spaces after commas", laptop().with(nil, env("https_proxy=http://p:1", "no_proxy=a.corp, localhost")), ""},

		{"small tmp of its own", mounted("/tmp").disk("/tmp", 512<<20, 100<<20), "tmp-low:warning"},
		{"large tmp of its own", mounted("/tmp").disk("/tmp", 8<<30, 8<<30), ""},
		{"tmp on the disk of the root", laptop().disk("/tmp", 512<<20, 1<<20), ""},
		{"tmp elsewhere", mounted("/scratch").with(nil, env("TMPDIR=/scratch")).disk("/scratch", 512<<20, 1<<20), "tmp-low:warning"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, fs := range expect(t, tt.machine, tt.want) {
				if strings.Contains(fmt.Sprint(fs), "hunter2") {
					t.Errorf("a password is shown: %+v", fs)
				}
			}
		})
	}
}

func TestNoProxyRemedy(t *testing.T) {
	m := laptop().with(nil, env("https_proxy=http://p:1", "NO_PROXY=https://hub.corp/x;b,localhost"))
	f := expect(t, m, "no-proxy-invalid:warning")["system.no-proxy-invalid"]
	if got := f[0].Remedies[0].Preview[0]; got != "export NO_PROXY=hub.corp,localhost" {
		t.Errorf("the remedy is %s", got)
	}
}

func TestPackageIndexes(t *testing.T) {
	m := laptop().with(map[string]string{
		"/etc/pip.conf": "[global]\nindex-url = https://ada:hunter2@pypi.corp/simple\n", "/home/ada/.config/uv/uv.toml": "[[index]]\nurl = \"https://download.pytorch.org/whl/cu128\"\n",
	}, env("PIP_EXTRA_INDEX_URL=https://x:hunter2@b/simple https://c"))
	var got []string
	set := m.observe(t)
	all, _ := fact.Get[[]indexSetting](set, "net.package_indexes")
	for _, s := range all {
		got = append(got, fmt.Sprintf("%s %s:%d %s=%s", s.Tool, s.Origin, s.Line, s.Key, s.Value))
	}
	want := "pip /etc/pip.conf:2 index-url=https://***@pypi.corp/simple|uv /home/ada/.config/uv/uv.toml:2 index=https://download.pytorch.org/whl/cu128|" +
		"pip PIP_EXTRA_INDEX_URL:0 extra-index-url=https://***@b/simple|pip PIP_EXTRA_INDEX_URL:0 extra-index-url=https://c"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	for _, f := range set.All() {
		if strings.Contains(string(f.Value)+fmt.Sprint(f.Evidence), "hunter2") {
			t.Errorf("%s shows a password", f.Address)
		}
	}
}

// TestConflictsAreGranted keeps the table and the manifest together.
func TestConflictsAreGranted(t *testing.T) {
	granted := map[string]bool{}
	for _, g := range plugintest.Grants(t, "manifest.json") {
		granted[g.Name] = true
	}
	for _, row := range tables.Conflicts() {
		for _, v := range row.Variables {
			if !granted[v.Name] {
				t.Errorf("%s of %s is not granted", v.Name, row.ID)
			}
		}
	}
}

// TestHostileCache holds the collector to its bounds: pipes, loops, NULs and
// huge files in the cache and the project.
func TestHostileCache(t *testing.T) {
	target := plugintest.Machine(t, map[string]string{
		hub + "/models--a--b/snapshots/r/model.safetensors":            "\xff\xff\xff\xff\xff\xff\xff\x7f",
		hub + "/models--a--b/snapshots/r/model.safetensors.index.json": "-> model.safetensors.index.json",
		hub + "/models--\x01\xff--c/blobs/x":                           "y",
		"/home/ada/train/huge.safetensors.index.json":                  "",
		"/etc/pip.conf": strings.Repeat("[global]\nindex-url = x\n", 10000),
	})
	if err := os.Truncate(filepath.Join(target.Root, "home/ada/train/huge.safetensors.index.json"), 1<<40); err != nil {
		t.Skip("no sparse files here")
	}
	start := time.Now()
	plugintest.Observe(t, target, collectors()...)
	if took := time.Since(start); took > 2*time.Minute {
		t.Errorf("took %v", took)
	}
}
