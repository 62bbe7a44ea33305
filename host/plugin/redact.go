// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// shortSecret is the length in bytes below which a value is no use as a pattern:
// it would hit innocent words and show what it hides.
const shortSecret = 4

// redactor removes from a text whatever the host's own hook finds, which may know
// how secrets overlap, then the values of secrets.
func redactor(secrets []sandbox.Secret, hook func(string) string) func(string) string {
	values := secretValues(secrets)
	if len(values) == 0 && hook == nil {
		return func(text string) string { return text }
	}
	var pairs []string
	for _, value := range values {
		pairs = append(pairs, value, "(secret)")
	}
	known := strings.NewReplacer(pairs...)
	return func(text string) string {
		if hook != nil {
			text = hook(text)
		}
		text = known.Replace(text)
		if len(text) >= maxLine {
			text = withoutHalf(text, values)
		}
		return text
	}
}

// withoutHalf removes the beginning of a value from the end of a line that was cut
// while it was read.
func withoutHalf(text string, values []string) string {
	from := len(text)
	for _, value := range values {
		for n := min(len(value), len(text)) - 1; n > 0; n-- {
			if strings.HasSuffix(text, value[:n]) {
				from = min(from, len(text)-n)
				break
			}
		}
	}
	if from == len(text) {
		return text
	}
	return text[:from] + "(secret)"
}

// secretValues are the patterns, the longest first: one may contain another. A
// value of several lines is logged line by line.
func secretValues(secrets []sandbox.Secret) []string {
	var values []string
	for _, secret := range secrets {
		for line := range strings.Lines(secret.Value) {
			if line = strings.TrimSpace(line); len(line) >= shortSecret {
				values = append(values, line)
			}
		}
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(values)
}
