// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package fact

import "errors"

func timesAt(string) timesKind { return timesUnknown }

// readAtOnce is for files without times, of which there are none here.
func readAtOnce(string) ([]byte, error) { return nil, errors.ErrUnsupported }
