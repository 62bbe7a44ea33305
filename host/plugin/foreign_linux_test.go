// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	kv "github.com/hashicorp/go-plugin/examples/grpc/proto"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// foreignPlugin builds one of go-plugin's own examples, programs that know nothing of
// this host, and returns how to run it.
func foreignPlugin(t *testing.T, example string) (Spec, Options) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command")
	}
	spec, options, _ := fixture(t, "")
	spec.Path = filepath.Join(t.TempDir(), "foreign")
	spec.Env = map[string]string{"BASIC_PLUGIN": "hello"} // its own magic cookie
	build := exec.Command("go", "build", "-o", spec.Path, "github.com/hashicorp/go-plugin/examples/"+example)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return spec, options
}

// A plain go-plugin program starts, answers, stops and dies under this host.
func TestForeignPlugin(t *testing.T) {
	spec, options := foreignPlugin(t, "grpc/plugin-go-grpc")
	for _, level := range []sandbox.Level{0, sandbox.None} {
		spec.Ceiling, spec.Floor = level, level
		p, err := Launch(context.Background(), spec, options)
		if err != nil {
			t.Fatal(err)
		}
		client := kv.NewKVClient(p.Conn())
		// It reads files where it stands; there are none, which it can tell only
		// by an answer of its own.
		if _, err := client.Get(t.Context(), &kv.GetRequest{Key: "absent"}); err == nil || !strings.Contains(err.Error(), "open kv_absent: no such file") {
			t.Errorf("Get at %v: %v", p.Sandbox().Level, err)
		}
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if d := p.Exit(); d == nil || d.Cause != Closed {
			t.Errorf("death %+v", d)
		}
	}
}

// Two foreign programs live side by side, and one's death is its own.
func TestForeignPluginDies(t *testing.T) {
	spec, options := foreignPlugin(t, "grpc/plugin-go-grpc")
	first, err := Launch(context.Background(), spec, options)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Launch(context.Background(), spec, options)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close(context.Background())
	process, err := os.FindProcess(first.PID())
	if err != nil {
		t.Fatal(err)
	}
	_ = process.Kill()
	<-first.Done()
	_, err = kv.NewKVClient(first.Conn()).Get(t.Context(), &kv.GetRequest{Key: "x"})
	if d := first.Exit(); d.Cause != Signalled || !strings.Contains(err.Error(), "signal killed") {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := kv.NewKVClient(second.Conn()).Get(t.Context(), &kv.GetRequest{Key: "x"}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("the other one: %v", err)
	}
}

// An old program that serves net/rpc is refused by name.
func TestForeignNetRPC(t *testing.T) {
	spec, options := foreignPlugin(t, "grpc/plugin-go-netrpc")
	_, err := Launch(context.Background(), spec, options)
	var h *HandshakeError
	if !errors.As(err, &h) || h.Problem != NotGRPC {
		t.Fatalf("got %v", err)
	}
}

// A program that is no plugin says so, and its words reach the user.
func TestForeignCookie(t *testing.T) {
	spec, options := foreignPlugin(t, "grpc/plugin-go-grpc")
	spec.Env = nil
	_, err := Launch(context.Background(), spec, options)
	var d *Death
	if !errors.As(err, &d) || !strings.Contains(err.Error(), "This binary is a plugin") {
		t.Fatalf("got %v", err)
	}
}
