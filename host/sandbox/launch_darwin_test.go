// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is its own probe: started with probeEnv it tries what that
// says, and prints what came of it.
const probeEnv = "SANDBOX_TEST_PROBE"

func TestMain(m *testing.M) {
	MaybeInit()
	if attempts := os.Getenv(probeEnv); attempts != "" {
		tryAll(attempts)
		return
	}
	os.Exit(m.Run())
}

func tryAll(attempts string) {
	out := map[string]string{}
	for attempt := range strings.SplitSeq(attempts, ",") {
		verb, argument, _ := strings.Cut(attempt, ":")
		if err := try(verb, argument); err != nil {
			out[attempt] = err.Error()
		} else {
			out[attempt] = "ok"
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

func try(verb, argument string) error {
	switch verb {
	case "read":
		_, err := os.ReadFile(argument)
		return err
	case "write":
		return os.WriteFile(argument, []byte("x"), 0o600)
	case "fork":
		return exec.Command("/usr/bin/true").Run()
	case "dial":
		conn, err := net.DialTimeout("tcp", argument, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err
	case "listen":
		listener, err := net.Listen("unix", argument)
		if err == nil {
			_ = listener.Close()
		}
		return err
	case "signal":
		return syscall.Kill(os.Getppid(), 0)
	case "limit":
		var l syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil || l.Max > 256 {
			return errors.New("the limit is not lowered")
		}
		return nil
	case "fd":
		buffer := make([]byte, 4)
		_, err := syscall.Read(3, buffer)
		return err
	case "sleep":
		time.Sleep(time.Minute)
	}
	return nil
}

// probeSpec runs the test binary as a probe.
func probeSpec(t *testing.T, attempts string) (Spec, func() []byte) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(exe.Close(), r.Close(), os.RemoveAll(dir)) })
	spec := Spec{
		Exe: exe, Args: []string{"probe"}, Env: []string{probeEnv + "=" + attempts}, DirEnv: []string{"HOME", "TMPDIR"},
		PrivateDir: dir, Stdout: w, Stderr: os.Stderr, Floor: Seatbelt,
	}
	return spec, func() []byte {
		_ = w.Close()
		var out bytes.Buffer
		_, _ = out.ReadFrom(r)
		return out.Bytes()
	}
}

func TestSeatbelt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := t.TempDir()
	granted, other := filepath.Join(dir, "granted"), filepath.Join(dir, "other")
	if err := errors.Join(os.WriteFile(granted, []byte("x"), 0o600), os.WriteFile(other, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	inherited, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.WriteString("here")
	spec, output := probeSpec(t, "")
	allowed := []string{"read:" + granted, "write:" + spec.PrivateDir + "/x", "listen:" + spec.PrivateDir + "/s", "limit:", "fd:3"}
	refused := []string{
		"read:" + other, "write:" + granted, "write:" + other, "write:" + filepath.Join(dir, "new"), "fork:",
		"dial:" + listener.Addr().String(), "listen:" + filepath.Join(dir, "s"), "signal:", "write:" + filepath.Join(spec.PrivateDir, programName),
	}
	spec.Env = []string{probeEnv + "=" + strings.Join(append(append([]string{}, allowed...), refused...), ",")}
	spec.Binds, spec.Inherit = []Bind{{Source: granted}, {Source: filepath.Join(dir, "absent"), Optional: true}}, []*os.File{inherited}
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	var seen map[string]string
	text := output()
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatalf("%v: %q, %+v", err, text, p.Exit())
	}
	for _, attempt := range allowed {
		if seen[attempt] != "ok" {
			t.Errorf("%s: %s", attempt, seen[attempt])
		}
	}
	for _, attempt := range refused {
		if seen[attempt] == "ok" {
			t.Errorf("%s: it got through", attempt)
		}
	}
	if r := p.Report(); r.Level != Seatbelt || !r.Verified || len(r.Skipped) != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestKillEndsTheProgram(t *testing.T) {
	spec, _ := probeSpec(t, "sleep:")
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the program lives on")
	}
	if e := p.Exit(); e.Signal != syscall.SIGKILL {
		t.Errorf("exit %+v", e)
	}
}

// A link inside a root that leads out of it gives nothing away.
func TestLinkOutOfTheRoot(t *testing.T) {
	root := t.TempDir()
	if err := os.Symlink("/etc/hosts", filepath.Join(root, "hosts")); err != nil {
		t.Fatal(err)
	}
	spec, _ := probeSpec(t, "read:/etc/hosts")
	spec.Root, spec.Binds = root, []Bind{{Source: "/hosts"}}
	_, err := Launch(context.Background(), spec)
	var refused *BindError
	if !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}
