// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"maps"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// markerEnvironments gives the marker variables of the examined interpreter.
// Where its micro version is not on disk there are two, the lowest and the
// highest that it may have, and only what holds in both is taken to hold.
func markerEnvironments(t *fact.Target, env *locate.Env) []pep508.Environment {
	parts := strings.SplitN(env.Version, ".", 3)
	if len(parts) < 2 {
		return nil
	}
	minor := parts[0] + "." + parts[1]
	base := platformVariables(t)
	base["python_version"] = minor
	base["platform_python_implementation"] = env.Implementation
	base["implementation_name"] = strings.ToLower(env.Implementation)
	micros := []string{"0", "99"}
	if len(parts) == 3 {
		micros = parts[2:]
	}
	var out []pep508.Environment
	for _, micro := range micros {
		e := maps.Clone(base)
		e["python_full_version"] = minor + "." + micro
		e["implementation_version"] = minor + "." + micro
		out = append(out, e)
	}
	return out
}

func platformVariables(t *fact.Target) pep508.Environment {
	e := pep508.Environment{"os_name": "posix", "platform_machine": machine(t.OS, t.Arch)}
	switch t.OS {
	case "windows":
		e["os_name"], e["sys_platform"], e["platform_system"] = "nt", "win32", "Windows"
	case "darwin":
		e["sys_platform"], e["platform_system"] = "darwin", "Darwin"
	default:
		e["sys_platform"], e["platform_system"] = "linux", "Linux"
	}
	return e
}

// machine is platform.machine() for Go's names.
func machine(os, arch string) string {
	switch {
	case arch == "arm64" && os == "linux":
		return "aarch64"
	case arch == "arm64" && os == "windows":
		return "ARM64"
	case arch == "amd64" && os == "windows":
		return "AMD64"
	case arch == "amd64", arch == "":
		return "x86_64"
	}
	return arch
}

// applicable keeps the requirements that hold without extras, as `pip check`
// does, and cuts their markers. Lines that are no requirements are returned
// apart; without a known version of Python nothing is said to apply.
func applicable(lines []string, envs []pep508.Environment) (kept, bad []string) {
	if len(envs) == 0 {
		return nil, nil
	}
	for _, line := range lines {
		if needsExtra(line) {
			continue
		}
		r, err := pep508.Parse(line)
		if err != nil {
			bad = append(bad, line)
			continue
		}
		if holdsInAll(r.Marker, envs) {
			kept = append(kept, withoutMarker(line, r))
		}
	}
	return kept, bad
}

// needsExtra recognises by far the most common marker, `; extra == "x"`,
// without parsing the line. A marker with "or" is left to the parser.
func needsExtra(line string) bool {
	_, marker, ok := strings.Cut(line, ";")
	if !ok || strings.Contains(marker, " or ") || strings.Contains(line, "://") {
		return false
	}
	_, after, ok := strings.Cut(marker, "extra")
	after, equals := strings.CutPrefix(strings.TrimLeft(after, " "), "==")
	return ok && equals && len(strings.Trim(after, ` "'()`)) > 0
}

func holdsInAll(m *pep508.Marker, envs []pep508.Environment) bool {
	for _, e := range envs {
		if !m.Eval(e) {
			return false
		}
	}
	return true
}

func withoutMarker(line string, r pep508.Requirement) string {
	if r.Marker == nil {
		return line
	}
	i := strings.LastIndexByte(line, ';')
	if r.URL == "" {
		i = strings.IndexByte(line, ';')
	}
	return strings.TrimSpace(line[:i])
}
