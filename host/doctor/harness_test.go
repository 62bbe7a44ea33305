// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// connect serves over an in-memory connection until the test ends.
func connect(t testing.TB, server *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); server.Stop() })
	return conn
}

// honest serves a plugin made with the SDK.
func honest(t testing.TB, name string, services ...plugin.Service) Plugin {
	t.Helper()
	conn := connect(t, plugin.NewServer(plugin.Info{Name: name, Version: "1.0.0"}, services...))
	d, err := pluginv1.NewPluginServiceClient(conn).Describe(context.Background(), &pluginv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return Plugin{Name: name, Version: "1.0.0", Description: d, Conn: conn, Target: &pluginv1.Target{Root: "/", Os: "linux"}}
}

// rogue is a plugin that answers whatever it likes.
type rogue struct {
	pluginv1.UnimplementedCollectorServiceServer
	pluginv1.UnimplementedCheckerServiceServer
	collect func(context.Context) (*pluginv1.CollectResponse, error)
	check   func(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error)
}

func (r *rogue) Collect(ctx context.Context, _ *pluginv1.CollectRequest) (*pluginv1.CollectResponse, error) {
	return r.collect(ctx)
}

func (r *rogue) Check(ctx context.Context, req *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	return r.check(ctx, req)
}

// serve starts the rogue, which describes the facts and codes given.
func (r *rogue) serve(t testing.TB, name string, facts, codes []string) (Plugin, *grpc.Server) {
	t.Helper()
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	pluginv1.RegisterCollectorServiceServer(server, r)
	pluginv1.RegisterCheckerServiceServer(server, r)
	return Plugin{Name: name, Version: "6.6.6", Description: describing(facts, codes), Conn: connect(t, server)}, server
}

func describing(facts, codes []string) *pluginv1.DescribeResponse {
	d := &pluginv1.DescribeResponse{}
	if len(facts) > 0 {
		c := &pluginv1.CollectorDescription{Name: "all"}
		for _, f := range facts {
			c.Facts = append(c.Facts, &pluginv1.FactDescription{Address: f})
		}
		d.Collectors = append(d.Collectors, c)
	}
	for _, code := range codes {
		d.Checks = append(d.Checks, &pluginv1.CheckDescription{Code: code, Area: "gpu"})
	}
	return d
}

// collecting is a rogue that gives these facts.
func collecting(t testing.TB, name string, described []string, facts ...*pluginv1.Fact) Plugin {
	t.Helper()
	r := &rogue{collect: func(context.Context) (*pluginv1.CollectResponse, error) {
		return &pluginv1.CollectResponse{Facts: facts}, nil
	}}
	p, _ := r.serve(t, name, described, nil)
	return p
}

// reporting is a rogue with one check, which reports these findings.
func reporting(t testing.TB, name, code string, findings ...*pluginv1.Finding) Plugin {
	t.Helper()
	r := &rogue{check: func(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
		return &pluginv1.CheckResponse{Findings: findings, Outcomes: ranAll(code)}, nil
	}}
	p, _ := r.serve(t, name, nil, []string{code})
	return p
}

func ranAll(codes ...string) []*pluginv1.CheckOutcome {
	var out []*pluginv1.CheckOutcome
	for _, code := range codes {
		out = append(out, &pluginv1.CheckOutcome{Code: code, Status: pluginv1.CheckOutcome_STATUS_RAN})
	}
	return out
}

func wireFact(address, value string) *pluginv1.Fact {
	return &pluginv1.Fact{Address: address, ValueJson: []byte(value)}
}

// collector observes constants.
func collector(values map[string]any) *fact.Service {
	c := fact.Collector{Name: "constants", Collect: func(_ context.Context, _ *fact.Target, r *fact.Recorder) error {
		for address, v := range values {
			r.Add(address, v)
		}
		return nil
	}}
	for address := range values {
		c.Facts = append(c.Facts, fact.Description{Address: report.WithoutKeys(address)})
	}
	return fact.Serve(c)
}

// finds is a check that always reports one finding.
func finds(code, area string, f check.Finding) check.Check {
	return check.Check{Code: code, Title: "Fault " + code, Area: area, Run: func(c *check.Context) { c.Report(f) }}
}

func quiet(code, area string, needs ...string) check.Check {
	return check.Check{Code: code, Title: "Fault " + code, Area: area, Needs: needs, Run: func(*check.Context) {}}
}

// machine makes a set of facts.
func machine(t testing.TB, values map[string]any) fact.Set {
	t.Helper()
	var facts []fact.Fact
	for address, v := range values {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, fact.Fact{Address: address, Value: data})
	}
	return fact.NewSet(facts)
}

// said joins diagnostics for a search.
func said(ds []report.Diagnostic) string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.Severity + " [" + d.Plugin + "] " + d.Summary + ": " + d.Detail + "\n")
	}
	return b.String()
}

func mustSay(t *testing.T, ds []report.Diagnostic, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(said(ds), want) {
			t.Errorf("no diagnostic says %q:\n%s", want, said(ds))
		}
	}
}
