// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// The grant that a report names is written as the configuration writes it.
func TestAllowingGrant(t *testing.T) {
	for want, d := range map[string]network.Denial{
		"net example.com:443": {Address: "Example.com:443", Status: door.NotGranted},
		"":                    {Address: "169.254.169.254:80", Status: door.NotGranted},
	} {
		if got := allowing(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := allowing(network.Denial{Address: "a.co:443", Status: door.Forbidden}); got != "" {
		t.Errorf("%q would not help", got)
	}
}

// A plugin that has network grants would not get sockets by another one.
func TestHints(t *testing.T) {
	denials := []sandbox.Denial{{Call: "socket", Count: 2, Grant: anyAddress}, {Call: "connection to a.co:443", Count: 1, Grant: "net a.co:443"}, {Call: "clone", Count: 1, Grant: "exec PATH"}}
	if got := hints(denials, target.View{}); !slices.Equal(got, denials) {
		t.Errorf("%+v", got)
	}
	got := fmt.Sprint(hints(denials, target.View{Net: []string{"b.co:443"}}))
	if want := "[{socket 2 } {connection to a.co:443 1 net a.co:443} {clone 1 exec PATH}]"; got != want || denials[0].Grant == "" {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWithheld(t *testing.T) {
	view := target.View{Given: []target.Given{
		{Grant: manifest.Grant{Kind: manifest.Read, Path: "/data/*"}, Paths: []string{"/data/a"}, Cut: "too many"},
		{Grant: manifest.Grant{Kind: manifest.Write, Path: "./keys"}, Withheld: []target.Withheld{{Path: "/home/.ssh", Reason: "no"}}},
		{Grant: manifest.Grant{Kind: manifest.Read, Path: "/absent"}},
	}}
	want := []sandbox.Skipped{{Source: "/data/*", Reason: "too many"}, {Source: "/home/.ssh", Reason: "no"}}
	if got := withheld(view); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestSecretsWithoutValue(t *testing.T) {
	declared := &Entry{Declaration: &config.Plugin{Secrets: []config.SecretSource{{Name: "a", Env: "A"}}}}
	got := valueless(declared, []string{"a", "b"})
	if len(got) != 1 || got[0].Source != "secret b" || !strings.Contains(got[0].Reason, `write secret "b" { env = "NAME" }`) {
		t.Errorf("%+v", got)
	}
	if got := valueless(&Entry{}, []string{"a"}); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestWhoGranted(t *testing.T) {
	for _, tt := range []struct {
		declaration *config.Plugin
		want        string
	}{{nil, "manifest"}, {&config.Plugin{}, "manifest"}, {&config.Plugin{Grants: []string{}}, "configuration"}} {
		if got := (&attendant{entry: &Entry{Declaration: tt.declaration}}).by(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.declaration, got, tt.want)
		}
	}
}

func TestContained(t *testing.T) {
	spec := plugin.Spec{Name: "p", Floor: sandbox.Container}
	if err := contained(&spec); err == nil || !strings.Contains(err.Error(), "takes a container runtime") {
		t.Error(err)
	}
	if spec.Runtime = "runc"; contained(&spec) != nil || spec.Floor != sandbox.DefaultFloor {
		t.Errorf("%+v", spec)
	}
	spec.Strict = true
	if err := contained(&spec); err == nil || !strings.Contains(err.Error(), "`strict` does not go with the runtime \"runc\"") {
		t.Error(err)
	}
	spec = plugin.Spec{Floor: sandbox.Full, Runtime: "runc"}
	if err := contained(&spec); err != nil || spec.Floor != sandbox.Full {
		t.Errorf("%v, %s", err, spec.Floor)
	}
}

func TestUnenforcedLimits(t *testing.T) {
	group := func(detail string) sandbox.Report {
		return sandbox.Report{Level: sandbox.FullQuota, Walls: []sandbox.Wall{{Name: "cgroup", On: detail != "", Detail: detail}}}
	}
	both := config.Limits{GroupMemory: 1 << 30, CPUs: 0.5}
	for _, tt := range []struct {
		limits config.Limits
		report sandbox.Report
		want   string
	}{
		{both, group("memory 1024 MiB, processes 64, processors 0.5"), "[]"},
		{both, group("processes 64"), "[group_memory cpus]"},
		{both, group(""), "[group_memory cpus]"},
		{both, group("processes 64, processors 0.5"), "[group_memory]"},
		{config.Limits{Memory: 1 << 30}, group(""), "[]"},
		{both, sandbox.Report{Level: sandbox.Container, Walls: []sandbox.Wall{{Name: "cgroup", On: true, Detail: "cpu, memory; memory 1 GiB"}}}, "[]"},
		{both, sandbox.Report{Level: sandbox.Container}, "[group_memory cpus]"},
	} {
		if got := fmt.Sprint(unenforced(tt.limits, tt.report)); got != tt.want {
			t.Errorf("%+v in %v: %s, want %s", tt.limits, tt.report.Walls, got, tt.want)
		}
	}
}
