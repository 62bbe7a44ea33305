// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"fmt"
	"time"
)

// Step is one of the ten steps.
type Step string

// The steps, in their order.
const (
	Plan          Step = "plan"
	Fetch         Step = "fetch"
	Verify        Step = "verify"
	Unpack        Step = "unpack"
	Smoke         Step = "smoke"
	Configuration Step = "configuration"
	Contract      Step = "contract"
	Replay        Step = "replay"
	Switch        Step = "switch"
	Canary        Step = "canary"
)

// Status of a step.
type Status string

// The statuses.
const (
	Begun   Status = "begun"
	Done    Status = "done"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Event tells that a step begins or has ended.
type Event struct {
	Time   time.Time `json:"time"`
	Step   Step      `json:"step"`
	Plugin string    `json:"plugin,omitempty"` // "acme/scaler"; empty for all of them
	Status Status    `json:"status"`
	// Detail is why it failed or was skipped, or what it found.
	Detail string `json:"detail,omitempty"`
}

// GateError means that a candidate did not pass. Nothing was changed.
type GateError struct {
	Step   Step
	Plugin string
	Err    error
}

// Error names the step, the plugin and the reason.
func (e *GateError) Error() string {
	if e.Plugin == "" {
		return fmt.Sprintf("%s: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("%s of %s: %v", e.Step, e.Plugin, e.Err)
}

// Unwrap returns the reason.
func (e *GateError) Unwrap() error { return e.Err }

// skip is the reason of a step that does not apply.
type skip string

func (s skip) Error() string { return string(s) }

// done is what a step that passed has to say.
type done string

func (d done) Error() string { return string(d) }
