// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"strings"
	"testing"
)

func TestDeathInWords(t *testing.T) {
	for _, c := range []struct {
		death Death
		want  string
	}{
		{Death{Cause: Exited, ExitCode: 3}, `plugin "gpu" ended with exit status 3`},
		{Death{Cause: Exited, ExitCode: 3, Stderr: []string{"a", "b", "c", "d"}}, `plugin "gpu" ended with exit status 3; its last words: b | c | d`},
		{Death{Cause: Crashed, ExitCode: 2, Panic: "panic: nil map\ngoroutine 1", Stderr: []string{"x"}}, `plugin "gpu" crashed: panic: nil map (exit status 2)`},
		{Death{Cause: Signalled, Signal: "killed"}, `plugin "gpu" was ended by signal killed, which the kernel sends when memory runs out`},
		{Death{Cause: Signalled, Signal: "cpu limit exceeded"}, `plugin "gpu" was ended by signal cpu limit exceeded: it used up its processor time`},
		{Death{Cause: Signalled, Signal: "file size limit exceeded"}, `plugin "gpu" was ended by signal file size limit exceeded: it wrote a file larger than its limit`},
		{Death{Cause: Deadline, Detail: "the call /x took longer than 1m0s"}, `plugin "gpu" was killed: the call /x took longer than 1m0s`},
		{Death{Cause: Closed, Stderr: []string{"x"}}, `plugin "gpu" was closed by the host`},
		{Death{Cause: Cancelled}, `plugin "gpu" was killed because the work was cancelled`},
	} {
		c.death.Plugin = "gpu"
		if got := c.death.Error(); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}

func TestStartErrorInWords(t *testing.T) {
	err := error(&StartError{Plugin: "gpu", Err: &DigestError{Path: "/p/gpu", Want: "sha256:a", Got: "sha256:b"}})
	want := `plugin "gpu" did not start: /p/gpu has digest sha256:b, but sha256:a was installed; it was changed since, so install the plugin again`
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
	if good.StartTimeout != DefaultStartTimeout || good.CallTimeout != DefaultCallTimeout {
		t.Errorf("defaults %v, %v", good.StartTimeout, good.CallTimeout)
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
	} {
		s := good
		change(&s)
		if s.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
