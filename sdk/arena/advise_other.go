// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package arena

func advise([]byte) {}
