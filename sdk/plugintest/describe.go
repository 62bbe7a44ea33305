// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var describeRules = []rule{
	{"describe/valid", "Names are slugs, the version is semantic, nothing stands twice.", describeValid},
	{"describe/documented", "Every check has a title, an area and a meaning.", describeDocumented},
	{"describe/settings", "Settings have names, JSON types, JSON defaults and a description.", describeSettings},
	{"describe/same-every-time", "The description never changes, in another process either.", describeSame},
}

var (
	pluginName = pattern.Lazy(`^[a-z][a-z0-9-]{0,62}$`)
	semver     = pattern.Lazy(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`)
	checkCode  = pattern.Lazy(`^[a-z][a-z0-9-]*\.[a-z0-9][a-z0-9-]*$`)
	kernelName = pattern.Lazy(`^[a-z][a-z0-9_]*$`)
	address    = pattern.Lazy(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)
)

var compartments = []string{"data", "infrastructure", "algorithms", "mlops"}

func describeValid(b *bench) error {
	d, err := b.describe()
	if err != nil {
		return err
	}
	var errs []error
	wrong := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(pluginName().MatchString(d.GetName()), "plugin name %q is not lower-case letters, digits and dashes", d.GetName())
	wrong(semver().MatchString(d.GetVersion()), "version %q is not MAJOR.MINOR.PATCH", d.GetVersion())
	wrong(len(d.GetChecks())+len(d.GetKernels())+len(d.GetCollectors()) > 0, "the plugin offers nothing")
	seen := map[string]bool{}
	for _, c := range d.GetChecks() {
		wrong(checkCode().MatchString(c.GetCode()), "check code %q is not group.name", c.GetCode())
		wrong(!seen[c.GetCode()], "check %q stands twice", c.GetCode())
		seen[c.GetCode()] = true
	}
	for _, k := range d.GetKernels() {
		wrong(kernelName().MatchString(k.GetName()), "kernel name %q is not lower-case letters, digits and underscores", k.GetName())
		wrong(!seen[k.GetName()], "kernel %q stands twice", k.GetName())
		wrong(slices.Contains(compartments, k.GetCompartment()), "kernel %q has compartment %q, not one of %v", k.GetName(), k.GetCompartment(), compartments)
		wrong(k.GetFits() || k.GetTransforms(), "kernel %q neither fits nor transforms", k.GetName())
		seen[k.GetName()] = true
	}
	for _, c := range d.GetCollectors() {
		for _, f := range c.GetFacts() {
			wrong(address().MatchString(f.GetAddress()), "collector %q: fact address %q is not dotted words", c.GetName(), f.GetAddress())
		}
	}
	return errors.Join(errs...)
}

func describeDocumented(b *bench) error {
	d, err := b.describe()
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range d.GetChecks() {
		if c.GetTitle() == "" || c.GetArea() == "" || c.GetDocumentation().GetMeaning() == "" {
			errs = append(errs, fmt.Errorf("check %q needs a title, an area and a documented meaning", c.GetCode()))
		}
	}
	return errors.Join(errs...)
}

func describeSettings(b *bench) error {
	d, err := b.describe()
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range d.GetChecks() {
		errs = append(errs, settings("check "+c.GetCode(), c.GetConfig(), 0))
	}
	for _, k := range d.GetKernels() {
		errs = append(errs, settings("kernel "+k.GetName(), k.GetConfig(), 0))
	}
	return errors.Join(errs...)
}

// settings checks a schema: names unique, types and defaults JSON.
func settings(owner string, s *pluginv1.Schema, depth int) error {
	if depth > 8 {
		return fmt.Errorf("%s: settings are nested more than 8 deep", owner)
	}
	var errs []error
	seen := map[string]bool{}
	for _, a := range s.GetAttributes() {
		name := owner + " setting " + a.GetName()
		if seen[a.GetName()] {
			errs = append(errs, fmt.Errorf("%s stands twice", name))
		}
		seen[a.GetName()] = true
		if !json.Valid([]byte(a.GetType())) {
			errs = append(errs, fmt.Errorf("%s has type %s, which is not JSON", name, a.GetType()))
		}
		if a.GetDefaultJson() != "" && !json.Valid([]byte(a.GetDefaultJson())) {
			errs = append(errs, fmt.Errorf("%s has default %s, which is not JSON", name, a.GetDefaultJson()))
		}
		if a.GetDescription() == "" {
			errs = append(errs, fmt.Errorf("%s has no description", name))
		}
	}
	for _, block := range s.GetBlocks() {
		errs = append(errs, settings(owner+" block "+block.GetType(), block.GetSchema(), depth+1))
	}
	return errors.Join(errs...)
}

func describeSame(b *bench) error {
	first, err := b.describe()
	if err != nil {
		return err
	}
	p, err := b.plugin()
	if err != nil {
		return err
	}
	again, err := describe(b.ctx, p)
	if err != nil {
		return err
	}
	if !proto.Equal(first, again) {
		return errors.New("two calls of Describe differ")
	}
	return b.with("", func(p *Plugin) error {
		other, err := describe(b.ctx, p)
		if err == nil && !proto.Equal(first, other) {
			err = errors.New("Describe differs between two processes")
		}
		return err
	})
}
