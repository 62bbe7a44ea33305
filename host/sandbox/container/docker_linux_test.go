// SPDX-License-Identifier: Apache-2.0

package container

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/internal/dockertest"
)

// TestDocker runs the tests of containers against a Docker engine: the one that
// DOCKER_HOST names, or one of our own without any network.
func TestDocker(t *testing.T) {
	if testing.Short() {
		t.Skip("a Docker engine takes time to start")
	}
	dockertest.Engine(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, string)
	}{
		{"serve", testServe}, {"view", testView}, {"exec", testExecGrant}, {"exits", testExits}, {"memory", testOutOfMemory},
		{"killed host", testKilledHost}, {"sweep", testSweep}, {"killed monitor", testKilledMonitor},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, dockerEngine) })
	}
	t.Run("refuses descriptors", func(t *testing.T) {
		r, _ := request(t, dockerEngine, "sleep")
		r.Inherit = []*os.File{os.Stdin}
		if _, err := Start(context.Background(), r); err == nil || !strings.Contains(err.Error(), "descriptors") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("names what is wrong", func(t *testing.T) {
		r, _ := request(t, dockerEngine, "sleep")
		r.Binds = []Bind{{Source: "/nowhere", Target: "/target/nowhere"}}
		if _, err := Start(context.Background(), r); err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAgree(t *testing.T) {
	for _, c := range []struct{ newest, oldest, want string }{
		{"1.41", "1.12", "1.41"}, {"1.40", "", "1.40"}, {"1.99", "1.44", newestAPI}, {"2.0", "1.44", newestAPI},
		{"1.39", "1.12", ""}, {"1.99", "1.52", ""}, {"", "", ""}, {"x", "1.12", ""}, {"-1.5", "", ""},
	} {
		got, err := agree(c.newest, c.oldest)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s to %s: %q, %v", c.oldest, c.newest, got, err)
		}
	}
}

func TestEngineSocket(t *testing.T) {
	for host, want := range map[string]string{
		"": "/var/run/docker.sock", "unix:///x/y": "/x/y", "tcp://1.2.3.4:2375": "", "ssh://host": "", "unix://relative": "",
	} {
		t.Setenv("DOCKER_HOST", host)
		got, err := engineSocket()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("DOCKER_HOST=%q: %q, %v", host, got, err)
		}
	}
}

// fakeEngine answers like an engine that has nothing but refusals.
func fakeEngine(t *testing.T, handle http.HandlerFunc) *engineAPI {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "engine") // a socket's name has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handle}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return newEngineAPI(socket, "1.41")
}

func TestEngineErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{404, `{"message":"no such container"}`, "no such container"},
		{500, "plain words\n", "plain words"},
		{500, `{"message":""}`, `{"message":""}`},
		{503, strings.Repeat("x", 5000), strings.Repeat("x", 1000)},
	} {
		api := fakeEngine(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/v1.41/") {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		err := api.call(context.Background(), "GET", "/x", nil, nil, nil)
		var answer *engineError
		if !errors.As(err, &answer) || answer.Status != c.status || answer.Message != c.want {
			t.Errorf("%d %.40q: %v", c.status, c.body, err)
		}
		_, _, err = api.stream(context.Background(), "/attach", nil)
		if !errors.As(err, &answer) || answer.Status != c.status {
			t.Errorf("stream, %d: %v", c.status, err)
		}
	}
}

