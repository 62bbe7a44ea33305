// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"path"
	"strings"
)

// Names inside of the directory of a store.
const (
	lockName   = "lock"
	entriesDir = "entries"
	dataDir    = "data"
	draftsDir  = "drafts"

	manifestSuffix = ".json"
	stateSuffix    = ".state"
	tableSuffix    = ".table"
)

func entryName(k Key) string     { return path.Join(entriesDir, k.String()+manifestSuffix) }
func draftName(id string) string { return path.Join(draftsDir, id) }
func stateName(id string) string { return path.Join(dataDir, id+stateSuffix) }
func tableName(id string) string { return path.Join(dataDir, id+tableSuffix) }

// keyOfEntry is the reverse of entryName, of the last element.
func keyOfEntry(name string) (Key, bool) {
	k, err := ParseKey(strings.TrimSuffix(name, manifestSuffix))
	return k, err == nil && name == k.String()+manifestSuffix
}

// idOfData is the ID in the name of a data file.
func idOfData(name string) string {
	for _, suffix := range []string{stateSuffix, tableSuffix} {
		if id, ok := strings.CutSuffix(name, suffix); ok && isID(id) {
			return id
		}
	}
	return ""
}

// kindOf names the kind of a file in the names of steps.
func kindOf(name string) string {
	switch path.Dir(name) {
	case entriesDir:
		return "a manifest"
	case draftsDir:
		return "a draft"
	}
	return "data"
}
