// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

func TestContract(t *testing.T) {
	plugintest.Test(t, plugintest.InProcess(plugin.Info{Name: "system", Tables: tables.Versions}, fact.Serve(collectors()...), check.Serve(checks()...)))
}
