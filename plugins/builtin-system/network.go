// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var networkCollector = fact.Collector{
	Name:    "network",
	Summary: "variables that steer downloads: proxies, certificate bundles, Hugging Face",
	Facts: []fact.Description{
		{Address: "net.proxies", Summary: "proxy variables: {name, value, problem}, without user and password", Type: "list"},
		{Address: "net.tls_bundles", Summary: "certificate variables with an absolute path: {name, path, state}, the state ok, missing, empty or unreadable", Type: "list"},
		{Address: "net.no_proxy", Summary: "hosts that the proxies are not used for: {name, hosts}", Type: "object"},
		{Address: "hf.endpoint", Summary: "HF_ENDPOINT: {value, problem}, without user and password", Type: "object"},
		{Address: "env.conflicts", Summary: "variables that contradict each other: {id, variables}; values that may hold a password are left out", Type: "list"},
		{Address: "hf.env", Summary: "HF_* and TRANSFORMERS_* variables that say where and whether to download", Type: "object"},
		{Address: "env.threads", Summary: "variables that bound the threads of numeric libraries", Type: "object"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		collectProxies(t, r)
		collectBundles(t, r)
		collectNoProxy(t, r)
		collectEndpoint(t, r)
		collectVariables(t, r, "hf.env", hubVariables)
		collectVariables(t, r, "env.threads", threadVariables)
		collectConflicts(t, r)
		return nil
	},
}

var (
	proxyVariables  = []string{"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
	bundleVariables = []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"}
	hubVariables    = []string{"HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN_PATH"}
	threadVariables = []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_THREAD_LIMIT"}
)

func collectVariables(t *fact.Target, r *fact.Recorder, address string, names []string) {
	values := map[string]string{}
	var evidence []fact.Evidence
	for _, name := range names {
		if v, ok := t.Env[name]; ok {
			values[name] = v
			evidence = append(evidence, fact.Call("environment", name+"="+v))
		}
	}
	if len(values) > 0 {
		r.Add(address, values, evidence...)
	}
}

// proxy is an element of net.proxies.
type proxy struct {
	Name string `json:"name"`
	// Value without user and password.
	Value string `json:"value"`
	// Problem says why no client can use the value; empty when it reads well.
	Problem string `json:"problem,omitempty"`
}

func collectProxies(t *fact.Target, r *fact.Recorder) {
	var (
		out      []proxy
		evidence []fact.Evidence
	)
	for _, name := range proxyVariables {
		if v := t.Env[name]; v != "" {
			p := proxy{Name: name, Value: withoutUser(v), Problem: proxyProblem(v)}
			out = append(out, p)
			evidence = append(evidence, fact.Call("environment", name+"="+p.Value))
		}
	}
	if out != nil {
		r.Add("net.proxies", out, evidence...)
	}
}

// withoutUser blanks everything before the last "@", which may be a password.
func withoutUser(value string) string {
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return value
	}
	scheme, _, ok := strings.Cut(value[:at], "://")
	if !ok {
		return "***@" + value[at+1:]
	}
	return scheme + "://***@" + value[at+1:]
}

// proxySchemes are those that curl, requests and httpx take between them.
var proxySchemes = []string{"http", "https", "socks4", "socks4a", "socks5", "socks5h"}

// proxyProblem names what makes a proxy value unusable for every client. The
// text never quotes the value, which may hold a password.
func proxyProblem(value string) string {
	if strings.Trim(value, `"'`) != value {
		return "it contains quotation marks"
	}
	value = address(value)
	switch {
	case strings.ContainsAny(value, `"'`):
		return "it contains quotation marks"
	case strings.TrimSpace(value) != value || strings.ContainsAny(value, " \t\r\n"):
		return "it contains white space"
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return "it is not a URL with a host and a numeric port"
	case !slices.Contains(proxySchemes, strings.ToLower(u.Scheme)):
		return "its scheme " + u.Scheme + " is not one of " + strings.Join(proxySchemes, ", ")
	case u.Hostname() == "":
		return "it names no host"
	case !validPort(u.Port()):
		return "its port is not between 1 and 65535"
	}
	return ""
}

// address takes user and password out of a proxy value: clients are lenient with
// what stands there (CORP\\ada, a password with a percent sign).
func address(value string) string {
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return value
	}
	scheme, _, ok := strings.Cut(value[:at], "://")
	if !ok {
		return value[at+1:]
	}
	return scheme + "://" + value[at+1:]
}

func validPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= 1 && n <= 65535
}

// bundle is an element of net.tls_bundles.
type bundle struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// State is ok, missing, empty or unreadable.
	State string `json:"state"`
}

// collectBundles leaves out relative paths: they depend on the directory in
// which a program is started.
func collectBundles(t *fact.Target, r *fact.Recorder) {
	var (
		out      []bundle
		evidence []fact.Evidence
	)
	for _, name := range bundleVariables {
		if v := t.Env[name]; path.IsAbs(v) {
			b := bundle{Name: name, Path: v, State: bundleState(t, v)}
			out = append(out, b)
			evidence = append(evidence, fact.Call("environment", name+"="+v), fact.File(v, 0, b.State))
		}
	}
	if out != nil {
		r.Add("net.tls_bundles", out, evidence...)
	}
}

func bundleState(t *fact.Target, name string) string {
	info, err := t.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case err != nil:
		return "unreadable"
	case info.Mode().IsRegular() && info.Size() == 0:
		return "empty"
	}
	return "ok"
}