// An engine may tell of the end before it tells that it was for want of memory.
func TestWantOfMemoryIsToldLate(t *testing.T) {
	for name, c := range map[string]struct {
		killed, want bool
		events       []string // one answer after the other
	}{
		"told late":     {events: []string{"", `{"Action":"oom"}`}, want: true},
		"told twice":    {events: []string{"{\"Action\":\"oom\"}\n{\"Action\":\"oom\"}\n"}, want: true},
		"killed by us":  {killed: true, events: []string{`{"Action":"oom"}`}},
		"by a stranger": {events: []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			api := fakeEngine(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/events"):
					_, _ = io.WriteString(w, c.events[min(asked, len(c.events)-1)])
					asked++
				default:
					_, _ = io.WriteString(w, `{"State":{"ExitCode":137,"OOMKilled":false}}`)
				}
			})
			host, engine := net.Pipe()
			defer engine.Close()
			d := &docker{client: api, id: "x", output: host, copied: make(chan struct{})}
			close(d.copied)
			d.killed.Store(c.killed)
			e, err := d.wait()
			if err != nil || e.Signal != syscall.SIGKILL || e.OutOfMemory != c.want {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

// A container that its engine does not remove is not forgotten, and its files do
// not stay.
func TestUnreachableEngine(t *testing.T) {
	base := t.TempDir()
	name := namePrefix + "1-1-1"
	p := &plan{Name: name, Dir: filepath.Join(base, name), Engine: dockerEngine, Docker: &dockerPlan{Socket: filepath.Join(base, "none")}}
	text, err := json.Marshal(p)
	if err == nil {
		err = errors.Join(os.Mkdir(p.Dir, 0o700), os.WriteFile(filepath.Join(p.Dir, planFile), text, 0o600), os.WriteFile(p.program(), []byte("x"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := sweepOne(p.Dir); err == nil {
		t.Error("a sweep without an engine is taken for one that worked")
	}
	if !exists(filepath.Join(p.Dir, planFile)) || exists(p.program()) {
		t.Error("the plan is gone, or the program is left")
	}
	// An engine that was never asked for the container has none.
	if err := p.removeBy(&docker{plan: p, client: newEngineAPI("", "")}); err != nil || exists(p.Dir) {
		t.Errorf("left, %v", err)
	}
}

func TestPackProgram(t *testing.T) {
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("code"), 0o700); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := errors.Join(packProgram(&first, name), packProgram(&second, name)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of one program differ")
	}
	r := tar.NewReader(&first)
	header, err := r.Next()
	if err != nil || header.Name != "program" || header.Mode != 0o555 {
		t.Fatalf("%+v, %v", header, err)
	}
	if text, _ := io.ReadAll(r); string(text) != "code" {
		t.Errorf("the archive holds %q", text)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("there is more in the archive: %v", err)
	}
}

func TestDockerExit(t *testing.T) {
	for code, want := range map[int]Exit{
		0: {}, 7: {Code: 7}, 128: {Code: 128}, 137: {Code: -1, Signal: syscall.SIGKILL}, 139: {Code: -1, Signal: syscall.SIGSEGV}, 255: {Code: 255},
	} {
		if got := exitOf(code); *got != want {
			t.Errorf("%d: %+v, want %+v", code, *got, want)
		}
	}
}

func TestDockerContainer(t *testing.T) {
	r := &Request{
		Args: []string{"x", "-v"}, Dir: "/host/dir", Env: []string{"A=b"},
		Limits: Limits{OpenFiles: 256, AddressSpaceBytes: 4 << 30, MemoryBytes: 1 << 30, Processes: 64, CPUs: 0.5, ScratchBytes: 1 << 20},
		Binds:  []Bind{{Source: "/a", Target: "/target/a"}, {Source: "/b", Target: "/target/b", Access: Write}, {Source: "/dev/nvidia0", Target: "/dev/nvidia0", Access: Device}},
	}
	text, err := json.Marshal(newDockerContainer(r, "image", 61234, testMachine()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"Image":"image"`, `"User":"61234:61234"`, `"Entrypoint":["/program","-v"]`, `"NetworkMode":"none"`, `"NetworkDisabled":true`,
		`"ReadonlyRootfs":true`, `"CapDrop":["ALL"]`, `"SecurityOpt":["no-new-privileges"]`, `"PidsLimit":64`, `"Memory":1073741824`,
		`"MemorySwap":1073741824`, `"NanoCpus":500000000`, `"Source":"/a","Target":"/target/a","ReadOnly":true`,
		`"Source":"/b","Target":"/target/b","ReadOnly":false`, `{"Name":"nofile","Soft":256,"Hard":256}`, `"LogConfig":{"Type":"none"}`,
		`"PathOnHost":"/dev/nvidia0","PathInContainer":"/dev/nvidia0","CgroupPermissions":"rw"`, `size=1048576`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
	if bytes.Contains(text, []byte(`"Name":"as"`)) {
		t.Error("the engine knows no limit of the address space")
	}
}
