// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var hostCollector = fact.Collector{
	Name:    "host-os",
	Summary: "what Windows and macOS tell of themselves",
	Facts: []fact.Description{
		{Address: "macos.version", Summary: "ProductVersion of macOS", Type: "string"},
		{Address: "macos.rosetta", Summary: "whether this process runs translated on Apple silicon", Type: "bool"},
		{Address: "windows.build", Summary: "build of Windows: 22631 is Windows 11 23H2", Type: "number"},
		{Address: "windows.display_version", Summary: `"23H2"`, Type: "string"},
		{Address: "windows.long_paths", Summary: "whether programs may use paths of more than 260 characters", Type: "bool"},
		{Address: "project.path_length", Summary: "characters of the path of the project directory, only on Windows", Type: "number"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		switch t.OS {
		case "darwin":
			collectMacOS(t, r)
		case "windows":
			collectWindows(t, r)
		}
		return nil
	},
}

const (
	versionPlist = "/System/Library/CoreServices/SystemVersion.plist"
	// rosettaRuntime is there on Apple silicon once Rosetta was installed, and
	// on no Mac with an Intel processor.
	rosettaRuntime = "/Library/Apple/usr/libexec/oah/libRosettaRuntime"
)

func collectMacOS(t *fact.Target, r *fact.Recorder) {
	if data, err := t.ReadFile(versionPlist); err == nil {
		if version := plistString(data, "ProductVersion"); version != "" {
			r.Add("macos.version", version, fact.File(versionPlist, 0, version))
		}
	}
	switch {
	case t.Arch == "arm64":
		r.Add("macos.rosetta", false)
	case t.Arch == "amd64" && t.Exists(rosettaRuntime):
		r.Add("macos.rosetta", true, fact.File(rosettaRuntime, 0, "this process is built for amd64"))
	}
}

// maxPlist bounds the elements that are looked at.
const maxPlist = 1000

// plistString returns the string that follows a key of a property list in XML;
// "" when there is none.
func plistString(data []byte, key string) string {
	dec := xml.NewDecoder(io.LimitReader(bytes.NewReader(data), 1<<20))
	last, name := "", ""
	for range maxPlist {
		token, err := dec.Token()
		if err != nil {
			return ""
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.EndElement:
			name = ""
		case xml.CharData:
			text := strings.TrimSpace(string(token))
			if name == "key" {
				last = text
			} else if name == "string" && last == key {
				return text
			}
		}
	}
	return ""
}

// windowsFacts are what the registry tells.
type windowsFacts struct {
	build          int64
	displayVersion string
	longPaths      *bool
}

func collectWindows(t *fact.Target, r *fact.Recorder) {
	if t.ProjectDir != "" {
		r.Add("project.path_length", len([]rune(t.ProjectDir)), fact.Call("project", t.ProjectDir))
	}
	if !t.Live {
		return // the registry of another machine is not a text file
	}
	w := readRegistry()
	if w.build > 0 {
		r.Add("windows.build", w.build, fact.Call("registry", fmt.Sprintf("CurrentBuildNumber %d", w.build)))
	}
	if w.displayVersion != "" {
		r.Add("windows.display_version", w.displayVersion, fact.Call("registry", "DisplayVersion "+w.displayVersion))
	}
	if w.longPaths != nil {
		r.Add("windows.long_paths", *w.longPaths, fact.Call("registry", fmt.Sprintf("LongPathsEnabled %v", *w.longPaths)))
	}
}
