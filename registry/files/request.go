// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// maxRedirects that are followed for one request.
const maxRedirects = 5

// networkError: there was no answer.
type networkError struct {
	url string
	err error
}

// Error says what happened, where, and what to do about it.
func (e *networkError) Error() string {
	return fmt.Sprintf("%s: no answer: %v; check the network, the proxy and the address of the registry", e.url, e.err)
}

// Unwrap is the error within.
func (e *networkError) Unwrap() error { return e.err }

// get requests a URL and follows redirects by our rules.
func (w *web) get(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	for range maxRedirects + 1 {
		resp, err := w.once(ctx, u, header)
		if err != nil {
			return nil, err
		}
		next, err := w.next(u, resp)
		if next == nil && err == nil {
			return resp, nil
		}
		discard(resp)
		if err != nil {
			return nil, err
		}
		u = next
	}
	return nil, fmt.Errorf("%s: more than %d redirects; set the address that they lead to", w.base, maxRedirects)
}

// once makes one request.
func (w *web) once(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown(u), err)
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", w.agent)
	req.Header.Set("Accept-Encoding", "identity")
	if w.auth != nil && u.Scheme == w.base.Scheme && u.Host == w.base.Host {
		w.auth(req)
	}
	resp, err := w.transport.RoundTrip(req) // a Client would follow redirects by its own rules, and quote them
	if err == nil {
		return resp, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", shown(u), ended(ctx))
	}
	return nil, noAnswer(shown(u), err)
}

// certificateError: a server is not who it should be.
type certificateError struct{ networkError }

// Error says what happened, where, and what to do about it.
func (e *certificateError) Error() string {
	return fmt.Sprintf("%s: the certificate of the server is not trusted: %v; %s", e.url, e.err, e.remedy())
}

func (e *certificateError) remedy() string {
	invalid, _ := errors.AsType[x509.CertificateInvalidError](e.err)
	_, misnamed := errors.AsType[x509.HostnameError](e.err)
	switch {
	case invalid.Reason == x509.Expired && invalid.Cert != nil:
		return "check this machine's clock; if that is right, whoever runs the registry has to renew the certificate"
	case misnamed:
		return "check the address of the registry: the certificate is for another one"
	}
	return "if your organisation has its own authority, give its certificate as the registry's CA file"
}

// noAnswer tells what may pass from what does not: a certificate is as bad the
// next time.
func noAnswer(url string, err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &certificateError{networkError{url, err}}
	}
	return &networkError{url, err}
}

// next is where a redirect leads, nil when the answer is none.
func (w *web) next(from *url.URL, resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	to, err := from.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, fmt.Errorf("%s: the server redirects to nowhere; set the address of the registry to the one that it moved to", shown(from))
	}
	if to.Host == "" || to.User != nil || !w.allowed(from, to) {
		return nil, fmt.Errorf("%s: the server redirects to %s, which is not followed: a redirect leads to https, without a user in it", shown(from), shown(to))
	}
	to.Fragment = ""
	return to, nil
}

// allowed reports whether a URL may be requested, from is the one that led there.
func (w *web) allowed(from, to *url.URL) bool {
	switch to.Scheme {
	case "https":
		return true
	case "http":
		return (from == nil || from.Scheme == "http") && (w.insecure || loopback(to.Hostname()))
	}
	return false
}

// shown is a URL without what may be secret.
func shown(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return plain.String()
}

// discard lets the connection of an answer that nobody reads be used again, if
// what is left of it is short and comes at once.
func discard(resp *http.Response) {
	late := time.AfterFunc(100*time.Millisecond, func() { _ = resp.Body.Close() })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close() // nothing of it is wanted
}

// auth adds the credentials to a request.
func (o Options) auth() func(*http.Request) {
	switch {
	case o.Token != "":
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+o.Token) }
	case o.User != "" || o.Password != "":
		return func(r *http.Request) { r.SetBasicAuth(o.User, o.Password) }
	}
	return nil
}

// transport has a bound on each phase of a request; reading the body has pace.
func (o Options) transport() (*http.Transport, error) {
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		IdleConnTimeout:        60 * time.Second,
		MaxIdleConnsPerHost:    8,
		MaxConnsPerHost:        16,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}, nil
}

// roots are the system's and those of CAFile; nil is the system's.
func (o Options) roots() (*x509.CertPool, error) {
	if o.CAFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the CA file of the registry: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // there is none on a minimal image
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("the CA file %s has no certificate in PEM", o.CAFile)
	}
	return pool, nil
}
