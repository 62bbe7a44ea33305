// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// places are the directories of a checkout in which a release leaves its files.
var places = []string{"dist", "bin/release"}

// Left out of the comparison: goreleaser's own records, which hold paths and times
// and are not published; overlays, which hold paths; and programs of the building
// machine.
func ignored(name string) bool {
	base := filepath.Base(name)
	return base == "overlay.json" || strings.HasPrefix(name, "bin/release/tools/") ||
		slices.Contains([]string{"dist/artifacts.json", "dist/metadata.json", "dist/config.yaml"}, name)
}

// compare holds the files of two checkouts against one another: how many are the
// same, and what differs in the others.
func compare(a, b string) (same int, different []string, err error) {
	left, err := list(a)
	if err != nil {
		return 0, nil, err
	}
	right, err := list(b)
	if err != nil {
		return 0, nil, err
	}
	if len(left) == 0 {
		return 0, nil, errors.New("the first build made no files")
	}
	for _, name := range union(left, right) {
		why, err := difference(filepath.Join(a, name), filepath.Join(b, name))
		if err != nil {
			return 0, nil, err
		}
		if why == "" {
			same++
			continue
		}
		different = append(different, name+": "+why)
	}
	return same, different, nil
}

func union(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// list names the files of a release below a checkout.
func list(root string) ([]string, error) {
	var out []string
	for _, place := range places {
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(place)), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(root, file)
			if name = filepath.ToSlash(name); !ignored(name) {
				out = append(out, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// difference says how two files differ, "" when they do not.
func difference(a, b string) (string, error) {
	left, err := os.ReadFile(a)
	if errors.Is(err, fs.ErrNotExist) {
		return "only the second build has it", nil
	}
	if err != nil {
		return "", err
	}
	right, err := os.ReadFile(b)
	if errors.Is(err, fs.ErrNotExist) {
		return "only the first build has it", nil
	}
	if err != nil || bytes.Equal(left, right) {
		return "", err
	}
	at := 0
	for at < min(len(left), len(right)) && left[at] == right[at] {
		at++
	}
	return fmt.Sprintf("%d and %d bytes, different from byte %d", len(left), len(right), at), nil
}
