// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// facts are what a probe of a module finds, by group.
func facts(t *testing.T, p Probe, o Options) map[string]fact.Fact {
	t.Helper()
	out := map[string]fact.Fact{}
	for _, f := range Run(context.Background(), []Probe{p}, o) {
		out[group(f.Address)] = f
	}
	return out
}

func TestACrashInTheProductIsNoFailedImport(t *testing.T) {
	for name, c := range map[string]struct{ body, tensor, unknown string }{
		"crash": {"import ctypes; ctypes.string_at(0)", "signal 11", ""},
		"hangs": {"while True: pass", "", "in time"},
		"lies":  {"raise ValueError('x' * 100000)", "ValueError", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := module(t, "numpy", "__version__ = '2'\ndef arange(n):\n  "+c.body)
			var got map[string]fact.Fact
			imported := false
			// What hangs takes all the time that there is, and the import a part of it.
			for limit := 2 * time.Second; !imported && limit < 2*time.Minute; limit *= 2 {
				if o.Deadline = 2 * time.Minute; name == "hangs" {
					o.Deadline = limit
				}
				got = facts(t, importOf(t, "numpy"), o)
				imported = strings.Contains(string(got[ImportAddress].Value), `"ok":true`)
			}
			if !imported {
				t.Errorf("the import: %s", got[ImportAddress].Value)
			}
			if f := got[TensorAddress]; c.tensor != "" && !strings.Contains(string(f.Value), c.tensor) || !strings.Contains(f.Unknown, c.unknown) || (f.Unknown == "") != (c.unknown == "") {
				t.Errorf("the product: %s %q", f.Value, f.Unknown)
			}
		})
	}
}

func TestHostileModules(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"lazy":    {"def __getattr__(n): raise RuntimeError(n)", `"ok":true`},
		"mute":    {"class E(Exception):\n  def __str__(self): raise ValueError()\nraise E()", `"error":"E"`},
		"deep":    {"import os; os.write(3, b'[' * 100000); os._exit(0)", "without an answer"},
		"forged":  {"import os; os.write(3, b'{\"import\": {\"ok\": true, \"version\": \"\\\\u001b[31m\\\\u0000\"}}'); os._exit(0)", `"seconds":0`},
		"flood":   {"import os\nfor i in range(500): os.write(1, b'x' * 65536); os.write(2, b'x' * 65536); os.write(3, b'x' * 65536)\nos._exit(0)", "without an answer"},
		"closed":  {"import os; os.closerange(3, 64)", "OSError"},
		"program": {"import os; os.execv('/bin/sh', ['sh'])", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(t, importOf(t, "bad_"+name), module(t, "bad_"+name, c.text))[ImportAddress]
			text := string(f.Value) + f.Unknown
			if !strings.Contains(text, c.want) || len(text) > 10000 || strings.Contains(text, "u001b") {
				t.Errorf("%s", text)
			}
		})
	}
}

// What walls refuse is no fault of the module.
func TestRefusedByTheSandbox(t *testing.T) {
	connects := "import socket; socket.create_connection(('127.0.0.1', 1), 1)"
	if f := facts(t, importOf(t, "connects"), module(t, "connects", connects))[ImportAddress]; !strings.Contains(f.Unknown, "the sandbox may have refused") {
		t.Errorf("%s %q", f.Value, f.Unknown)
	}
	f := facts(t, importOf(t, "forks"), module(t, "forks", "import os\ntry:\n  os.fork()\nexcept OSError as e:\n  raise RuntimeError('no helper') from e"))[ImportAddress]
	if !strings.Contains(f.Unknown, "the sandbox may have refused") || !strings.Contains(f.Unknown, "no helper") {
		t.Errorf("%s %q", f.Value, f.Unknown)
	}
}

func TestSafePathIsKept(t *testing.T) {
	o := module(t, "fine", "import sys; __version__ = repr(sys.path)")
	if out, _ := exec.Command(python(t), "-c", "import sys; print(hasattr(sys.flags, 'safe_path'))").Output(); !strings.Contains(string(out), "True") {
		t.Skip("this Python is older than the flag")
	}
	o.Env["PYTHONSAFEPATH"] = "1"
	p := Probe{Address: ImportAddress, Deadline: 2 * time.Minute, run: importing("/env", python(t), "fine", t.TempDir())}
	if got := try[Import](t, p, o)[ImportAddress]; !got.OK {
		t.Errorf("%+v", got)
	}
}

