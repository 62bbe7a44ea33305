// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// victim is a service that no plugin may make the host talk to.
func victim(t *testing.T, network, address string) (string, func() bool) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var mu sync.Mutex
	touched := false
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			touched = true
			mu.Unlock()
			_ = c.Close()
		}
	}()
	return listener.Addr().String(), func() bool {
		mu.Lock()
		defer mu.Unlock()
		return touched
	}
}

func TestAddressesAreRefused(t *testing.T) {
	for _, c := range []struct{ kind, network, address, reason string }{
		{"tcp", "tcp", "127.0.0.1:0", "only a unix socket"},
		{"foreign", "unix", "/var/tmp/plugin-victim-a-PID.sock", "private directory"},
		{"symlink", "unix", "/tmp/plugin-victim-b-PID.sock", "symbolic links"},
		{"traversal", "unix", "/tmp/plugin-victim-c-PID.sock", "plain name"},
		{"file", "unix", "/tmp/plugin-victim-d-PID.sock", "not a socket"},
	} {
		for _, level := range []sandbox.Level{sandbox.Namespaced, sandbox.Weak} {
			t.Run(c.kind+" "+level.String(), func(t *testing.T) {
				defer timed(t, bound)()
				if c.network == "unix" {
					c.address = strings.Replace(c.address, "PID", strconv.Itoa(os.Getpid()), 1) // others may run this, too
				}
				address, touched := victim(t, c.network, c.address)
				spec, options, _ := fixture(t, c.kind)
				spec.Ceiling, spec.Floor = level, level
				spec.Env["TEST_ADDRESS"] = address
				_, err := Launch(context.Background(), spec, options)
				var refused *AddressError
				if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.reason) {
					t.Errorf("got %v, want %q", err, c.reason)
				}
				if touched() {
					t.Error("the host connected all the same")
				}
			})
		}
	}
}

func TestBadHandshakes(t *testing.T) {
	for kind, problem := range map[string]Problem{
		"silent": Silent, "garbage": Garbage, "long": TooLong, "version": Version, "core": CoreVersion,
		"netrpc": NotGRPC, "certificate": Certificate, "mute": NoService, "stuck": NoService,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			defer timed(t, bound)()
			spec, options, _ := fixture(t, kind)
			if kind == "silent" {
				spec.StartTimeout = 300 * time.Millisecond
			}
			_, err := Launch(context.Background(), spec, options)
			var h *HandshakeError
			if !errors.As(err, &h) || h.Problem != problem {
				t.Fatalf("got %v, want %s", err, problem)
			}
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("the message carries control characters: %q", err)
			}
		})
	}
}

func TestDeathAtStart(t *testing.T) {
	for kind, want := range map[string][]string{
		"exit":  {`plugin "gpu" did not start: plugin "gpu" ended with exit status 3; its last words: `, "no licence found"},
		"panic": {`plugin "gpu" crashed: panic: cannot begin (exit status 2)`},
	} {
		t.Run(kind, func(t *testing.T) {
			defer timed(t, bound)()
			spec, options, _ := fixture(t, kind)
			_, err := Launch(context.Background(), spec, options)
			var death *Death
			if !errors.As(err, &death) {
				t.Fatalf("got %v", err)
			}
			for _, text := range want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q lacks %q", err, text)
				}
			}
		})
	}
}

func TestDeathInACall(t *testing.T) {
	for command, want := range map[string]string{
		"panic:index out of range": `plugin "gpu" crashed: panic: index out of range (exit status 2)`,
		"exit:7":                   `plugin "gpu" ended with exit status 7`,
	} {
		t.Run(command, func(t *testing.T) {
			defer timed(t, bound)()
			p, _ := start(t, "good", nil)
			_, err := call(p, command)
			var failure *CallFailure
			if !errors.As(err, &failure) || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v", err)
			}
			if _, ok := status.FromError(failure.Err); !ok {
				t.Errorf("the status of the call is lost: %v", failure.Err)
			}
		})
	}
}

func TestHangingCall(t *testing.T) {
	defer timed(t, bound)()
	p, _ := start(t, "deaf", func(s *Spec, _ *Options) { s.CallTimeout = 300 * time.Millisecond })
	_, err := call(p, "hang")
	var failure *CallFailure
	if !errors.As(err, &failure) || failure.Death.Cause != Deadline || !strings.Contains(err.Error(), doMethod) {
		t.Fatalf("got %v", err)
	}
}

// A plugin knows how much time it has.
func TestPluginKnowsItsDeadline(t *testing.T) {
	p, _ := start(t, "good", func(s *Spec, _ *Options) { s.CallTimeout = time.Hour })
	if got, err := call(p, "deadline:"); err != nil || got != "true 1h0m0s" {
		t.Errorf("%q, %v", got, err)
	}
}

