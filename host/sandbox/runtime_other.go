// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

import (
	"context"
	"fmt"
)

// launchRuntime refuses: a container of another system would run in a virtual
// machine, where neither its process nor its socket can be checked.
func launchRuntime(_ context.Context, spec *Spec) (*Process, error) {
	return nil, fmt.Errorf("sandbox: the runtime %q cannot be used: containers are supported on Linux only; leave `runtime` out", spec.Runtime)
}
