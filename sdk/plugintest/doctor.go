// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var collectRules = []rule{
	{"collect/empty-machine", "A machine without files gives no crash and only described facts.", func(b *bench) error { return collectOn(b, nil) }},
	{"collect/garbage-machine", "Files of garbage give no crash and only described facts.", func(b *bench) error { return collectOn(b, garbage()) }},
	{"collect/same-every-time", "Two looks at one machine give the same facts.", collectSame},
	{"collect/cancelled", "A cancelled collection ends within two seconds.", collectCancelled},
}

var checkRules = []rule{
	{"check/no-facts", "Without facts there are no findings.", checkNoFacts},
	{"check/unknown-facts", "Facts that are unknown are no errors of the machine.", checkUnknownFacts},
	{"check/wrong-types", "Facts of a wrong type crash no check.", checkWrongTypes},
	{"check/pure", "The order of facts changes no finding.", checkPure},
}

// garbage is a machine whose files hold nothing that their names promise. Names
// that this system cannot have are left out.
func garbage() map[string]string {
	files := map[string]string{}
	for _, name := range []string{
		"/etc/os-release", "/etc/docker/daemon.json", "/etc/ld.so.cache", "/proc/self/limits", "/proc/self/cgroup",
		"/proc/self/mountinfo", "/proc/meminfo", "/proc/modules", "/proc/version", "/proc/driver/nvidia/version",
		"/sys/module/nvidia/version", "/sys/bus/pci/devices/0000:01:00.0/vendor", "/sys/bus/pci/devices/0000:01:00.0/class",
		"/usr/bin/python3", "/root/.pyenv/version", "/project/Dockerfile", "/project/.venv/pyvenv.cfg",
		"/project/.venv/lib/python3.11/site-packages/torch-2.0.dist-info/METADATA",
		"/project/.venv/lib/python3.11/site-packages/torch-2.0.dist-info/RECORD",
		"/project/.venv/lib/python3.11/site-packages/torch/version.py",
		"/project/.venv/lib/python3.11/site-packages/torch/lib/libtorch.so",
	} {
		if !filepath.IsLocal(filepath.FromSlash(name[1:])) {
			continue
		}
		files[name] = "\x7fELF\x00\xff\xfe[[[{{{\"\\\n=;,:\n" + strings.Repeat("9", 4096) + "\n\x1b]0;x\x07%s%n"
	}
	return files
}

// collect runs the collectors on a machine of the given files.
func collect(ctx context.Context, b *bench, files map[string]string, f func(*Plugin, *pluginv1.CollectResponse) error) error {
	d, err := b.describe()
	if err != nil {
		return err
	}
	if len(d.GetCollectors()) == 0 {
		return skip("the plugin has no collectors")
	}
	dir, err := machine(files)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return b.with(dir, func(p *Plugin) error {
		resp, err := callCollect(ctx, p)
		if err != nil {
			return fmt.Errorf("collecting failed: %w", err)
		}
		return f(p, resp)
	})
}

func callCollect(ctx context.Context, p *Plugin) (*pluginv1.CollectResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, p.callTime())
	defer cancel()
	return pluginv1.NewCollectorServiceClient(p.Conn).Collect(ctx, &pluginv1.CollectRequest{Target: p.Target})
}

func collectOn(b *bench, files map[string]string) error {
	return collect(b.ctx, b, files, func(_ *Plugin, resp *pluginv1.CollectResponse) error {
		var errs []error
		for _, d := range resp.GetDiagnostics() {
			if strings.Contains(d.GetDetail(), "panic:") {
				errs = append(errs, fmt.Errorf("a collector crashed: %s", d.GetDetail()))
			}
		}
		if _, err := fact.FromProto(resp.GetFacts()); err != nil {
			errs = append(errs, err)
		}
		return errors.Join(append(errs, undescribed(b.description, resp.GetFacts()))...)
	})
}

var instanceKey = pattern.Lazy(`\[[^\]]*\]`)

// undescribed names facts that the description does not list.
func undescribed(d *pluginv1.DescribeResponse, facts []*pluginv1.Fact) error {
	known := map[string]bool{}
	for _, c := range d.GetCollectors() {
		for _, f := range c.GetFacts() {
			known[f.GetAddress()] = true
		}
	}
	for _, f := range facts {
		if a := instanceKey().ReplaceAllString(f.GetAddress(), ""); !known[a] {
			return fmt.Errorf("fact %s is recorded, and no collector describes %s", f.GetAddress(), a)
		}
	}
	return nil
}

func collectSame(b *bench) error {
	return collect(b.ctx, b, garbage(), func(p *Plugin, first *pluginv1.CollectResponse) error {
		again, err := callCollect(b.ctx, p)
		if err != nil {
			return err
		}
		if !proto.Equal(&pluginv1.CollectResponse{Facts: first.GetFacts()}, &pluginv1.CollectResponse{Facts: again.GetFacts()}) {
			return errors.New("two collections of one machine differ")
		}
		return nil
	})
}

