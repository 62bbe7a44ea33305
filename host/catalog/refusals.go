// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// withheld are the granted paths that exist on the machine and are not given.
func withheld(view target.View) (out []sandbox.Skipped) {
	for _, g := range view.Given {
		for _, w := range g.Withheld {
			out = append(out, sandbox.Skipped{Source: w.Path, Reason: w.Reason})
		}
		if g.Cut != "" {
			out = append(out, sandbox.Skipped{Source: g.Grant.Value(), Reason: g.Cut})
		}
	}
	return out
}

// valueless are the granted secrets that the configuration gives no value for. The
// plugin cannot tell them from those that it was not granted.
func valueless(e *Entry, secrets []string) (out []sandbox.Skipped) {
	for _, name := range secrets {
		if e.Declaration != nil {
			if _, ok := e.Declaration.Secret(name); ok {
				continue
			}
		}
		reason := fmt.Sprintf("no value: write secret %q { env = \"NAME\" } in its plugin block", name)
		out = append(out, sandbox.Skipped{Source: manifest.Secret + " " + name, Reason: reason})
	}
	return out
}

// hints takes back the advice that would not help: a plugin with network grants
// reaches them through the host, and makes no sockets of its own with any grant.
func hints(denials []sandbox.Denial, view target.View) []sandbox.Denial {
	out := slices.Clone(denials)
	for i, d := range out {
		if len(view.Net) > 0 && d.Grant == anyAddress {
			out[i].Grant = ""
		}
	}
	return out
}

// anyAddress is the grant that package sandbox names for calls about sockets.
const anyAddress = manifest.Net + " HOST:PORT"
