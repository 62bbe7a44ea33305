// SPDX-License-Identifier: Apache-2.0

// Command builtin-python is the plugin that examines Python environments.
//
// It observes virtual environments, conda, uv, pyenv and system interpreters
// from outside: directory names, metadata, RECORD files and ELF headers. It
// starts no interpreter and imports no package, so it works where torch does
// not load. Its checks cover broken environments, requirements that are not
// met, torn and overwritten installs, libraries that are missing, and builds
// of torch, JAX, NumPy and ONNX Runtime that do not fit the machine.
//
// The facts are described in internal/observed, the way environments are found
// in internal/locate, what the checks know in internal/tables.
package main

import (
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/checks"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

var info = plugin.Info{Name: "python", Tables: tables.Versions}

func main() {
	plugin.Serve(info, fact.Serve(collect.Environments), check.Serve(checks.All()...))
}
