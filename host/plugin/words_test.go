// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

func TestDeathInWords(t *testing.T) {
	for _, c := range []struct {
		death Death
		want  string
	}{
		{Death{Cause: Exited, ExitCode: 3}, `plugin "gpu" ended with exit status 3`},
		{Death{Cause: Exited, ExitCode: 3, Stderr: []string{"a", "b", "c", "d"}}, `plugin "gpu" ended with exit status 3; its last words: b | c | d`},
		{Death{Cause: Exited, ExitCode: 1, Hint: "do this", Stderr: []string{"a"}}, `plugin "gpu" ended with exit status 1; do this; its last words: a`},
		{Death{Cause: Crashed, ExitCode: 2, Headline: "panic: nil map", Stderr: []string{"x"}}, `plugin "gpu" crashed: panic: nil map (exit status 2)`},
		{Death{Cause: Signalled, Signal: "aborted"}, `plugin "gpu" was ended by signal aborted`},
		{Death{Cause: OutOfMemory, Limit: 512 << 20, PeakBytes: 511 << 20, Hint: raise("memory")}, `plugin "gpu" ran out of memory: its limit is 512 MiB, and its peak was 511 MiB; ` + "raise it with `sandbox { limits { memory = ... } }` in the plugin's block"},
		{Death{Cause: OutOfMemory, Limit: sandbox.Unlimited, PeakBytes: 3 << 29}, `plugin "gpu" ran out of memory: its peak was 1.5 GiB`},
		{Death{Cause: OutOfMemory}, `plugin "gpu" ran out of memory`},
		{Death{Cause: CPULimit, Limit: 90, Signal: "killed"}, `plugin "gpu" used up its processor time of 1m30s`},
		{Death{Cause: ScratchLimit, Limit: 16 << 20, Signal: "killed"}, `plugin "gpu" was killed: it filled its scratch directory of 16 MiB`},
		{Death{Cause: WatchLimit, Limit: 16384, Signal: "killed"}, `plugin "gpu" was killed: it kept more than 16384 watches of descriptors and locks of files`},
		{Death{Cause: FileLimit, Limit: 16 << 20, Signal: "file size limit exceeded"}, `plugin "gpu" wrote a file larger than its limit of 16 MiB`},
		{Death{Cause: ForbiddenCall, Detail: "ptrace, which no plugin may"}, `plugin "gpu" was killed: it called ptrace, which no plugin may`},
		{Death{Cause: Deadline, Detail: "the call /x took longer than 1m0s"}, `plugin "gpu" was killed: the call /x took longer than 1m0s`},
		{Death{Cause: LifeTime, Detail: "it ran for 1m0s, which is as long as it may"}, `plugin "gpu" was killed: it ran for 1m0s, which is as long as it may`},
		{Death{Cause: KilledByUser, Detail: "interrupted"}, `plugin "gpu" was killed by the user: interrupted`},
		{Death{Cause: KilledByUser}, `plugin "gpu" was killed by the user`},
		{Death{Cause: Closed, Stderr: []string{"x"}}, `plugin "gpu" was closed by the host`},
		{Death{Cause: Cancelled}, `plugin "gpu" was killed because the work was cancelled`},
		{Death{Cause: Cancelled, Detail: "interrupt signal received"}, `plugin "gpu" was killed because the work was cancelled: interrupt signal received`},
	} {
		c.death.Plugin = "gpu"
		if got := c.death.Error(); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB", 512 << 20: "512 MiB", 3 << 40: "3 TiB", 5000 << 40: "5000 TiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestStartErrorInWords(t *testing.T) {
	err := error(&StartError{Plugin: "gpu", Err: &DigestError{Path: "/p/gpu", Want: "sha256:a", Got: "sha256:b"}})
	want := `plugin "gpu" did not start: /p/gpu has digest sha256:b, but sha256:a was installed; it was changed since: ` + "`bulkhead plugin verify --repair`" + ` fetches a plugin of a registry again, and any other one is to be installed again`
	if err.Error() != want {
		t.Errorf("\n got %s\nwant %s", err, want)
	}
	var digest *DigestError
	if !errors.As(err, &digest) {
		t.Error("the cause is not reachable")
	}
	err = &StartError{Plugin: "gpu", Err: &HandshakeError{Silent, "nothing"}, Stderr: []string{"one", "two"}}
	if !strings.HasSuffix(err.Error(), "; its last words: one | two") {
		t.Errorf("got %s", err)
	}
}

func TestSpecCheck(t *testing.T) {
	good := Spec{Name: "builtin/gpu-0.1", Path: "/bin/true", Env: map[string]string{"HF_HOME": "/x"}}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	if good.StartTimeout != DefaultStartTimeout || good.CallTimeout != DefaultCallTimeout || good.LifeTime != 0 {
		t.Errorf("defaults %v, %v, %v", good.StartTimeout, good.CallTimeout, good.LifeTime)
	}
	if good.MessageBytes != DefaultMessageBytes || good.LogBytes != DefaultLogBytes || good.LogRate != DefaultLogRate {
		t.Errorf("defaults %v, %v, %v", good.MessageBytes, good.LogBytes, good.LogRate)
	}
	for name, change := range map[string]func(*Spec){
		"no name":        func(s *Spec) { s.Name = "" },
		"escape in name": func(s *Spec) { s.Name = "gpu\x1b" },
		"no path":        func(s *Spec) { s.Path = "" },
		"md5":            func(s *Spec) { s.Digest = "md5:abc" },
		"short digest":   func(s *Spec) { s.Digest = "sha256:abc" },
		"cookie":         func(s *Spec) { s.Env = map[string]string{"BULKHEAD_PLUGIN": "x"} },
		"go-plugin":      func(s *Spec) { s.Env = map[string]string{"PLUGIN_CLIENT_CERT": "x"} },
		"loader":         func(s *Spec) { s.Env = map[string]string{"LD_PRELOAD": "x"} },
		"home":           func(s *Spec) { s.Env = map[string]string{"HOME": "x"} },
		"equals sign":    func(s *Spec) { s.Env = map[string]string{"A=B": "x"} },
		"secrets' name":  func(s *Spec) { s.SecretsEnv = "A=B" },
		"tiny messages":  func(s *Spec) { s.MessageBytes = 1 },
		"huge messages":  func(s *Spec) { s.MessageBytes = 1 << 31 },
		"negative call":  func(s *Spec) { s.CallTimeout = -time.Second },
		"negative life":  func(s *Spec) { s.LifeTime = -time.Second },
		"relative":       func(s *Spec) { s.Interpreter = &Interpreter{Path: "python"} },
		"relative lib":   func(s *Spec) { s.Interpreter = &Interpreter{Path: "/p", Libraries: []string{"lib"}} },
	} {
		s := good
		change(&s)
		if s.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
