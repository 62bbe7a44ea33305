// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package fact

import "os"

func openFile(name string) (*os.File, error) { return os.Open(name) }
