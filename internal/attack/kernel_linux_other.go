// SPDX-License-Identifier: Apache-2.0

//go:build linux && !amd64

package attack

func segmentTable(*Scene) Outcome { return missed("this processor has none") }

func ports(*Scene) Outcome { return missed("this processor has none") }
