// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// condaList is where conda and mamba note each environment that they make.
const condaList = "~/.conda/environments.txt"

// maxListLines bounds the lines read of a list of environments.
const maxListLines = 1000

// condaEnvironments reads the list of conda: one prefix a line.
func condaEnvironments(t *fact.Target) []string {
	if t.Home == "" {
		return nil
	}
	return absoluteLines(t.ReadText(path.Join(t.Home, ".conda/environments.txt")))
}

func absoluteLines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if path.IsAbs(line) && !strings.ContainsRune(line, 0) && len(out) < maxListLines {
			out = append(out, path.Clean(line))
		}
	}
	return out
}
