// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// facts parses "address=value address=value"; a value "?" is unknown.
func facts(text string) fact.Set {
	var out []fact.Fact
	for _, field := range strings.Fields(text) {
		address, value, _ := strings.Cut(field, "=")
		f := fact.Fact{Address: address, Value: json.RawMessage(value), Evidence: []fact.Evidence{{Path: "/" + value}}}
		if value == "?" {
			f.Value, f.Unknown = nil, "permission denied"
		}
		out = append(out, f)
	}
	return fact.NewSet(out)
}

// judge runs a check that looks at facts in every way.
func judge(t *testing.T, set fact.Set, req *pluginv1.CheckRequest, all bool) *pluginv1.CheckResponse {
	t.Helper()
	req.Facts = fact.ToProto(set.All())
	r, err := check.Serve(check.Check{Code: "a.x", Title: "t", Needs: []string{"need"}, Run: func(c *check.Context) {
		_ = c.Facts.Bool("flag")
		for _, key := range c.Facts.Instances("env") {
			_ = c.Facts.String("env[" + key + "].v")
		}
		if all {
			_ = c.Facts.All()
		}
		c.Report(check.Finding{Evidence: c.Evidence("proof")})
	}}).Check(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFindings(t *testing.T) {
	const before = `need=1 flag=true proof=1 other=1 env[a].v="1"`
	for _, tt := range []struct {
		name, after string
		all, hit    bool
	}{
		{name: "the same", after: before, hit: true},
		{name: "a fact that nobody looked at", after: `need=1 flag=true proof=1 other=2 more=3 env[a].v="1"`, hit: true},
		{name: "another value", after: `need=1 flag=false proof=1 other=1 env[a].v="1"`},
		{name: "another proof", after: `need=1 flag=true proof=2 other=1 env[a].v="1"`},
		{name: "another need", after: `need=2 flag=true proof=1 other=1 env[a].v="1"`},
		{name: "unknown", after: `need=1 flag=? proof=1 other=1 env[a].v="1"`},
		{name: "absent", after: `need=1 proof=1 other=1 env[a].v="1"`},
		{name: "one more environment", after: before + ` env[b].x=1`},
		{name: "no environment", after: `need=1 flag=true proof=1 other=1`},
		{name: "everything was looked at", after: `need=1 flag=true proof=1 other=2 env[a].v="1"`, all: true},
		{name: "everything is the same", after: before, all: true, hit: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, req := cacheIn(t), &pluginv1.CheckRequest{Codes: []string{"a.x"}}
			if !c.KeepFindings("sha256:1", req, facts(before), judge(t, facts(before), req, tt.all), report.Sandbox{Level: "full"}) {
				t.Fatal("not kept")
			}
			f, ok := c.Findings("sha256:1", &pluginv1.CheckRequest{Codes: []string{"a.x"}}, facts(tt.after))
			if ok != tt.hit || ok && (len(f.Response.GetFindings()) != 1 || f.Sandbox.Level != "full") {
				t.Errorf("hit %v: %+v", ok, f)
			}
		})
	}
}

func TestFindingsOfAnotherQuestion(t *testing.T) {
	c, req, set := cacheIn(t), &pluginv1.CheckRequest{Codes: []string{"a.x"}}, facts("need=1")
	c.KeepFindings("sha256:1", req, set, judge(t, set, req, false), report.Sandbox{})
	for name, ask := range map[string]func() (Findings, bool){
		"plugin": func() (Findings, bool) {
			return c.Findings("sha256:2", &pluginv1.CheckRequest{Codes: []string{"a.x"}}, set)
		},
		"codes": func() (Findings, bool) {
			return c.Findings("sha256:1", &pluginv1.CheckRequest{Codes: []string{"a.x", "a.y"}}, set)
		},
		"settings": func() (Findings, bool) {
			return c.Findings("sha256:1", &pluginv1.CheckRequest{Codes: []string{"a.x"}, ConfigJson: map[string][]byte{"a.x": []byte("{}")}}, set)
		},
	} {
		if _, ok := ask(); ok {
			t.Errorf("another %s gets the same answer", name)
		}
	}
}

func TestFindingsNotKept(t *testing.T) {
	ran := func() *pluginv1.CheckResponse {
		return &pluginv1.CheckResponse{Reads: &pluginv1.FactReads{}, Outcomes: []*pluginv1.CheckOutcome{{Code: "a.x", Status: pluginv1.CheckOutcome_STATUS_RAN}}}
	}
	req := &pluginv1.CheckRequest{Codes: []string{"a.x"}}
	for name, change := range map[string]func(*pluginv1.CheckResponse){
		"crashed":                            func(r *pluginv1.CheckResponse) { r.Outcomes[0].Status = pluginv1.CheckOutcome_STATUS_FAILED },
		"out of time":                        func(r *pluginv1.CheckResponse) { skipped(r, context.DeadlineExceeded.Error()) },
		"cancelled":                          func(r *pluginv1.CheckResponse) { skipped(r, context.Canceled.Error()) },
		"no outcome":                         func(r *pluginv1.CheckResponse) { r.Outcomes = nil },
		"a diagnostic":                       func(r *pluginv1.CheckResponse) { r.Diagnostics = []*pluginv1.Diagnostic{{}} },
		"tells nothing of what it looked at": func(r *pluginv1.CheckResponse) { r.Reads = nil },
	} {
		r := ran()
		change(r)
		if cacheIn(t).KeepFindings("sha256:1", req, fact.Set{}, r, report.Sandbox{}) {
			t.Errorf("%s: kept", name)
		}
	}
	r := ran()
	skipped(r, "fact gpu.x was not observed")
	if !cacheIn(t).KeepFindings("sha256:1", req, fact.Set{}, r, report.Sandbox{}) {
		t.Error("a check that lacked a fact is not kept")
	}
}

func skipped(r *pluginv1.CheckResponse, reason string) {
	r.Outcomes[0].Status, r.Outcomes[0].Reason = pluginv1.CheckOutcome_STATUS_SKIPPED, reason
}
