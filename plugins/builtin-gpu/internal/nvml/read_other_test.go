// SPDX-License-Identifier: Apache-2.0

//go:build !(cgo && linux)

package nvml

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
)

func TestReadSaysThatItIsNotBuiltIn(t *testing.T) {
	if got := Read("/usr/lib/libnvidia-ml.so.1"); got.Status != facts.NVMLNotBuilt || got.Devices != nil || len(got.Evidence) != 1 || got.Evidence[0].Value == "" {
		t.Errorf("%+v", got)
	}
}
