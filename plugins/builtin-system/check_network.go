// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var tlsMissing = check.Check{
	Code: "system.tls-bundle-missing", Title: "A variable names a certificate bundle that cannot be used",
	Area: "system",
	Doc: check.Doc{
		Meaning:   "SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or PIP_CERT names a file that is not there or is empty. Clients that read the variable trust no server, and every download over HTTPS fails.",
		Detection: "The variables of the examined process and the existence and size of the files; relative paths are not judged.",
		Cause:     "The variable was set in another image or machine, or the package with the certificates was removed.",
		Fix:       "Unset the variable, so that the client uses its own bundle, or install the bundle at that place.",
		Verify:    "python -m pip download --no-deps pip -d /tmp ends without CERTIFICATE_VERIFY_FAILED or an invalid path.",
		References: []string{
			"https://docs.openssl.org/master/man7/openssl-env/",
			"https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification",
			"https://pip.pypa.io/en/stable/topics/https-certificates/",
		},
	},
	Run: runTLSMissing,
}

// bundleReaders says what reads each variable.
var bundleReaders = map[string]string{
	"SSL_CERT_FILE":      "OpenSSL, httpx and huggingface_hub",
	"REQUESTS_CA_BUNDLE": "requests",
	"CURL_CA_BUNDLE":     "curl and requests",
	"PIP_CERT":           "pip",
}

func runTLSMissing(c *check.Context) {
	bundles, _ := fact.Get[[]bundle](c.Facts, "net.tls_bundles")
	for _, b := range bundles {
		if b.State != "missing" && b.State != "empty" {
			continue
		}
		c.Report(check.Finding{
			Severity: check.Error,
			Subject:  b.Name,
			Detail:   fmt.Sprintf("%s names %s, which is %s: downloads through %s fail.", b.Name, b.Path, b.State, bundleReaders[b.Name]),
			Cause:    "The variable points at a bundle that this machine does not have.",
			Evidence: evidenceAbout(c, "net.tls_bundles", b.Name+"=", b.Path),
			Remedies: []check.Remedy{{
				ID: "unset", Summary: "Unset the variable", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"unset " + b.Name},
			}},
			Verify: []string{"ls -lL " + quoted(b.Path)},
		})
	}
}

// evidenceAbout keeps the evidence of one element of a list fact: that whose
// value starts with a prefix or that is about a file.
func evidenceAbout(c *check.Context, address, prefix, file string) []fact.Evidence {
	var out []fact.Evidence
	for _, e := range c.Evidence(address) {
		if strings.HasPrefix(e.Value, prefix) || file != "" && e.Path == file && len(out) == 1 {
			out = append(out, e)
		}
	}
	return out
}

var proxyInvalid = check.Check{
	Code: "system.proxy-invalid", Title: "A proxy variable cannot be read",
	Area: "system",
	Doc: check.Doc{
		Meaning:   "http_proxy, https_proxy or all_proxy holds a value that no client can use, so that every download that honours it fails.",
		Detection: "The value is read as the common clients do: an optional scheme out of http, https and socks, a host, and an optional port. Whether the proxy answers is not tried.",
		Cause:     "Quotation marks that became part of the value (often from an env file or a Dockerfile), a misspelt scheme, or a port that is not a number.",
		Fix:       "Set the variable in the form http://HOST:PORT, or unset it.",
		Verify:    "curl -sS -o /dev/null https://pypi.org/simple/ ends without an error.",
		References: []string{
			"https://everything.curl.dev/usingcurl/proxies/env.html",
			"https://requests.readthedocs.io/en/latest/user/advanced/#proxies",
			"https://www.python-httpx.org/environment_variables/",
		},
	},
	Run: runProxyInvalid,
}

func runProxyInvalid(c *check.Context) {
	proxies, _ := fact.Get[[]proxy](c.Facts, "net.proxies")
	for _, p := range proxies {
		if p.Problem == "" {
			continue
		}
		c.Report(check.Finding{
			Severity: check.Error,
			Subject:  p.Name,
			Detail:   fmt.Sprintf("%s is %s, and %s.", p.Name, p.Value, p.Problem),
			Cause:    "The value is not a proxy address.",
			Evidence: evidenceAbout(c, "net.proxies", p.Name+"=", ""),
			Remedies: []check.Remedy{{
				ID: "set-proxy", Summary: "Write the address plainly, or unset the variable", Kind: check.SetEnv, Risk: check.Low,
				Preview: []string{"export " + p.Name + "=http://HOST:PORT", "unset " + p.Name},
			}},
			Verify: []string{"curl -sS -o /dev/null https://pypi.org/simple/"},
		})
	}
}

var hubOffline = check.Check{
	Code: "system.hf-offline", Title: "Hugging Face libraries are set to work offline",
	Area: "system",
	Doc: check.Doc{
		Meaning:   "HF_HUB_OFFLINE, HF_DATASETS_OFFLINE or TRANSFORMERS_OFFLINE is on. What is not in the cache cannot be loaded, and no request is sent.",
		Detection: "The variables of the examined process: 1, on, yes and true count, in any case.",
		Cause:     "Set on purpose on a machine without a network, or left over.",
		Fix:       "Unset the variable where downloads are wanted.",
		Verify:    "env prints none of them.",
		References: []string{
			"https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hfhuboffline",
		},
	},
	Run: runHubOffline,
}

func runHubOffline(c *check.Context) {
	set, _ := fact.Get[map[string]string](c.Facts, "hf.env")
	for _, name := range []string{"HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"} {
		if !truthy(set[name]) {
			continue
		}
		c.Report(check.Finding{
			Severity: check.Info,
			Subject:  name,
			Detail:   fmt.Sprintf("%s is %s: models and data sets that are not in the cache cannot be loaded.", name, set[name]),
			Cause:    "The environment asks for offline work.",
			Evidence: evidenceAbout(c, "hf.env", name+"=", ""),
			Remedies: []check.Remedy{{
				ID: "unset", Summary: "Unset it where downloads are wanted", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"unset " + name},
			}},
			Verify: []string{"env | grep " + name},
		})
	}
}

// truthy reads a boolean variable as huggingface_hub does.
func truthy(value string) bool {
	switch strings.ToUpper(value) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}
