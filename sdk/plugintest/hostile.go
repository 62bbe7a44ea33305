// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var hostileRules = []rule{
	{"kernel/hostile-tables", "Tables of NaN, nulls, huge texts, odd names, every type, and 100,000 rows give rows or a diagnostic.", eachKernel(kernelHostileTables)},
	{"kernel/duplicate-names", "A table with two columns of one name is refused with a diagnostic.", eachKernel(kernelDuplicateNames)},
	{"kernel/hostile-settings", "Settings of wrong types are refused, extreme ones give a diagnostic or work.", eachKernel(kernelHostileSettings)},
}

// hostileBudget is what a kernel is told that it may use for a hostile table.
const hostileBudget = 5 * time.Second

// crashes are how the runtimes of languages begin the story of a crash.
var crashes = []string{"panic:", "Traceback (most recent call last)", "thread 'main' panicked"}

// crashed is the error of a call whose diagnostics tell of a crash.
func crashed(ds []*pluginv1.Diagnostic) error {
	for _, d := range ds {
		for _, c := range crashes {
			if strings.Contains(d.GetDetail(), c) {
				return fmt.Errorf("it crashed: %.1000s", d.GetDetail())
			}
		}
	}
	return nil
}

func kernelHostileTables(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	var errs []error
	for _, s := range hostileTables(b.seed) {
		if err := b.survives(p, k, nil, s); err != nil {
			errs = append(errs, fmt.Errorf("on %s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// survives runs a kernel on a table: it answers, does not crash, and accounts for
// the rows.
func (b *bench) survives(p *Plugin, k *pluginv1.KernelDescription, config []byte, s sample) error {
	o, err := b.open(k, config, s.schema)
	if err != nil {
		return err
	}
	o.BudgetNs = int64(hostileBudget)
	diagnostics, err := b.validate(p, o)
	if err != nil {
		return err
	}
	if err := crashed(diagnostics); err != nil {
		return fmt.Errorf("validating: %w", err)
	}
	fitted, out, err := b.runOpen(p, k, o, s.batches)
	if err != nil {
		return err
	}
	if err := crashed(fitted.result.GetDiagnostics()); err != nil {
		return fmt.Errorf("fitting: %w", err)
	}
	if out == nil {
		return nil
	}
	if err := crashed(out.result.GetDiagnostics()); err != nil || out.failed() {
		return err
	}
	return addsUp(s, out)
}

// kernelDuplicateNames sends what no SDK would.
func kernelDuplicateNames(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	o, err := b.open(k, nil, sampleSchema())
	if err != nil {
		return err
	}
	o.GetSchema().GetColumns()[1].Name = o.GetSchema().GetColumns()[0].GetName()
	diagnostics, err := b.validate(p, o)
	if err == nil && !hasError(diagnostics) {
		err = errors.New("Validate accepts it")
	}
	if err != nil {
		return err
	}
	call := fit
	if !k.GetFits() {
		call = func(ctx context.Context, p *Plugin, o *pluginv1.Open, wire []*pluginv1.Batch) (*outcome, error) {
			return transform(ctx, p, o, nil, wire)
		}
	}
	out, err := call(b.ctx, p, o, nil)
	if err == nil && !out.failed() {
		err = errors.New("a call accepts it")
	}
	return err
}

// kernelHostileSettings tries one setting after the other.
func kernelHostileSettings(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if len(k.GetConfig().GetAttributes()) == 0 {
		return noSettings
	}
	var errs []error
	for _, at := range k.GetConfig().GetAttributes() {
		errs = append(errs, b.wrongSetting(p, k, at), b.extremeSetting(p, k, at))
	}
	return errors.Join(errs...)
}

// wrongSetting gives a setting values of other types.
func (b *bench) wrongSetting(p *Plugin, k *pluginv1.KernelDescription, at *pluginv1.Attribute) error {
	for _, value := range wrongValues(at.GetType()) {
		config := with(k.GetConfig(), at.GetName(), value)
		if err := b.refused(p, k, config, sampleSchema()); err != nil {
			return fmt.Errorf("setting %s = %s, which is no %s: %w", at.GetName(), value, at.GetType(), err)
		}
	}
	return nil
}

// extremeSetting gives a setting values of its type that nobody would. What it
// says it takes, the bounds, must also run.
func (b *bench) extremeSetting(p *Plugin, k *pluginv1.KernelDescription, at *pluginv1.Attribute) error {
	for _, value := range extremeValues(at.GetType()) {
		o, err := b.open(k, with(k.GetConfig(), at.GetName(), value), sampleSchema())
		if err != nil {
			return err
		}
		diagnostics, err := b.validate(p, o)
		if err := errors.Join(err, crashed(diagnostics)); err != nil {
			return fmt.Errorf("setting %s = %.60s: %w", at.GetName(), value, err)
		}
	}
	for _, value := range allowedValues(at) {
		if err := b.survives(p, k, with(k.GetConfig(), at.GetName(), value), samples()[0]); err != nil {
			return fmt.Errorf("setting %s = %s, which its description allows: %w", at.GetName(), value, err)
		}
	}
	return nil
}

// many is a table of 100,000 rows.
func many() sample { return rows(2, 50_000) }

// rows is a table of plain numbers in batches.
func rows(batches, size int) sample {
	s := sample{name: fmt.Sprintf("a table of %d rows", batches*size), schema: sampleSchema()}
	for i := range batches {
		s.add(numbers(size, i*size, func(v float64) float64 { return v }))
	}
	return s
}

// of is a table of one batch.
func of(name string, batch arrow.RecordBatch) sample {
	s := sample{name: name, schema: batch.Schema()}
	s.add(batch)
	return s
}