func collectCancelled(b *bench) error {
	return collect(b.ctx, b, nil, func(p *Plugin, _ *pluginv1.CollectResponse) error {
		ctx, cancel := context.WithTimeout(b.ctx, 10*time.Millisecond)
		defer cancel()
		_, err := pluginv1.NewCollectorServiceClient(p.Conn).Collect(ctx, &pluginv1.CollectRequest{Target: p.Target})
		if code := status.Code(err); code != codes.OK && code != codes.Canceled && code != codes.DeadlineExceeded {
			return fmt.Errorf("a cancelled Collect failed otherwise: %w", err)
		}
		return idle(b.ctx, p, "Collect")
	})
}

// idle insists that a cancelled call has ended in the plugin too, where it would
// hold up a drain. The instance takes no calls afterwards.
func idle(ctx context.Context, p *Plugin, call string) error {
	ctx, cancel := context.WithTimeout(ctx, promptly)
	defer cancel()
	_, err := pluginv1.NewPluginServiceClient(p.Conn).Drain(ctx, &pluginv1.DrainRequest{})
	if status.Code(err) == codes.DeadlineExceeded {
		return fmt.Errorf("a cancelled %s goes on for more than %v in the plugin; it must honour its context", call, promptly)
	}
	return err
}

// judge runs every check over facts.
func judge(b *bench, facts []*pluginv1.Fact) (*pluginv1.CheckResponse, error) {
	d, err := b.describe()
	if err != nil {
		return nil, err
	}
	if len(d.GetChecks()) == 0 {
		return nil, skip("the plugin has no checks")
	}
	p, err := b.plugin()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(b.ctx, p.callTime())
	defer cancel()
	resp, err := pluginv1.NewCheckerServiceClient(p.Conn).Check(ctx, &pluginv1.CheckRequest{Facts: facts})
	if err != nil {
		return nil, fmt.Errorf("checking failed: %w", err)
	}
	return resp, whole(d, resp)
}

// whole checks that every check has an outcome, none crashed and every
// finding has a described code.
func whole(d *pluginv1.DescribeResponse, resp *pluginv1.CheckResponse) error {
	outcomes := map[string]*pluginv1.CheckOutcome{}
	for _, o := range resp.GetOutcomes() {
		outcomes[o.GetCode()] = o
	}
	var errs []error
	for _, c := range d.GetChecks() {
		o := outcomes[c.GetCode()]
		switch {
		case o == nil:
			errs = append(errs, fmt.Errorf("check %s has no outcome", c.GetCode()))
		case o.GetStatus() == pluginv1.CheckOutcome_STATUS_FAILED:
			errs = append(errs, fmt.Errorf("check %s crashed: %s", c.GetCode(), o.GetReason()))
		}
	}
	for _, f := range resp.GetFindings() {
		if outcomes[f.GetCode()] == nil {
			errs = append(errs, fmt.Errorf("finding %s has a code that no check has", f.GetCode()))
		}
	}
	return errors.Join(errs...)
}

func checkNoFacts(b *bench) error {
	resp, err := judge(b, nil)
	if err != nil {
		return err
	}
	if n := len(resp.GetFindings()); n > 0 {
		return fmt.Errorf("without facts there are %d findings, the first %s", n, resp.GetFindings()[0].GetCode())
	}
	return nil
}

// needs returns one fact for each address that a check needs.
func (b *bench) needs(make func(address string) *pluginv1.Fact) []*pluginv1.Fact {
	var out []*pluginv1.Fact
	seen := map[string]bool{}
	for _, c := range b.description.GetChecks() {
		for _, need := range c.GetNeeds() {
			if !seen[need] {
				seen[need] = true
				out = append(out, make(need))
			}
		}
	}
	return out
}

func checkUnknownFacts(b *bench) error {
	if _, err := judge(b, nil); err != nil {
		return err
	}
	resp, err := judge(b, b.needs(func(a string) *pluginv1.Fact {
		return &pluginv1.Fact{Address: a, Unknown: "permission denied"}
	}))
	if err != nil {
		return err
	}
	for _, f := range resp.GetFindings() {
		if f.GetSeverity() == pluginv1.Finding_SEVERITY_ERROR {
			return fmt.Errorf("finding %s is an error although its facts are unknown", f.GetCode())
		}
	}
	return nil
}

func checkWrongTypes(b *bench) error {
	if _, err := judge(b, nil); err != nil {
		return err
	}
	for _, value := range []string{`null`, `true`, `-1`, `1e308`, `""`, `"\u001b"`, `[]`, `[null]`, `{}`, `{"a":{"b":[1]}}`} {
		_, err := judge(b, b.needs(func(a string) *pluginv1.Fact {
			return &pluginv1.Fact{Address: a, ValueJson: []byte(value)}
		}))
		if err != nil {
			return fmt.Errorf("with every fact %s: %w", value, err)
		}
	}
	return nil
}

func checkPure(b *bench) error {
	var facts []*pluginv1.Fact
	err := collect(b.ctx, b, garbage(), func(_ *Plugin, resp *pluginv1.CollectResponse) error {
		facts = resp.GetFacts()
		return nil
	})
	if _, ok := errors.AsType[skip](err); err != nil && !ok {
		return err
	}
	first, err := judge(b, facts)
	if err != nil {
		return err
	}
	slices.Reverse(facts)
	again, err := judge(b, facts)
	if err != nil {
		return err
	}
	if !proto.Equal(&pluginv1.CheckResponse{Findings: first.GetFindings()}, &pluginv1.CheckResponse{Findings: again.GetFindings()}) {
		return errors.New("the order of facts changes the findings")
	}
	return nil
}
