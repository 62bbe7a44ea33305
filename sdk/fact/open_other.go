// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package fact

import (
	"io"
	"os"
)

func openFile(name string) (*os.File, error) { return os.Open(name) }

func openReader(name string) (io.ReadCloser, error) { return os.Open(name) }
