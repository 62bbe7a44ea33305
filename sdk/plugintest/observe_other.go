// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package plugintest

// process is one process of a plugin. Without /proc none is looked at.
type process struct{}

// String names the process.
func (process) String() string { return "" }

func (process) runs() bool { return false }

const noProc = skip("processes are looked at in /proc, which this system does not have")

func familyOf(int) ([]process, error) { return nil, noProc }

func descriptors(int) (int64, error) { return 0, noProc }

func privateMemory(int) (int64, error) { return 0, noProc }
