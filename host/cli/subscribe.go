// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/bulkhead-ml/bulkhead/host/pipeline"

// fanOut makes one of several subscribers to a run; each gets what it asked
// for, in their order.
func fanOut(all ...pipeline.Events) pipeline.Events {
	return pipeline.Events{
		RunStarted: func(p *pipeline.Plan) {
			for _, e := range all {
				if e.RunStarted != nil {
					e.RunStarted(p)
				}
			}
		},
		NodeStarted: func(name string) {
			for _, e := range all {
				if e.NodeStarted != nil {
					e.NodeStarted(name)
				}
			}
		},
		CallStarted: func(name, call string, attempt int) {
			for _, e := range all {
				if e.CallStarted != nil {
					e.CallStarted(name, call, attempt)
				}
			}
		},
		CallEnded: func(name string, c pipeline.CallTime) {
			for _, e := range all {
				if e.CallEnded != nil {
					e.CallEnded(name, c)
				}
			}
		},
		Progress: func(name string, p pipeline.Progress) {
			for _, e := range all {
				if e.Progress != nil {
					e.Progress(name, p)
				}
			}
		},
		NodeEnded: func(n *pipeline.NodeResult) {
			for _, e := range all {
				if e.NodeEnded != nil {
					e.NodeEnded(n)
				}
			}
		},
		RunEnded: func(r *pipeline.Result) {
			for _, e := range all {
				if e.RunEnded != nil {
					e.RunEnded(r)
				}
			}
		},
	}
}
