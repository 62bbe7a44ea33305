// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

func TestMergeDenials(t *testing.T) {
	got := mergeDenials([]sandbox.Denial{
		{Call: "socket", Count: 2}, {Call: "bind", Count: 1}, {Call: "socket", Count: 3},
		{Call: "connect", Count: 1, Grant: "net b:1"}, {Call: "connect", Count: 1, Grant: "net a:1"},
	})
	want := []sandbox.Denial{
		{Call: "bind", Count: 1}, {Call: "connect", Count: 1, Grant: "net a:1"}, {Call: "connect", Count: 1, Grant: "net b:1"}, {Call: "socket", Count: 5},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if mergeDenials(nil) != nil {
		t.Error("denials out of nothing")
	}
}

// refuser is an attendant that refused something.
type refuser struct{ unattended }

func (refuser) Refused() []sandbox.Denial {
	return []sandbox.Denial{{Call: "connection to pypi.org:443", Count: 2, Grant: "net pypi.org:443"}, {Call: "mount\x1b", Count: 1}}
}

// Each kind is logged once, with the grant that would allow it.
func TestDenialsAreToldOnce(t *testing.T) {
	sink, out := sinkOf()
	p := &Process{attendant: refuser{}, runner: &sandboxRunner{logs: sink}}
	for range 3 {
		p.tellDenials(hclog.Warn, p.Denials())
	}
	text := out.String()
	for _, want := range []string{`the sandbox refused connection to pypi.org:443 (2 times); the grant "net pypi.org:443" would allow it`, `the sandbox refused mount\x1b, which no grant allows`} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not once in %q", want, text)
		}
	}
}

// TestProbesAreNotToldOf: what a plugin came up without explains no failed call, until
// it tries that again.
func TestProbesAreNotToldOf(t *testing.T) {
	sink, out := sinkOf()
	p := &Process{attendant: refuser{}, runner: &sandboxRunner{logs: sink}}
	p.cameUp()
	p.tellDenials(hclog.Warn, p.Denials())
	if out.Len() != 0 {
		t.Errorf("told of probes: %s", out)
	}
	p.tellDenials(hclog.Warn, []sandbox.Denial{{Call: "connection to pypi.org:443", Count: 3, Grant: "net pypi.org:443"}})
	if text := out.String(); !strings.Contains(text, "pypi.org:443 (3 times)") {
		t.Errorf("not told of what came later: %q", text)
	}
}
