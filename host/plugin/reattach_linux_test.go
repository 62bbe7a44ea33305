// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// startByHand starts a fixture as its author would, and says where it serves.
func startByHand(t *testing.T) (*exec.Cmd, Reattach) {
	t.Helper()
	dir := shortDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), fixtureEnv+"=good", "PLUGIN_UNIX_SOCKET_DIR="+dir), invitation([]int{1})...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	hello, wrong := parseGreeting(line, []int{1})
	if err != nil || wrong != nil {
		t.Fatal(err, wrong)
	}
	return cmd, Reattach{Protocol: 1, Network: "unix", Address: hello.address, PID: cmd.Process.Pid}
}

// attachTo launches nothing and uses what runs.
func attachTo(t *testing.T, to Reattach) (*Process, error) {
	t.Helper()
	spec, options, _ := fixture(t, "good")
	spec.Reattach = &to
	options.Drain = drainRefused(t)
	return Launch(context.Background(), spec, options)
}

// The host uses a process that was started by hand, lets go of it, and a second host
// finds it as before. Its end ends its calls, with a reason.
func TestReattach(t *testing.T) {
	defer timed(t, bound)()
	cmd, to := startByHand(t)
	for range 2 {
		p, err := attachTo(t, to)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := call(p, "echo:hello"); err != nil || got != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		if r := p.Sandbox(); r.Level.String() != "none" || r.Verified || p.PID() != cmd.Process.Pid || p.Digest() != "" {
			t.Errorf("report %+v", r)
		}
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := call(p, "echo:x"); err == nil {
			t.Error("a call after Close succeeded")
		}
	}
	p, err := attachTo(t, to)
	if err != nil {
		t.Fatalf("the host took the plugin along: %v", err)
	}
	failure := make(chan error, 1)
	go func() { _, err := call(p, "hang:"); failure <- err }()
	time.Sleep(100 * time.Millisecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	err = <-failure
	if d, ok := errors.AsType[*Death](err); !ok || d.Cause != Parted || status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "started by hand") {
		t.Errorf("%v", err)
	}
	if _, err := attachTo(t, to); err == nil {
		t.Error("attached to a process that is gone")
	}
}

// drainRefused fails the test when it is called: it would end the service for others.
func drainRefused(t *testing.T) func(context.Context, *grpc.ClientConn) error {
	return func(context.Context, *grpc.ClientConn) error {
		t.Error("the host drained a plugin that is not its own")
		return nil
	}
}

// What is not this user's alone, or not the process that was named, is refused.
func TestReattachRefused(t *testing.T) {
	_, to := startByHand(t)
	change := func(f func(*Reattach)) Reattach { r := to; f(&r); return r }
	plain := filepath.Join(filepath.Dir(to.Address), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]Reattach{
		"is no socket":                 change(func(r *Reattach) { r.Address = plain }),
		"not there any":                change(func(r *Reattach) { r.Address += "x" }),
		"is served by":                 change(func(r *Reattach) { r.PID = os.Getpid() }),
		"speaks protocol 9":            change(func(r *Reattach) { r.Protocol = 9 }),
		"start the plugin again under": change(func(r *Reattach) { r.PID = 1 << 30 }),
	} {
		if _, err := attachTo(t, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := os.Chmod(filepath.Dir(to.Address), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := attachTo(t, to); err == nil || !strings.Contains(err.Error(), "this user's alone") {
		t.Errorf("a directory that others may enter: %v", err)
	}
}

func TestParseReattach(t *testing.T) {
	good := `{"gpu":{"protocol":1,"network":"unix","address":"/tmp/x/plugin","pid":7}}`
	list, err := ParseReattach(good)
	if err != nil || list["gpu"] != (Reattach{1, "unix", "/tmp/x/plugin", 7}) {
		t.Fatal(list, err)
	}
	for _, wrong := range []string{
		"", "{", "[]", good + good, `{"GPU x":{"protocol":1,"network":"unix","address":"/x","pid":7}}`, `{"g":{"network":"tcp","address":"/x","pid":7}}`,
		`{"g":{"network":"unix","address":"x","pid":7}}`, `{"g":{"network":"unix","address":"/x","pid":0}}`, `{"g":{"host":"x"}}`, strings.Repeat(" ", maxReattach+1),
	} {
		if _, err := ParseReattach(wrong); err == nil {
			t.Errorf("%.60q was taken", wrong)
		}
	}
}

func FuzzParseReattach(f *testing.F) {
	f.Add(`{"gpu":{"protocol":1,"network":"unix","address":"/tmp/x/plugin","pid":7}}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseReattach(text)
		for name, r := range list {
			if err == nil && (r.PID <= 0 || !filepath.IsAbs(r.Address) || name == "") {
				t.Errorf("%q: %+v", name, r)
			}
		}
	})
}
