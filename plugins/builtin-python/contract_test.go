// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/checks"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

func TestContract(t *testing.T) {
	plugintest.Test(t, plugintest.InProcess(info, fact.Serve(collect.Environments), check.Serve(checks.All()...)))
}
