// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"errors"
	"fmt"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// kernelBothWays makes the same transform in messages and in shared memory.
func kernelBothWays(b *bench) error {
	p, kernels, err := b.kernels()
	if err != nil {
		return err
	}
	if p.Shared == nil {
		return skip(ErrMessages.Error())
	}
	compared, errs := 0, []error(nil)
	for _, k := range kernels {
		n, err := b.bothWays(p, k)
		compared += n
		if err != nil {
			errs = append(errs, fmt.Errorf("kernel %q: %w", k.GetName(), err))
		}
	}
	if compared == 0 && len(errs) == 0 {
		return skip("no transform of the sample tables travels both ways here")
	}
	return errors.Join(errs...)
}

// bothWays compares the outputs of one kernel and returns how many there were.
func (b *bench) bothWays(p *Plugin, k *pluginv1.KernelDescription) (compared int, err error) {
	if !k.GetTransforms() || k.GetReadsFile() || k.GetWritesFile() || k.GetUndoes() {
		return 0, nil
	}
	for _, s := range append(samples(), rows(12, 500)) {
		done, err := b.bothWaysOn(p, k, s)
		switch {
		case errors.Is(err, ErrMessages):
		case err != nil:
			return compared, fmt.Errorf("on %s: %w", s.name, err)
		case done:
			compared++
		}
	}
	return compared, nil
}

// bothWaysOn is false when the kernel refuses the table, which it may.
func (b *bench) bothWaysOn(p *Plugin, k *pluginv1.KernelDescription, s sample) (bool, error) {
	fitted, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil || out == nil || out.failed() {
		return false, err
	}
	o, err := b.open(k, nil, s.schema)
	if err != nil {
		return false, err
	}
	messages, err := out.rows()
	if err != nil {
		return false, err
	}
	shared, err := p.Shared(b.ctx, o, fitted.state, s.batches)
	if err != nil {
		return false, fmt.Errorf("it runs in messages and not in shared memory: %w", err)
	}
	if err := sameTables(messages, shared); err != nil {
		return true, fmt.Errorf("shared memory and messages give other rows: %w", err)
	}
	return true, nil
}
