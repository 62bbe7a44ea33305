// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/checks"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

type manifest struct {
	Name   string
	Grants []struct{ Kind, Path, Name, Why string }
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	data, err := os.ReadFile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestManifestGrantsBasePlaces: what the plugin calls gone must be visible to
// it when it is there.
func TestManifestGrantsBasePlaces(t *testing.T) {
	m := readManifest(t)
	for _, place := range locate.BasePlaces {
		if !slices.ContainsFunc(m.Grants, func(g struct{ Kind, Path, Name, Why string }) bool {
			return g.Path == place || path.Dir(g.Path) == place && strings.HasPrefix(path.Base(g.Path), "python")
		}) {
			t.Errorf("no grant for %s", place)
		}
	}
}

// granted reports whether a grant gives a path, itself or with what holds it.
func (m manifest) granted(file string) bool {
	for dir := file; dir != "." && dir != "/" && dir != "~" && !strings.HasPrefix(path.Base(dir), "$"); dir = path.Dir(dir) {
		if slices.ContainsFunc(m.Grants, func(g struct{ Kind, Path, Name, Why string }) bool { return clean(g.Path) == dir }) {
			return true
		}
	}
	return false
}

// clean drops the "./" that path.Dir drops too.
func clean(granted string) string { return strings.TrimPrefix(granted, "./") }

// TestManifestGrantsPlaces: every place in which environments are looked for is
// granted, so that what is absent there is really absent.
func TestManifestGrantsPlaces(t *testing.T) {
	m := readManifest(t)
	for _, p := range locate.Places {
		if strings.Contains(p.Pattern, "AppData") || p.Manager == "system" {
			continue // other names, and no promise
		}
		files := []string{"bin/python*", "pyvenv.cfg"}
		if p.Conda {
			files = []string{"bin/python*", "conda-meta/python-3*.json"}
		}
		for _, file := range files {
			if name := path.Join(clean(p.Pattern), file); !m.granted(name) {
				t.Errorf("no grant for %s", name)
			}
		}
	}
}

// TestManifestGrantsVariables: the variables that places begin with are granted.
func TestManifestGrantsVariables(t *testing.T) {
	m := readManifest(t)
	for _, g := range m.Grants {
		name, ok := strings.CutPrefix(g.Path, "$")
		name, _, _ = strings.Cut(name, "/")
		if ok && !strings.HasPrefix(name, "{") && !slices.ContainsFunc(m.Grants, func(e struct{ Kind, Path, Name, Why string }) bool { return e.Name == name }) {
			t.Errorf("%s: the variable is not granted", g.Path)
		}
	}
}

func TestManifestIsMinimal(t *testing.T) {
	m := readManifest(t)
	if m.Name != info.Name {
		t.Errorf("name %q, the plugin calls itself %q", m.Name, info.Name)
	}
	for _, g := range m.Grants {
		if g.Why == "" || (g.Kind == "env") != (g.Name != "") || (g.Kind == "read") != (g.Path != "") {
			t.Errorf("grant %+v is malformed", g)
		}
		if slices.Contains([]string{"/", "~", "~/", "/usr", "/usr/lib", "/etc", "/proc", "."}, strings.TrimSuffix(g.Path, "/")) && g.Path != "" {
			t.Errorf("grant %+v is too wide", g)
		}
	}
}

// TestOverTheWire serves the plugin as the host sees it.
func TestOverTheWire(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.Install(site, fakeenv.Dist{Name: "numpy", Version: "1.26.4"})
	tr.Install(site, fakeenv.Dist{Name: "numpy", Version: "2.0.0"})
	conn := serve(t)
	out, err := pluginv1.NewCollectorServiceClient(conn).Collect(t.Context(), &pluginv1.CollectRequest{Target: &pluginv1.Target{
		Root: tr.Target.Root, Env: tr.Target.Env, Home: tr.Target.Home, Os: "linux", Arch: "amd64",
	}})
	if err != nil || len(out.GetDiagnostics()) > 0 {
		t.Fatalf("Collect: %v %v", err, out.GetDiagnostics())
	}
	judged, err := pluginv1.NewCheckerServiceClient(conn).Check(t.Context(), &pluginv1.CheckRequest{Facts: out.GetFacts()})
	if err != nil || len(judged.GetFindings()) != 1 || judged.GetFindings()[0].GetCode() != "python.duplicate-distribution" {
		t.Errorf("Check: %v %v", judged.GetFindings(), err)
	}
}

func serve(t *testing.T) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := plugin.NewServer(info, fact.Serve(collect.Environments), check.Serve(checks.All()...))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	conn, err := grpc.NewClient("passthrough:plugin", grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestLargeEnvironment: the environment of the benchmark is healthy, so that
// the figure is that of a full run.
func TestLargeEnvironment(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 15,000 files")
	}
	tr := fakeenv.Large(t)
	facts, _ := fact.Observe(t.Context(), tr.Target, collect.Environments)
	for _, o := range check.Run(t.Context(), fact.NewSet(facts), checks.All(), nil) {
		for _, f := range o.Findings {
			t.Errorf("finding %s: %s", f.Code, f.Detail)
		}
	}
	loads, _ := fact.Get[[]struct{ Objects int }](fact.NewSet(facts), "python.env[/opt/env].loads")
	if len(loads) != 1 || loads[0].Objects < 30 {
		t.Errorf("walked %v, want 30 libraries or more", loads)
	}
}

// BenchmarkDoctor is the work inside the plugin for one diagnosis: collecting,
// encoding and judging. "best-ms" is the fastest run and "cpu-ms" the processor
// time of one, which a loaded machine disturbs least.
func BenchmarkDoctor(b *testing.B) {
	tr := fakeenv.Large(b)
	best := time.Hour
	before, iteration := cpuTime(), 0
	for b.Loop() {
		start := time.Now()
		target := &fact.Target{Root: tr.Target.Root, Env: tr.Target.Env, Home: tr.Target.Home, OS: "linux", Arch: "amd64"}
		facts, _ := fact.Observe(b.Context(), target, collect.Environments)
		decoded, err := fact.FromProto(fact.ToProto(facts))
		if err != nil {
			b.Fatal(err)
		}
		iteration++
		check.Run(b.Context(), fact.NewSet(distinct(decoded, iteration)), checks.All(), nil)
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms")
	b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
}

// distinct makes the facts of one run differ from those of every other by
// trailing spaces, so that nothing remembered from an earlier run helps.
func distinct(facts []fact.Fact, iteration int) []fact.Fact {
	for i := range facts {
		facts[i].Value = append(slices.Clone(facts[i].Value), bytes.Repeat([]byte(" "), iteration)...)
	}
	return facts
}
