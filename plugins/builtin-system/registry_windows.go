// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strconv"

	"golang.org/x/sys/windows/registry"
)

const (
	versionKey    = `SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	fileSystemKey = `SYSTEM\CurrentControlSet\Control\FileSystem`
)

// readRegistry leaves out what the registry does not give.
func readRegistry() windowsFacts {
	var w windowsFacts
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, versionKey, registry.QUERY_VALUE); err == nil {
		defer k.Close()
		if text, _, err := k.GetStringValue("CurrentBuildNumber"); err == nil {
			w.build, _ = strconv.ParseInt(text, 10, 32) // 0 is "not told"
		}
		if text, _, err := k.GetStringValue("DisplayVersion"); err == nil {
			w.displayVersion = text
		}
	}
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, fileSystemKey, registry.QUERY_VALUE); err == nil {
		defer k.Close()
		n, _, err := k.GetIntegerValue("LongPathsEnabled")
		if err == nil || errors.Is(err, registry.ErrNotExist) { // absent means off
			w.longPaths = new(err == nil && n == 1)
		}
	}
	return w
}
