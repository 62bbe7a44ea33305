// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

func TestContract(t *testing.T) {
	plugintest.Test(t, plugintest.InProcess(plugin.Info{Name: "data"}, kernel.Serve(kernels()...)))
}
