// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Bounds of a smoke test.
const (
	smokeTime  = 3 * time.Minute
	smokeTries = 3
	closeTime  = 5 * time.Second // for one plugin to end
)

// smoke starts the candidate in its sandbox, without secrets and without a machine
// to look at, and holds what it says against its release.
func (r *run) smoke(ctx context.Context, c *Candidate) error {
	ctx, cancel := context.WithTimeoutCause(ctx, smokeTime, fmt.Errorf("it did not start and describe itself %d times within %s", smokeTries, smokeTime))
	defer cancel()
	for try := range smokeTries {
		d, err := r.describe(ctx, c.Installation)
		if err != nil {
			return err
		}
		if try > 0 && !proto.Equal(d, c.New) {
			return errors.New("it describes itself in another way each time that it is started")
		}
		c.New = d
	}
	if err := asReleased(c.New, c.Known().Release); err != nil {
		return err
	}
	c.Old = r.old(ctx, c)
	return nil
}

// describe starts a plugin in a process of its own and asks what it offers.
func (r *run) describe(ctx context.Context, i catalog.Installation) (*pluginv1.DescribeResponse, error) {
	running, stop, err := r.start(ctx, ctx, i)
	if err != nil {
		return nil, err
	}
	defer stop()
	return running.Description, nil
}

// start starts a plugin in a process of its own, which ends with stop or with life.
func (r *run) start(ctx, life context.Context, i catalog.Installation) (running *catalog.Running, stop func(), err error) {
	cat, err := catalog.Open(nil, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	name, err := cat.AddCandidate(i)
	if err != nil {
		return nil, nil, err
	}
	l := r.Gates.Launcher(cat)
	l.CacheDir = "" // nothing remembered counts here
	life, kill := context.WithCancel(life)
	l.Lifetime = life
	stop = func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(life), closeTime)
		defer cancel()
		_ = l.Close(closing) // one that does not end is killed
		kill()
	}
	if running, err = l.Start(ctx, name); err != nil {
		stop()
		return nil, nil, err
	}
	return running, stop, nil
}

// old is what the locked version says of itself, nil when it does not start.
func (r *run) old(ctx context.Context, c *Candidate) *pluginv1.DescribeResponse {
	if c.Before.Executable == "" {
		return nil
	}
	d, err := r.describe(ctx, c.Before)
	if err != nil {
		return nil
	}
	return d
}

// asReleased compares a description with the signed release. A publisher who could
// not start the plugin has signed nothing about what it offers.
func asReleased(d *pluginv1.DescribeResponse, rel release.Release) error {
	if len(rel.Collectors)+len(rel.Checks)+len(rel.Kernels) == 0 {
		return nil
	}
	var wrong []string
	differ := func(what string, signed, said []string) {
		slices.Sort(signed)
		slices.Sort(said)
		if !slices.Equal(signed, said) {
			wrong = append(wrong, fmt.Sprintf("%s: the release names [%s], the plugin [%s]", what, strings.Join(signed, " "), strings.Join(said, " ")))
		}
	}
	var collectors, checks, kernels, signed []string
	for _, c := range d.GetCollectors() {
		collectors = append(collectors, c.GetName())
	}
	for _, c := range d.GetChecks() {
		checks = append(checks, c.GetCode())
	}
	for _, k := range d.GetKernels() {
		kernels = append(kernels, fmt.Sprintf("%s/%s/%d/%d", k.GetName(), k.GetCompartment(), k.GetStateVersion(), k.GetMinStateVersion()))
	}
	for _, k := range rel.Kernels {
		signed = append(signed, fmt.Sprintf("%s/%s/%d/%d", k.Name, k.Compartment, k.StateVersion, k.MinStateVersion))
	}
	differ("collectors", slices.Clone(rel.Collectors), collectors)
	differ("checks", slices.Clone(rel.Checks), checks)
	differ("kernels", signed, kernels)
	if len(wrong) > 0 {
		return fmt.Errorf("it is not what its publisher signed: %s", strings.Join(wrong, "; "))
	}
	return nil
}