func TestADeadlineIsOnlyShortened(t *testing.T) {
	p := Probe{Address: "probe.cloud", Deadline: time.Hour, run: func(ctx context.Context, _ *Options) []fact.Fact {
		end, _ := ctx.Deadline()
		return []fact.Fact{{Address: "probe.cloud", Unknown: time.Until(end).Round(10 * time.Minute).String()}}
	}}
	for _, o := range []Options{{Deadline: 24 * time.Hour}, {}} {
		if got := facts(t, p, o)["probe.cloud"].Unknown; got != "1h0m0s" {
			t.Errorf("with %v the deadline is in %s", o.Deadline, got)
		}
	}
}

func TestPrivateDirectories(t *testing.T) {
	base := t.TempDir()
	t.Setenv("TMPDIR", base)
	mine, remove, err := privateDir()
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(base, privatePrefix+"left")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	removeDead()
	if _, err := os.Stat(left); err == nil {
		t.Error("what a dead host left is still there")
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("the directory of a probe that runs: %v", err)
	}
	remove()
	if _, err := os.Stat(mine); err == nil {
		t.Error("the directory of a probe that ended is still there")
	}
}

// engineOf asks a server that answers every request in one way.
func engineOf(t *testing.T, answer http.HandlerFunc, within time.Duration) Docker {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "engine") // a socket's name has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	begin := time.Now()
	p := Probe{Address: DockerAddress, Deadline: within, run: askEngine(filepath.Join(dir, "s"))}
	got := try[Docker](t, p, Options{})[DockerAddress]
	if took := time.Since(begin); took > within+time.Minute {
		t.Errorf("it took %v, with a deadline of %v", took, within)
	}
	return got
}

func TestHostileEngines(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
				return
			}
		}
	}
	long, _ := json.Marshal(map[string]any{"Version": strings.Repeat("v", 1<<20), "Warnings": []string{strings.Repeat("w", 1<<20)}})
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		ok     bool
		want   string
	}{
		"silent":   {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, "in time"},
		"drops":    {func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); <-r.Context().Done() }, false, "in time"},
		"endless":  {endless, false, "larger than"},
		"long":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(long) }, true, ""},
		"deep":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("[", 1<<20))) }, false, "no container engine"},
		"web page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, false, "no container engine"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, false, "Found"},
		"made up": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(520) }, false, "HTTP status 520"},
	} {
		t.Run(name, func(t *testing.T) {
			within := 2 * time.Minute
			if c.want == "in time" {
				within = 2 * time.Second
			}
			got := engineOf(t, c.answer, within)
			if got.OK != c.ok || !strings.Contains(got.Error, c.want) || len(got.Version) > maxWord {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestEngineSocket(t *testing.T) {
	for host, want := range map[string]string{
		"unix:///run/x.sock": "/run/x.sock", "tcp://10.0.0.1:2375": "", "ssh://ada@box": "", "unix://x.sock": "", "fd://": "",
	} {
		if got := engineSocket(map[string]string{"DOCKER_HOST": host}); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	if got := engineProbe(fact.NewSet([]fact.Fact{{Address: "docker.client.path", Value: []byte(`"/usr/bin/docker"`)}}), &Options{Env: map[string]string{"DOCKER_HOST": "tcp://h:1"}}); got != nil {
		t.Errorf("an engine elsewhere is asked for here: %+v", got)
	}
}

func TestProxies(t *testing.T) {
	var seen string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = r.Method + " " + r.URL.String() + " " + r.Header.Get("Proxy-Authorization")
	}))
	defer proxy.Close()
	place := strings.TrimPrefix(proxy.URL, "http://")
	// A page without TLS is asked of the proxy itself; the password is sent as
	// it is, not as the address quotes it.
	o := &Options{Env: map[string]string{"HTTP_PROXY": "http://ada:p%40ss@" + place}}
	got := reach(context.Background(), "http://hub.example/models", o)
	if want := "HEAD http://hub.example/models Basic YWRhOnBAc3M="; !got.OK || seen != want {
		t.Errorf("%+v; the proxy saw %q, want %q", got, seen, want)
	}
	for name, want := range map[string][2]string{
		"http://ada:sec ret@" + place:  {"proxy", "cannot be read"},
		"socks5://ada:secret@" + place: {untried, "not tried"},
	} {
		got := reach(context.Background(), "https://hub.example/", &Options{Env: map[string]string{"HTTPS_PROXY": name}})
		if got.OK || got.Stage != want[0] || !strings.Contains(got.Error, want[1]) || strings.Contains(fmt.Sprint(got), "sec") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The arguments of a process are for everybody to read.
func TestAPasswordIsNoArgument(t *testing.T) {
	spec, err := speakerSpec(talk{Authorization: "Basic c2VjcmV0"}, os.Stderr, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer spec.Exe.Close()
	if strings.Contains(strings.Join(spec.Args, " "), "c2VjcmV0") {
		t.Errorf("%q", spec.Args)
	}
}
