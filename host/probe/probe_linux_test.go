// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	MaybeSpeak()
	os.Exit(m.Run())
}

// python is a real interpreter of this machine.
func python(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Skip("no python3 here")
	}
	return strings.TrimSpace(string(out))
}

func try[T any](t *testing.T, p Probe, o Options) map[string]T {
	t.Helper()
	out := map[string]T{}
	for _, f := range Run(context.Background(), []Probe{p}, o) {
		if f.Unknown != "" {
			t.Fatalf("%s is unknown: %s", f.Address, f.Unknown)
		}
		var v T
		if err := json.Unmarshal(f.Value, &v); err != nil {
			t.Fatal(err)
		}
		out[group(f.Address)] = v
	}
	return out
}

// group is an address without its key.
func group(address string) string { base, _, _ := strings.Cut(address, "["); return base }

// module writes a module into a directory that PYTHONPATH names.
func module(t *testing.T, name, text string) Options {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name+".py"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Options{Env: map[string]string{"PYTHONPATH": dir}, Home: "/root"}
}

// The test directories lie in /tmp, where a private root has its scratch; this
// one does not.
func TestImportBehindAllWalls(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "probe")
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "alone.py"), []byte("import os; pid = os.getpid(); __version__ = str(os.path.exists('/var/tmp/other')) "), 0o644); err != nil {
		t.Fatal(err)
	}
	got := try[Import](t, importOf(t, "alone"), Options{Env: map[string]string{"PYTHONPATH": dir}, Home: "/root"})[ImportAddress]
	if !got.OK || got.Version != "False" {
		t.Errorf("%+v", got)
	}
}

func importOf(t *testing.T, name string) Probe {
	return Probe{Address: "probe.import[x]", Title: "import " + name, Deadline: 2 * time.Minute, run: importing("/env", python(t), name, "")}
}

func TestImport(t *testing.T) {
	o := module(t, "fine", "__version__ = '1.2'\nprint('noise')")
	got := try[Import](t, importOf(t, "fine"), o)[ImportAddress]
	if !got.OK || got.Version != "1.2" || !strings.HasSuffix(got.Path, "/fine.py") || got.PeakBytes == 0 {
		t.Errorf("import of a good module: %+v", got)
	}
}

func TestImportFails(t *testing.T) {
	for name, c := range map[string]struct{ text, want, cause string }{
		"chain":  {"try:\n  import nothing_there\nexcept ImportError as e:\n  raise RuntimeError('cannot go on') from e", "RuntimeError: cannot go on", "No module named 'nothing_there'"},
		"exits":  {"import sys; sys.exit('no licence')", "SystemExit: no licence", ""},
		"aborts": {"import os; os.abort()", "signal 6", ""},
		"segv":   {"import ctypes; ctypes.string_at(0)", "signal 11", ""},
		"writes": {"import os; os.write(3, b'lies'); os._exit(7)", "exit status 7", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := try[Import](t, importOf(t, "bad_"+name), module(t, "bad_"+name, c.text))[ImportAddress]
			if got.OK || !strings.Contains(got.Error, c.want) || !strings.Contains(got.Cause, c.cause) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestImportHasADeadline(t *testing.T) {
	o := module(t, "slow", "while True: pass")
	o.Deadline = 300 * time.Millisecond
	begin := time.Now()
	got := try[Import](t, importOf(t, "slow"), o)[ImportAddress]
	if got.OK || !strings.Contains(got.Error, "in time") || time.Since(begin) > time.Minute {
		t.Errorf("after %v: %+v", time.Since(begin), got)
	}
}

func TestImportCannotWriteOrConnect(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	o := module(t, "evil", "open("+`"`+victim+`"`+", 'w').write('x')")
	got := try[Import](t, importOf(t, "evil"), o)[ImportAddress]
	if _, err := os.Stat(victim); err == nil || got.OK {
		t.Errorf("a module wrote to the machine: %+v", got)
	}
}

func TestProductOfNumpy(t *testing.T) {
	venv := os.Getenv("BULKHEAD_TEST_PYTHON")
	if venv == "" {
		t.Skip("BULKHEAD_TEST_PYTHON names no interpreter with numpy")
	}
	p := Probe{Address: "probe.import[x]", Deadline: 60 * time.Second, run: importing("/env", venv, "numpy", "")}
	got := try[Tensor](t, p, Options{Home: "/root"})[TensorAddress]
	if !got.OK || got.Device != "cpu" {
		t.Errorf("%+v", got)
	}
}

func TestDriverWithoutOne(t *testing.T) {
	p := Probe{Address: DriverAddress, Deadline: 2 * time.Minute, run: driver(python(t))}
	got := try[Driver](t, p, Options{Home: "/root"})[DriverAddress]
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		t.Skip("this machine has a driver")
	}
	if got.NVML.OK || !strings.Contains(got.NVML.Error, "libnvidia-ml.so.1") || !strings.Contains(got.CUDA.Error, "libcuda.so.1") {
		t.Errorf("%+v", got)
	}
}

// engine serves what a Docker engine would on a socket.
func engine(t *testing.T, answers map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "engine") // a socket's name has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("the engine was asked to %s %s", r.Method, r.URL)
		}
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return socket
}

