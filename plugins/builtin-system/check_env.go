// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var conflictingEnv = check.Check{
	Code: "system.conflicting-env", Title: "Environment variables contradict each other",
	Area: "system", Needs: []string{"env.conflicts"},
	Doc: check.Doc{
		Meaning: "Two variables of the environment say different things about the same matter. One of them has no effect, programs disagree about which, or a library refuses to start.",
		Detection: "A table of pairs, each with its source: both variables are set to values that cannot both hold, or one that ends in _PROXY in lower case differs from its upper-case twin. " +
			"Values that may hold a password are compared and not recorded.",
		Cause:      "One is set in a shell start-up file or an image and the other by a job, or a new name was added and the old one left.",
		Fix:        "Unset the one that is not meant.",
		Verify:     "env prints only one of the two.",
		References: conflictSources(),
	},
	Run: runConflictingEnv,
}

// conflictSources lists the sources of the table, each once.
func conflictSources() []string {
	var out []string
	for _, row := range tables.Conflicts() {
		if !slices.Contains(out, row.Source) {
			out = append(out, row.Source)
		}
	}
	return out
}

var severities = map[string]check.Severity{"info": check.Info, "warning": check.Warning, "error": check.Error}

func runConflictingEnv(c *check.Context) {
	found, _ := fact.Get[[]conflict](c.Facts, "env.conflicts")
	for _, f := range found {
		row, ok := tables.LookupConflict(f.ID)
		if !ok {
			continue
		}
		a, b := row.Variables[0].Name, row.Variables[1].Name
		how := "are both set"
		if row.Relation == "differ" {
			how = "are set to different values"
		}
		c.Report(check.Finding{
			Severity: severities[row.Severity],
			Subject:  a + ", " + b,
			Detail:   fmt.Sprintf("%s and %s %s: %s.", a, b, how, row.Effect),
			Cause:    "The variables were set in different places.",
			Evidence: evidenceOf(c, "env.conflicts", a+"=", b+"="),
			Remedies: []check.Remedy{{
				ID: "unset", Summary: "Unset the one that is not meant, most often " + row.Unset, Kind: check.SetEnv, Risk: check.Low, Preview: []string{"unset " + row.Unset},
			}},
			Verify: []string{fmt.Sprintf("env | grep -E '^(%s|%s)='", a, b)},
		})
	}
}

// evidenceOf keeps the evidence whose value begins with one of the prefixes.
func evidenceOf(c *check.Context, address string, prefixes ...string) []fact.Evidence {
	var out []fact.Evidence
	for _, e := range c.Evidence(address) {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(e.Value, p) }) {
			out = append(out, e)
		}
	}
	return out
}

var noProxyInvalid = check.Check{
	Code: "system.no-proxy-invalid", Title: "NO_PROXY has entries that match no host",
	Area: "system", Needs: []string{"net.no_proxy", "net.proxies"},
	Doc: check.Doc{
		Meaning:   "NO_PROXY is a list of host names, domains and addresses with commas between them. Entries with a scheme, quotation marks, semicolons or spaces match nothing, so that requests to these hosts go to the proxy.",
		Detection: "The entries of no_proxy, or of NO_PROXY where the other is not set, while a proxy is set. Spaces around an entry are fine; a space inside of one is not.",
		Cause:     "The list was written with addresses of web pages, or with other separators.",
		Fix:       "Write host names, with commas between them.",
		Verify:    "curl -v to one of the hosts connects to it and not to the proxy.",
		References: []string{
			"https://everything.curl.dev/usingcurl/proxies/env.html",
			"https://docs.python.org/3/library/urllib.request.html#urllib.request.getproxies",
		},
	},
	Run: runNoProxyInvalid,
}

func runNoProxyInvalid(c *check.Context) {
	n, _ := fact.Get[noProxy](c.Facts, "net.no_proxy")
	var wrong, right []string
	for _, host := range n.Hosts {
		if strings.Contains(host, "://") || strings.ContainsAny(host, `"'; `+"\t") {
			wrong = append(wrong, host)
		}
		right = append(right, strings.FieldsFunc(bareHost(host), func(r rune) bool { return strings.ContainsRune(`"'; `+"\t", r) })...)
	}
	if len(wrong) == 0 {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Subject:  n.Name,
		Detail:   fmt.Sprintf("%s holds %q, which matches no host: requests to it go to the proxy.", n.Name, wrong[0]),
		Cause:    "The list is not one of host names with commas between them.",
		Evidence: c.Evidence("net.no_proxy", "net.proxies"),
		Remedies: []check.Remedy{{
			ID: "rewrite", Summary: "Write host names with commas between them", Kind: check.SetEnv, Risk: check.Low,
			Preview: []string{"export " + n.Name + "=" + quoted(strings.Join(right, ","))},
		}},
		Verify: []string{"env | grep -i '^no_proxy='"},
	})
}

// bareHost takes the scheme and the path off an address.
func bareHost(entry string) string {
	entry = strings.Trim(entry, `"'`)
	if _, rest, ok := strings.Cut(entry, "://"); ok {
		entry, _, _ = strings.Cut(rest, "/")
	}
	return entry
}

