// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/learn"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// A run that was cut short takes nothing out of a manifest, and says so.
func TestCutShortKeepsGrants(t *testing.T) {
	read := func(p string) manifest.Grant { return manifest.Grant{Kind: manifest.Read, Path: p, Why: "w"} }
	asked := []manifest.Grant{read("/a"), read("/b"), read("/c")}
	l := lesson{Plugin: "x", Doing: "collecting", Proposal: learn.Proposal{Grants: []manifest.Grant{read("/a"), read("/new")}, NotHere: []manifest.Grant{read("/c")}}}
	for cut, want := range map[string]string{"": "/a /new /c", "it died": "/a /new /c /b"} {
		l.CutShort = cut
		var got []string
		for _, g := range l.manifest(asked) {
			got = append(got, g.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("cut short %q: %q", cut, got)
		}
		var b strings.Builder
		if err := l.WriteText(&b, report.Options{}); err != nil || strings.Contains(b.String(), "The run was cut short: it died.") != (cut != "") {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
}

// The first refusal that a grant would have changed asks for another run.
func TestAnotherRun(t *testing.T) {
	for _, c := range []struct {
		refused []learn.Refusal
		want    bool
	}{{nil, false}, {[]learn.Refusal{{What: "system call ptrace"}}, false}, {[]learn.Refusal{{What: "read /x", Grant: "read /x"}}, true}} {
		var b strings.Builder
		err := lesson{Proposal: learn.Proposal{Refused: c.refused, More: 3}}.WriteText(&b, report.Options{})
		if got := strings.Contains(b.String(), "run it again with"); err != nil || got != c.want {
			t.Errorf("%v, %v\n%s", c.refused, err, b.String())
		}
		if c.refused != nil && !strings.Contains(b.String(), "and 3 more") {
			t.Error(b.String())
		}
	}
}

// deaf is a connection on which every call fails.
type deaf struct {
	grpc.ClientConnInterface
	err error
}

func (d deaf) Invoke(context.Context, string, any, any, ...grpc.CallOption) error { return d.err }

func TestAnswersAreNoted(t *testing.T) {
	first := errors.New("first")
	c := &answers{ClientConnInterface: deaf{}}
	if err := c.Invoke(t.Context(), "m", nil, nil); err != nil || c.failure() != nil {
		t.Error(err, c.failure())
	}
	for _, err := range []error{first, errors.New("second")} {
		c.ClientConnInterface = deaf{err: err}
		if got := c.Invoke(t.Context(), "m", nil, nil); !errors.Is(got, err) || !errors.Is(c.failure(), first) {
			t.Error(got, c.failure())
		}
	}
}
