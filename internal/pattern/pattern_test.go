// SPDX-License-Identifier: Apache-2.0

package pattern_test

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

func TestLazy(t *testing.T) {
	digits := pattern.Lazy(`^\d+$`)
	if !digits().MatchString("535") || digits().MatchString("a") {
		t.Error("the pattern is not the one that was given")
	}
	if first, second := digits(), digits(); first != second {
		t.Error("the pattern is compiled anew at each use")
	}
}

func TestLazyPanicsWhereItIsUsed(t *testing.T) {
	wrong := pattern.Lazy(`(`) // not here
	defer func() {
		if recover() == nil {
			t.Error("a wrong expression went unnoticed")
		}
	}()
	wrong()
}
