// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// parseLog finds the level and the message of a line: JSON as hclog writes it,
// a prefix such as [WARN], or plain text, which is debug. Fields of JSON become
// part of the message, so that none can pass for a field of the host. What JSON
// quoted is redacted here, where it is plain.
func parseLog(text string, redact func(string) string) (hclog.Level, string) {
	if strings.HasPrefix(text, "{") {
		if level, message, ok := parseJSONLog(text, redact); ok {
			return level, message
		}
	}
	for _, level := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Info, hclog.Warn, hclog.Error} {
		prefix := "[" + strings.ToUpper(level.String()) + "]"
		if rest, found := strings.CutPrefix(text, prefix); found {
			return level, strings.TrimSpace(rest)
		}
	}
	return hclog.Debug, text
}

func parseJSONLog(text string, redact func(string) string) (hclog.Level, string, bool) {
	var fields map[string]any
	if json.Unmarshal([]byte(text), &fields) != nil {
		return 0, "", false
	}
	message, ok := fields["@message"].(string)
	if !ok {
		return 0, "", false
	}
	name, _ := fields["@level"].(string)
	level := hclog.LevelFromString(name)
	if level == hclog.NoLevel || level == hclog.Off {
		level = hclog.Debug
	}
	return level, redact(message) + flatten(fields, redact), true
}

// flatten renders the plugin's own fields in a fixed order.
func flatten(fields map[string]any, redact func(string) string) string {
	var names []string
	for name := range fields {
		if !strings.HasPrefix(name, "@") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, " %q=%q", redact(name), redact(fmt.Sprint(fields[name])))
	}
	return b.String()
}
