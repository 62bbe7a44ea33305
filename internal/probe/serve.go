// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// order is the variable that holds the attempts.
const order = "PROBE_TRY"

var collector = fact.Collector{
	Name: "probe", Summary: "What this plugin can do.",
	Facts: []fact.Description{{Address: "probe.try.outcome", Summary: "what an attempt came to", Type: "string"}},
	Collect: func(ctx context.Context, target *fact.Target, record *fact.Recorder) error {
		for line := range strings.Lines(target.Env[order]) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			address := fact.At("probe.try", line, "outcome")
			if outcome, err := try(ctx, target, line); err != nil {
				record.Unknown(address, err.Error())
			} else {
				record.Add(address, outcome)
			}
		}
		return nil
	},
}

// job are the settings of the kernel, and the kernel.
type job struct {
	Try []string `json:"try" doc:"What to try."`
}

var work = kernel.Kernel{
	Name: "work", Compartment: kernel.Data, Transforms: true, Config: job{},
	New: func(s *kernel.Setup) (kernel.Instance, error) {
		j := &job{}
		return j, s.Config(j)
	},
}

// Transform tries everything, then passes the rows on.
func (j *job) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	for _, line := range j.Try {
		if _, err := try(ctx, &fact.Target{}, line); err != nil {
			return nil, err
		}
	}
	return kernel.Report{"tried": len(j.Try)}, in.Each(out.Write)
}
