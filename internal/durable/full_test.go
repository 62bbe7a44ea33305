// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestExplain(t *testing.T) {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		at := &fs.PathError{Op: "write", Path: "/data/file", Err: full}
		err := Explain(fmt.Errorf("switching: %w", Explain(at)))
		if !errors.Is(err, full) || strings.Count(err.Error(), "free space") != 1 || !strings.Contains(err.Error(), "/data/file") {
			t.Errorf("%v: %v", full, err)
		}
	}
	for _, other := range []error{nil, syscall.EROFS} {
		if got := Explain(other); !errors.Is(got, other) || fmt.Sprint(got) != fmt.Sprint(other) {
			t.Errorf("%v becomes %v", other, got)
		}
	}
}
