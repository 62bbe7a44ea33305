// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// What a specification grants arrives in the plugin, and nowhere else.

func TestSecrets(t *testing.T) {
	const value = "hf_0123456789"
	for _, level := range []sandbox.Level{0, sandbox.None} {
		p, log := start(t, "good", func(s *Spec, _ *Options) {
			s.Ceiling, s.Floor = level, level
			s.Secrets, s.SecretsEnv = []sandbox.Secret{{Name: "hf_token", Value: value}}, "TEST_SECRETS"
		})
		if got, err := call(p, "secret:hf_token"); err != nil || got != value+", <nil>" {
			t.Errorf("at %v: %q, %v", p.Sandbox().Level, got, err)
		}
		if env, _ := call(p, "env:"); strings.Contains(env, value) {
			t.Error("the secret is in the environment")
		}
		if _, err := call(p, "stderr:[INFO] logged in with "+value); err != nil {
			t.Fatal(err)
		}
		eventually(t, log, "logged in with (secret)")
		if _, err := call(p, "status:no access for "+value); !strings.HasSuffix(err.Error(), "no access for (secret)") {
			t.Errorf("got %v", err)
		}
		if _, err := call(p, "die:3:bye "+value); !strings.Contains(err.Error(), "bye (secret)") {
			t.Errorf("got %v", err)
		}
		if strings.Contains(log.String(), value) {
			t.Errorf("the secret is in the log: %s", log)
		}
	}
}

func TestRedactHook(t *testing.T) {
	p, log := start(t, "good", func(_ *Spec, o *Options) {
		o.Redact = func(text string) string { return strings.ReplaceAll(text, "/home/ada", "~") }
	})
	if _, err := call(p, "raw:[INFO] reading /home/ada/model"); err != nil {
		t.Fatal(err)
	}
	eventually(t, log, "reading ~/model")
}

func TestInherit(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p, _ := start(t, "good", func(s *Spec, _ *Options) { s.Inherit = []*os.File{w} })
	if got, err := call(p, "fd:3"); err != nil || got != "<nil>" {
		t.Fatalf("%q, %v", got, err)
	}
	text := make([]byte, 64)
	if n, err := r.Read(text); err != nil || string(text[:n]) != "from the plugin" {
		t.Errorf("%q, %v", text[:n], err)
	}
	if got, _ := call(p, "fd:30"); !strings.Contains(got, "bad file descriptor") {
		t.Errorf("a descriptor that nobody gave: %q", got)
	}
}

// A strict sandbox ends a plugin at its first refusal and says what it was.
func TestStrict(t *testing.T) {
	p, _ := start(t, "good", func(s *Spec, _ *Options) { s.Strict = true })
	if wall, _ := p.Sandbox().Wall("seccomp"); !wall.On {
		t.Skip("no seccomp wall at level " + p.Sandbox().Level.String())
	}
	_, err := call(p, "socket")
	var failure *CallFailure
	if !errors.As(err, &failure) || failure.Death.Cause != ForbiddenCall || !strings.Contains(err.Error(), "it called socket, which it was not granted") {
		t.Errorf("got %v", err)
	}
}

func TestWithout(t *testing.T) {
	p, _ := start(t, "good", func(s *Spec, _ *Options) { s.Without, s.Floor = []string{"seccomp"}, sandbox.None })
	if wall, known := p.Sandbox().Wall("seccomp"); !known || wall.On || p.Sandbox().Level > sandbox.Weak {
		t.Errorf("%+v", p.Sandbox())
	}
}

// Messages are capped both ways, at what the specification says.
func TestMessageBytes(t *testing.T) {
	p, _ := start(t, "good", func(s *Spec, _ *Options) { s.MessageBytes = 1 << 20 })
	big := strings.Repeat("x", 1<<20)
	if _, err := call(p, "echo:"+big); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("to the plugin: %v", err)
	}
	if _, err := call(p, "huge"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("from the plugin: %v", err)
	}
	if got, err := call(p, "echo:"+big[:1<<19]); err != nil || len(got) != 1<<19 {
		t.Errorf("half of it: %d, %v", len(got), err)
	}
}

// Log bounds are the specification's too.
func TestLogBounds(t *testing.T) {
	p, log := start(t, "good", func(s *Spec, _ *Options) { s.LogBytes, s.LogRate = 20<<10, 1<<20 })
	if _, err := call(p, "flood"); err != nil {
		t.Fatal(err)
	}
	_ = p.Close(context.Background())
	eventually(t, log, "bytes of log dropped")
	if n := strings.Count(log.String(), "yyyyyyyyyy"); n == 0 || len(log.String()) > 30<<10 {
		t.Errorf("%d bytes were logged", len(log.String()))
	}
}
