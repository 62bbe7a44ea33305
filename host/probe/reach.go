// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// reachProbes try the hub and the package index of this user.
func reachProbes(_ fact.Set, o *Options) []Probe {
	places := []struct{ name, url string }{
		{"huggingface", cmp.Or(o.Env["HF_ENDPOINT"], "https://huggingface.co")},
		{"pypi", cmp.Or(o.Env["UV_DEFAULT_INDEX"], o.Env["UV_INDEX_URL"], o.Env["PIP_INDEX_URL"], "https://pypi.org/simple/")},
	}
	var out []Probe
	for _, p := range places {
		out = append(out, Probe{
			Address: fact.At(ReachAddress, p.name, ""), Title: "reach " + withoutSecrets(p.url), Deadline: reachTime, run: reaching(p.name, p.url),
		})
	}
	return out
}

// untried is the stage of what this package does not speak: no fault of the machine.
const untried = "untried"

func reaching(name, address string) func(context.Context, *Options) []fact.Fact {
	return func(ctx context.Context, o *Options) []fact.Fact {
		begin := time.Now()
		r := reach(ctx, address, o)
		r.Seconds = time.Since(begin).Seconds()
		at := fact.At(ReachAddress, name, "")
		if r.Stage == untried {
			return []fact.Fact{unknown(at, r.Error)}
		}
		return []fact.Fact{known(at, r, "HEAD "+r.URL, firstOf(r.Error, http.StatusText(r.Status)))}
	}
}

// reach asks for the head of a page, through the proxy that the environment
// names.
func reach(ctx context.Context, address string, o *Options) Reach {
	r := Reach{URL: withoutSecrets(address)}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.Stage, r.Error = "name", "this is no address of a web server"
		return r
	}
	t, near, proxy, err := route(u, o.Env)
	if errors.Is(err, errUntried) {
		r.Stage, r.Error = untried, err.Error()
		return r
	}
	if err != nil {
		r.Stage, r.Error = "proxy", err.Error()
		return r
	}
	r.Proxy = proxy
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", near)
	if err != nil {
		r.Stage, r.Error = dialStage(err), clean(err.Error())
		return r
	}
	s, err := converse(ctx, conn, t, o)
	if err != nil {
		r.Stage, r.Error = "http", clean(err.Error())
		return r
	}
	r.Stage, r.Status, r.Error = s.Stage, s.Status, s.problem()
	r.OK = s.Error == "" && s.Status < http.StatusInternalServerError
	return r
}

// route is what to say, and where to connect to, for an address: the place itself
// or a proxy, which is told without its password.
func route(u *url.URL, env map[string]string) (t talk, near, told string, err error) {
	t.Asks = []ask{{Method: http.MethodHead, URL: "http://" + u.Host + cmp.Or(u.EscapedPath(), "/")}}
	port := "80"
	if u.Scheme == "https" {
		t.TLS, port = u.Hostname(), "443"
	}
	near = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	proxy, err := proxyOf(u, env)
	if err != nil || proxy == nil {
		return t, near, "", err
	}
	t.Proxy, near = near, net.JoinHostPort(proxy.Hostname(), cmp.Or(proxy.Port(), "80"))
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		t.Authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
	}
	return t, near, proxy.Scheme + "://" + proxy.Host, nil
}

// dialStage tells a name that does not resolve from a host that does not answer.
func dialStage(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "name"
	}
	return "connect"
}

var errUntried = errors.New("not tried, only one of the kind http")

// proxyOf is the proxy for an address by the examined process's variables; nil
// for none.
func proxyOf(u *url.URL, env map[string]string) (*url.URL, error) {
	get := func(name string) string { return cmp.Or(env[name], env[strings.ToLower(name)]) }
	cfg := httpproxy.Config{HTTPProxy: get("HTTP_PROXY"), HTTPSProxy: get("HTTPS_PROXY"), NoProxy: get("NO_PROXY")}
	if all := get("ALL_PROXY"); all != "" {
		cfg.HTTPProxy, cfg.HTTPSProxy = cmp.Or(cfg.HTTPProxy, all), cmp.Or(cfg.HTTPSProxy, all)
	}
	proxy, err := cfg.ProxyFunc()(u)
	switch {
	case err != nil, proxy != nil && (proxy.Hostname() == "" || strings.Trim(proxy.Path, "/") != ""):
		return nil, errors.New("the address of the proxy cannot be read; see HTTPS_PROXY, HTTP_PROXY and ALL_PROXY") // the error would tell its password
	case proxy != nil && proxy.Scheme != "http":
		return nil, fmt.Errorf("a proxy of the kind %q is %w", clean(proxy.Scheme), errUntried)
	}
	return proxy, nil
}

// withoutSecrets is an address without user, password and query.
func withoutSecrets(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(an address that cannot be read)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// certificates lends the roots of TLS that the examined process would use.
func certificates(spec *sandbox.Spec, env map[string]string) {
	file := cmp.Or(env["REQUESTS_CA_BUNDLE"], env["SSL_CERT_FILE"], network.Certificates())
	if real, err := filepath.EvalSymlinks(file); err == nil && filepath.IsAbs(real) {
		spec.Binds = append(spec.Binds, sandbox.Bind{Source: real, Access: sandbox.Library, Optional: true})
		spec.Env = append(spec.Env, network.EnvCertificates+"="+real)
	}
}