func TestEngine(t *testing.T) {
	socket := engine(t, map[string]string{
		"/version": `{"Version": "28.2.2", "ApiVersion": "1.50"}`,
		"/info":    `{"Runtimes": {"runc": {}, "nvidia": {}}, "DefaultRuntime": "nvidia", "Driver": "overlay2", "CgroupDriver": "systemd", "CgroupVersion": "2", "DockerRootDir": "/var/lib/docker", "Warnings": ["a\u001b[31mb"]}`,
	})
	p := Probe{Address: DockerAddress, Deadline: 2 * time.Minute, run: askEngine(socket)}
	got := try[Docker](t, p, Options{})[DockerAddress]
	if !got.OK || got.Version != "28.2.2" || got.API != "1.50" || strings.Join(got.Runtimes, " ") != "nvidia runc" || got.CgroupDriver != "systemd" {
		t.Errorf("%+v", got)
	}
	if strings.Contains(got.Warnings[0], "\x1b") {
		t.Errorf("a control character of the engine: %q", got.Warnings)
	}
}

func TestEngineThatIsNotThere(t *testing.T) {
	p := Probe{Address: DockerAddress, Deadline: 2 * time.Minute, run: askEngine("/nowhere/docker.sock")}
	if got := try[Docker](t, p, Options{})[DockerAddress]; got.OK || !strings.Contains(got.Error, "no such file") {
		t.Errorf("%+v", got)
	}
}

func TestReach(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gated" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	o := &Options{Env: map[string]string{"NO_PROXY": "*"}}
	if got := reach(context.Background(), server.URL+"/simple/", o); !got.OK || got.Status != http.StatusOK {
		t.Errorf("a server: %+v", got)
	}
	if got := reach(context.Background(), server.URL+"/gated", o); !got.OK || got.Error != "Unauthorized" {
		t.Errorf("a gated page: %+v", got)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	if got := reach(context.Background(), secure.URL, o); got.OK || got.Stage != "tls" || !strings.Contains(got.Error, "certificate") {
		t.Errorf("a certificate from nobody: %+v", got)
	}
	if got := reach(context.Background(), "http://127.0.0.1:1", o); got.OK || got.Stage != "connect" {
		t.Errorf("a closed port: %+v", got)
	}
}

func TestReachThroughAProxy(t *testing.T) {
	target := httptest.NewTLSServer(http.NotFoundHandler())
	defer target.Close()
	var authorization string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Proxy-Authorization")
		far, err := net.Dial("tcp", strings.TrimPrefix(target.URL, "https://"))
		if err != nil {
			t.Error(err)
			return
		}
		// The answer follows the hijack: the server reads ahead until then, and
		// would keep the first byte of what the client says next.
		near, _, _ := w.(http.Hijacker).Hijack()
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = far.(*net.TCPConn).ReadFrom(near) }()
		_, _ = near.(*net.TCPConn).ReadFrom(far)
	}))
	defer proxy.Close()
	u := strings.Replace(proxy.URL, "http://", "http://ada:secret@", 1)
	// Loopback is never proxied by its own name, so the proxy finds the target. That
	// its certificate is looked at shows that the connection goes through.
	got := reach(context.Background(), "https://hub.example/models", &Options{Env: map[string]string{"https_proxy": u}})
	if got.Stage != "tls" || !strings.Contains(got.Error, "certificate") {
		t.Errorf("through the proxy: %+v", got)
	}
	if strings.Contains(got.Proxy, "secret") || got.Proxy == "" {
		t.Errorf("the proxy as it is told: %q", got.Proxy)
	}
	if authorization != "Basic YWRhOnNlY3JldA==" {
		t.Errorf("authorization %q", authorization)
	}
}

func TestCloud(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			_, _ = w.Write([]byte("token-1\n"))
		case r.Header.Get("X-aws-ec2-metadata-token") == "token-1":
			_, _ = w.Write([]byte("p5.48xlarge"))
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	p := Probe{Address: CloudAddress, Deadline: 2 * time.Minute, run: askCloud("aws", metadata["aws"], strings.TrimPrefix(server.URL, "http://"))}
	if got := try[Cloud](t, p, Options{})[CloudAddress]; !got.OK || got.InstanceType != "p5.48xlarge" {
		t.Errorf("%+v", got)
	}
}

func TestRunTellsProgress(t *testing.T) {
	var events []Event
	probe := Probe{Address: "probe.cloud", Title: "one", Deadline: time.Second, run: func(context.Context, *Options) []fact.Fact { return nil }}
	Run(context.Background(), []Probe{probe, probe}, Options{Progress: func(e Event) { events = append(events, e) }})
	if len(events) != 4 || events[3].Done != 2 || events[3].Total != 2 || !events[3].Ended {
		t.Errorf("%+v", events)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := Run(ctx, []Probe{probe}, Options{}); len(got) != 1 || got[0].Unknown == "" {
		t.Errorf("after the end: %+v", got)
	}
}