var noProxyLoopback = check.Check{
	Code: "system.no-proxy-loopback", Title: "Requests to this machine itself go to the proxy",
	Area: "system", Needs: []string{"net.proxies"},
	Doc: check.Doc{
		Meaning: "A proxy is set for http, and NO_PROXY does not name localhost and 127.0.0.1. Python's clients and curl then send requests for a server on this machine (a model server, Jupyter, a tracking server, Ray's dashboard) " +
			"to the proxy, which answers 403, 502 or 504.",
		Detection: "A usable http_proxy or all_proxy and no entry localhost, 127.0.0.1, a network that holds it, or * in no_proxy or NO_PROXY.",
		Cause:     "The proxy variables were set without their exception.",
		Fix:       "Name localhost, 127.0.0.1 and ::1 in no_proxy.",
		Verify:    "curl -v http://127.0.0.1:8000 connects to 127.0.0.1.",
		References: []string{
			"https://everything.curl.dev/usingcurl/proxies/env.html",
			"https://requests.readthedocs.io/en/latest/user/advanced/#proxies",
		},
	},
	Run: runNoProxyLoopback,
}

// exceptsLoopback reports whether an entry of NO_PROXY is about this machine: by
// name, with a port or a dot before it, by address, or by network.
func exceptsLoopback(entry string) bool {
	entry = strings.TrimLeft(strings.ToLower(entry), ".")
	if network, err := netip.ParsePrefix(entry); err == nil {
		return network.Contains(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	host, _, _ := strings.Cut(entry, ":")
	return slices.Contains([]string{"*", "localhost", "*.localhost", "127.0.0.1", "127.*", "127."}, host)
}

func runNoProxyLoopback(c *check.Context) {
	proxies, _ := fact.Get[[]proxy](c.Facts, "net.proxies")
	n, _ := fact.Get[noProxy](c.Facts, "net.no_proxy")
	plain := slices.IndexFunc(proxies, func(p proxy) bool {
		name := strings.ToLower(p.Name)
		return p.Problem == "" && (name == "http_proxy" || name == "all_proxy")
	})
	if plain < 0 || slices.ContainsFunc(n.Hosts, exceptsLoopback) {
		return
	}
	hosts := append(slices.Clone(n.Hosts), "localhost", "127.0.0.1", "::1")
	name := "no_proxy"
	if n.Name != "" {
		name = n.Name
	}
	c.Report(check.Finding{
		Severity: check.Info,
		Subject:  name,
		Detail:   fmt.Sprintf("%s is set and %s does not name localhost: requests of Python and curl to servers on this machine go to the proxy.", proxies[plain].Name, name),
		Cause:    "The proxy was set without an exception for the machine itself.",
		Evidence: append(evidenceOf(c, "net.proxies", proxies[plain].Name+"="), c.Evidence("net.no_proxy")...),
		Remedies: []check.Remedy{{
			ID: "except-loopback", Summary: "Take the machine itself out", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"export " + name + "=" + quoted(strings.Join(hosts, ","))},
		}},
		Verify: []string{"curl -v http://127.0.0.1:8000"},
	})
}

type longPathSettings struct {
	MaxProjectLength int64 `json:"max_project_length" default:"80" min:"0" doc:"Warn when the path of the project is longer than this, in characters."`
}

var longPaths = check.Check{
	Code: "windows.long-paths", Title: "Windows cuts paths at 260 characters",
	Area: "system", Needs: []string{"windows.long_paths"}, Config: longPathSettings{},
	Doc: check.Doc{
		Meaning: "Long paths are off in Windows, and the path of the project leaves too little for the files of a framework in an environment below it: pip ends with \"OSError: [Errno 2] No such file or directory\" " +
			"and the hint that this system does not have Windows Long Path support enabled.",
		Detection:  "LongPathsEnabled of the registry is 0 or absent from it, and the path of the project is longer than max_project_length (80 characters unless set). Where the project lies near the root of a disk nothing is said.",
		Cause:      "Windows is delivered with long paths turned off.",
		Fix:        "Turn long paths on, as an administrator, and open a new terminal; or move the project nearer to the root of a disk.",
		Verify:     "reg query HKLM\\SYSTEM\\CurrentControlSet\\Control\\FileSystem /v LongPathsEnabled prints 0x1.",
		References: []string{"https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation", "https://docs.python.org/3/using/windows.html#removing-the-max-path-limitation"},
	},
	Run: runLongPaths,
}

func runLongPaths(c *check.Context) {
	var settings longPathSettings
	c.Config(&settings)
	on, known := fact.Get[bool](c.Facts, "windows.long_paths")
	length, _ := c.Facts.Int("project.path_length")
	if !known || on || length <= settings.MaxProjectLength {
		return
	}
	const key = `HKLM\SYSTEM\CurrentControlSet\Control\FileSystem`
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("Paths end at 260 characters, and that of the project takes %d of them: installing a large package below it fails with \"No such file or directory\".", length),
		Cause:    "Long paths are turned off in Windows.",
		Evidence: c.Evidence("windows.long_paths", "project.path_length"),
		Remedies: []check.Remedy{{
			ID: "enable-long-paths", Summary: "Turn long paths on, in a terminal of an administrator", Kind: check.SystemCommand, Risk: check.Low,
			Preview: []string{"reg add " + key + " /v LongPathsEnabled /t REG_DWORD /d 1 /f"},
		}},
		Verify: []string{"reg query " + key + " /v LongPathsEnabled"},
	})
}