// The caller's own, shorter patience costs nobody's life.
func TestCallersDeadline(t *testing.T) {
	p, _ := start(t, "good", nil)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := p.Conn().Invoke(ctx, doMethod, wrapperspb.String("hang"), &wrapperspb.BytesValue{})
	if status.Code(p.CallError(err)) != codes.DeadlineExceeded {
		t.Fatalf("got %v", err)
	}
	if got, err := call(p, "echo:x"); err != nil || got != "x" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestHugeReply(t *testing.T) {
	p, _ := start(t, "good", nil)
	_, err := call(p, "huge")
	if status.Code(err) != codes.ResourceExhausted {
		t.Fatalf("got %v", err)
	}
	if got, err := call(p, "echo:"+strings.Repeat("x", 8<<20)); err != nil || len(got) != 8<<20 {
		t.Fatalf("8 MiB both ways: %d, %v", len(got), err)
	}
}

func TestBrokerIsRefused(t *testing.T) {
	p, _ := start(t, "good", nil)
	_, err := p.Conn().NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/plugin.GRPCBroker/StartStream")
	if status.Code(err) != codes.Unimplemented {
		t.Fatalf("got %v", err)
	}
}

// A grandchild that keeps the plugin's output open delays nothing. Where there
// may be one it must be granted.
func TestDaemon(t *testing.T) {
	for _, level := range []sandbox.Level{0, sandbox.Weak, sandbox.None} {
		t.Run(level.String(), func(t *testing.T) {
			p, log := start(t, "daemon", func(s *Spec, _ *Options) {
				s.Ceiling, s.Floor, s.Proc = level, level, true
				if level == 0 {
					s.Binds = []sandbox.Bind{{Source: s.Path, Target: "/opt/tool", Access: sandbox.Exec}}
					s.Env["TEST_EXE"] = "/opt/tool"
				}
			})
			defer timed(t, bound)()
			if err := p.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if refused := strings.Contains(log.String(), "spawn:"); refused != (level == sandbox.Weak) {
				t.Fatalf("refused %v: %s", refused, log)
			}
		})
	}
}

// Callers that know nothing of this package learn the cause of death from the
// connection itself, in the call that died and in those after it.
func TestConnectionTellsTheCause(t *testing.T) {
	p, _ := start(t, "good", nil)
	for _, when := range []string{"in the call", "after it"} {
		err := p.Conn().Invoke(t.Context(), doMethod, wrapperspb.String("exit:7"), &wrapperspb.BytesValue{})
		if s := status.Convert(err); s.Code() != codes.Unavailable || !strings.Contains(s.Message(), "ended with exit status 7") {
			t.Errorf("%s: %v", when, err)
		}
		<-p.Done()
	}
	stream, err := p.Conn().NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, doMethod)
	if err == nil {
		err = stream.RecvMsg(&wrapperspb.BytesValue{})
	}
	if s := status.Convert(err); s.Code() != codes.Unavailable || !strings.Contains(s.Message(), "exit status 7") {
		t.Errorf("a stream: %v", err)
	}
}

func TestStatusTextIsBoundAndClean(t *testing.T) {
	p, _ := start(t, "good", nil)
	_, err := call(p, "status:\x1b[2J\u202e"+strings.Repeat("A", 60000))
	text := status.Convert(err).Message()
	if !strings.HasPrefix(text, `\x1b[2J\u202eAAA`) || len(text) > 2*maxStatusText {
		t.Errorf("%d bytes: %.80q", len(text), text)
	}
}

// The texts of streams are bound and clean as those of calls are, and tell no
// secret.
func TestStreamErrorsAreCleanToo(t *testing.T) {
	const value = "hf_0123456789"
	p, _ := start(t, "good", func(s *Spec, _ *Options) {
		s.Secrets, s.SecretsEnv = []sandbox.Secret{{Name: "hf_token", Value: value}}, "TEST_SECRETS"
	})
	stream, err := p.Conn().NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, doMethod)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(wrapperspb.String("status:" + value + "\x1b[2J" + strings.Repeat("A", 60000))); err != nil {
		t.Fatal(err)
	}
	_ = stream.CloseSend()
	text := status.Convert(stream.RecvMsg(&wrapperspb.BytesValue{})).Message()
	if !strings.HasPrefix(text, `(secret)\x1b[2JAAA`) || len(text) > 2*maxStatusText {
		t.Errorf("%d bytes: %.80q", len(text), text)
	}
}

// A process that the plugin started is not the plugin: nobody speaks for it.
func TestForeignProcessBehindTheSocket(t *testing.T) {
	spec, options, _ := fixture(t, "foster")
	spec.Binds = []sandbox.Bind{{Source: spec.Path, Target: "/opt/tool", Access: sandbox.Exec}}
	spec.Env["TEST_EXE"] = "/opt/tool"
	_, err := Launch(context.Background(), spec, options)
	var refused *AddressError
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "is served by process") {
		t.Errorf("got %v", err)
	}
}

// A plugin that ran and could not be used leaves its death with whoever keeps the
// records.
func TestRefusedPluginsAreRecorded(t *testing.T) {
	for kind, want := range map[string]string{
		"tcp": "was turned away: handshake: refused to connect to tcp", "garbage": "was turned away: handshake: the first line",
		"exit": "ended with exit status 3", "silent": "was turned away: handshake: the plugin was not ready",
	} {
		t.Run(kind, func(t *testing.T) {
			spec, options, _ := fixture(t, kind)
			if kind == "silent" {
				spec.StartTimeout = time.Second
			}
			records := &recorder{}
			options.Prepare = func(*Spec) (Attendant, error) { return records, nil }
			if _, err := Launch(context.Background(), spec, options); err == nil {
				t.Fatal("started")
			}
			if len(records.ended) != 1 || records.ended[0] == nil {
				t.Fatalf("%d ends", len(records.ended))
			}
			p := records.ended[0]
			if d := p.Exit(); d == nil || !strings.Contains(d.Error(), want) || p.PID() == 0 {
				t.Errorf("recorded %v", d)
			}
		})
	}
}

// recorder is an attendant that remembers who ended.
type recorder struct {
	unattended
	ended []*Process
}

func (r *recorder) Ended(p *Process) { r.ended = append(r.ended, p) }
