// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/url"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/pkgindex"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// noProxy is the value of net.no_proxy.
type noProxy struct {
	Name  string   `json:"name"`
	Hosts []string `json:"hosts"`
}

// maxHosts bounds the list of hosts.
const maxHosts = 200

// collectNoProxy takes the lower-case name first, as curl and Python do.
func collectNoProxy(t *fact.Target, r *fact.Recorder) {
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		value, ok := t.Env[name]
		if !ok {
			continue
		}
		n := noProxy{Name: name, Hosts: []string{}}
		for host := range strings.SplitSeq(value, ",") {
			if host = strings.TrimSpace(host); host != "" && len(n.Hosts) < maxHosts {
				n.Hosts = append(n.Hosts, pkgindex.WithoutUser(host))
			}
		}
		r.Add("net.no_proxy", n, fact.Call("environment", name+"="+strings.Join(n.Hosts, ",")))
		return
	}
}

// endpoint is the value of hf.endpoint.
type endpoint struct {
	// Value without user and password.
	Value string `json:"value"`
	// Problem says why no request can be sent there; empty when it reads well.
	Problem string `json:"problem,omitempty"`
}

// collectEndpoint says nothing of an empty variable, which is the default.
func collectEndpoint(t *fact.Target, r *fact.Recorder) {
	if v := t.Env["HF_ENDPOINT"]; v != "" {
		e := endpoint{Value: pkgindex.WithoutUser(v), Problem: endpointProblem(v)}
		r.Add("hf.endpoint", e, fact.Call("environment", "HF_ENDPOINT="+e.Value))
	}
}

// endpointProblem names what makes an endpoint unusable: the library puts
// "/api/models/..." behind it and sends a request there as it stands.
func endpointProblem(value string) string {
	switch {
	case strings.ContainsAny(value, `"'`):
		return "it contains quotation marks"
	case strings.ContainsAny(value, " \t\r\n"):
		return "it contains white space"
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return "it is not a URL"
	case !strings.Contains(value, "://"):
		return "it has no scheme, such as https://"
	case !slices.Contains([]string{"http", "https"}, strings.ToLower(u.Scheme)):
		return "its scheme is not http or https"
	case u.Hostname() == "":
		return "it names no host"
	case !validPort(u.Port()):
		return "its port is not between 1 and 65535"
	case u.RawQuery != "" || u.Fragment != "":
		return "it has a query or a fragment, behind which no path can follow"
	}
	return ""
}

// conflict is an element of env.conflicts.
type conflict struct {
	ID string `json:"id"`
	// Variables by name; the value is "***" where it may hold a password.
	Variables map[string]string `json:"variables"`
}

func collectConflicts(t *fact.Target, r *fact.Recorder) {
	var (
		out      []conflict
		evidence []fact.Evidence
	)
	for _, row := range tables.Conflicts() {
		if !row.Holds(t.Env) {
			continue
		}
		c := conflict{ID: row.ID, Variables: map[string]string{}}
		for _, v := range row.Variables {
			value := t.Env[v.Name]
			if row.Private {
				value = "***"
			}
			c.Variables[v.Name] = value
			evidence = append(evidence, fact.Call("environment", v.Name+"="+value))
		}
		out = append(out, c)
	}
	if out != nil {
		r.Add("env.conflicts", out, evidence...)
	}
}
