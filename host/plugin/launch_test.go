// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// logBuffer collects the host's log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// fixture is a specification of a test plugin.
func fixture(t testing.TB, kind string) (Spec, Options, *logBuffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	run, err := os.MkdirTemp("", "plugin-test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(run, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	spec := Spec{
		Name: "gpu", Path: exe, Env: map[string]string{fixtureEnv: kind}, Limits: testLimits,
		StartTimeout: patience, CallTimeout: patience,
	}
	options := Options{Logger: hclog.New(&hclog.LoggerOptions{Name: "host", Level: hclog.Trace, Output: log}), RunDir: run}
	return spec, options, log
}

// start launches a fixture that must start.
func start(t testing.TB, kind string, change func(*Spec, *Options)) (*Process, *logBuffer) {
	t.Helper()
	spec, options, log := fixture(t, kind)
	if change != nil {
		change(&spec, &options)
	}
	p, err := Launch(context.Background(), spec, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p, log
}

// call runs a command in the plugin.
func call(p *Process, command string) (string, error) {
	var out wrapperspb.BytesValue
	err := p.Conn().Invoke(context.Background(), doMethod, wrapperspb.String(command), &out)
	return string(out.Value), p.CallError(err)
}

func TestLaunch(t *testing.T) {
	defer timed(t, bound)()
	t.Setenv("SECRET_TOKEN", "s3cret")
	p, _ := start(t, "good", func(s *Spec, _ *Options) {
		s.Env["HF_HOME"] = "/models"
		s.Binds = []sandbox.Bind{{Source: "/etc/hostname", Optional: true}, {Source: "/proc/meminfo"}}
	})
	if got, err := call(p, "echo:hello"); err != nil || got != "hello" {
		t.Fatalf("echo: %q, %v", got, err)
	}
	if r := p.Sandbox(); !r.Level.Spaces() || !r.Verified {
		t.Errorf("sandbox %+v", r)
	}
	env, _ := call(p, "env:")
	for _, want := range []string{"HF_HOME=/models", "BULKHEAD_TARGET_ROOT=/target", "HOME=/tmp", "BULKHEAD_PLUGIN="} {
		if !strings.Contains(env, want) {
			t.Errorf("environment lacks %s: %q", want, env)
		}
	}
	if strings.Contains(env, "SECRET") || strings.Contains(env, p.runner.dir) {
		t.Errorf("environment leaks: %q", env)
	}
	if got, _ := call(p, "read:/target/proc/meminfo"); !strings.Contains(got, "MemTotal") {
		t.Errorf("grant: %q", got)
	}
	if p.Exit() != nil {
		t.Errorf("alive but %v", p.Exit())
	}
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := p.Exit(); d == nil || d.Cause != Closed {
		t.Errorf("death %+v", d)
	}
	if _, err := call(p, "echo:x"); err == nil {
		t.Error("a call to a closed plugin succeeded")
	}
}

// The plugin's files go with it.
func TestNothingIsLeftBehind(t *testing.T) {
	p, _ := start(t, "good", nil)
	dir := p.runner.dir
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	_ = p.Close(context.Background())
	for deadline := time.Now().Add(bound); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is left behind", dir)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, level := range []sandbox.Level{sandbox.Namespaced, sandbox.Weak, sandbox.None} {
		t.Run(level.String(), func(t *testing.T) {
			p, _ := start(t, "good", func(s *Spec, _ *Options) { s.Ceiling, s.Floor = level, level })
			if got, err := call(p, "echo:x"); err != nil || got != "x" {
				t.Fatalf("%q, %v", got, err)
			}
			if p.Sandbox().Level != level {
				t.Errorf("level %v", p.Sandbox().Level)
			}
		})
	}
}

func TestDigest(t *testing.T) {
	spec, options, _ := fixture(t, "good")
	spec.Digest = "sha256:" + strings.Repeat("0", 64)
	_, err := Launch(context.Background(), spec, options)
	var wrong *DigestError
	if !errors.As(err, &wrong) || wrong.Want != spec.Digest || !validDigest().MatchString(wrong.Got) {
		t.Fatalf("got %v", err)
	}
	spec.Digest = wrong.Got
	p, err := Launch(context.Background(), spec, options)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	if p.Digest() != wrong.Got {
		t.Errorf("digest %s", p.Digest())
	}
}

func TestMissingExecutable(t *testing.T) {
	spec, options, _ := fixture(t, "good")
	spec.Path = filepath.Join(t.TempDir(), "absent")
	if _, err := Launch(context.Background(), spec, options); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `"gpu"`) {
		t.Fatalf("got %v", err)
	}
}

func TestCancelKills(t *testing.T) {
	spec, options, _ := fixture(t, "good")
	ctx, cancel := context.WithCancel(context.Background())
	p, err := Launch(ctx, spec, options)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if !within(p.Done(), bound) {
		t.Fatal("the plugin lives on")
	}
	if d := p.Exit(); d.Cause != Cancelled {
		t.Errorf("death %+v", d)
	}
}

// The handshake may be that of a program which was started once before, and the one
// that runs has not come so far.
func TestHandshakeBeforeTheSocket(t *testing.T) {
	p, _ := start(t, "hasty", nil)
	if got, err := call(p, "echo:x"); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCancelDuringStart(t *testing.T) {
	defer timed(t, bound)()
	spec, options, _ := fixture(t, "silent")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := Launch(ctx, spec, options); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestDrain(t *testing.T) {
	var drained bool
	p, _ := start(t, "good", func(_ *Spec, o *Options) {
		o.Drain = func(ctx context.Context, conn *grpc.ClientConn) error {
			drained = true
			return conn.Invoke(ctx, doMethod, wrapperspb.String("echo:x"), &wrapperspb.BytesValue{})
		}
	})
	if err := p.Close(context.Background()); err != nil || !drained {
		t.Fatalf("drained %v, %v", drained, err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	defer timed(t, bound)()
	p, _ := start(t, "good", func(_ *Spec, o *Options) {
		o.DrainTimeout = 100 * time.Millisecond
		o.Drain = func(context.Context, *grpc.ClientConn) error { select {} }
	})
	if err := p.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "did not finish") {
		t.Fatalf("got %v", err)
	}
}
