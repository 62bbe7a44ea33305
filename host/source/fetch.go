// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Download says how a URL is fetched.
type Download struct {
	// AllowNetwork is the user's consent: nothing is fetched without it.
	AllowNetwork bool
	// Dir keeps what was fetched. It is made, for its owner alone, when it is
	// missing.
	Dir string
	// MaxBytes bounds the file; 0 is DefaultDownloadBytes.
	MaxBytes int64
	// Transport carries the requests; nil is HTTP with the proxies of the
	// environment and the certificates of the system.
	Transport http.RoundTripper

	pause func(attempt int) time.Duration // instead of backOff, in tests
}

// Bounds of a download.
const (
	DefaultDownloadBytes = 64 << 30
	maxRedirects         = 5
	maxAttempts          = 5
	// stallTime is how long a server may say nothing.
	stallTime = 60 * time.Second
)

// Fetch brings a file from an http or https address into d.Dir and returns its
// path. Errors are of type *Error, or the cause of ctx.
//
//   - What is there from before is used when the server says that it has not
//     changed (ETag or Last-Modified); without such a mark it is fetched again.
//   - A download that breaks off is taken up where it stopped, by this process
//     or by a later one, when the server gave a strong ETag; the server answers
//     with the whole file when it has another one by now. Five attempts are made
//     in a row, with growing pauses.
//   - At most 5 redirects are followed, none from https to http. Credentials in
//     the address go to its host and port alone.
//   - The file appears under its name when it is complete and on disk.
//   - Several processes may fetch the same address: one does, the others wait.
func Fetch(ctx context.Context, address string, d Download) (string, error) {
	f, err := newFetch(address, d)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return "", f.local(err)
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	for attempt := 1; ; attempt++ {
		err := f.attempt(ctx)
		switch {
		case err == nil:
			return f.name("data"), nil
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		}
		again, ok := errors.AsType[*transient](err)
		if !ok {
			return "", err
		}
		if attempt == maxAttempts {
			return "", f.refuse("Download that broke off", "%v, %d times in a row. Check the address and the network, and run again: what is there already is kept where the server allows it.", again.err, maxAttempts).because(again.err)
		}
		if err := sleep(ctx, max(again.after, f.pause(attempt))); err != nil {
			return "", err
		}
	}
}

// backOff is the pause after an attempt: 0.5 s, 1 s, 2 s, 4 s.
func backOff(attempt int) time.Duration { return 250 * time.Millisecond << attempt }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// transient is a fault that may be gone at the next attempt.
type transient struct {
	err   error
	after time.Duration // the server's wish
}

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// fetch is one download.
type fetch struct {
	Download
	url    *url.URL // without credentials
	user   *url.Userinfo
	shown  string
	client *http.Client
	pause  func(int) time.Duration
}

func newFetch(address string, d Download) (*fetch, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, newError(Spec{URL: address}.place(), "Address that cannot be fetched", "A url begins with http:// or https:// and names a host.")
	}
	f := &fetch{Download: d, url: u, user: u.User, shown: shownURL(u), pause: d.pause}
	u.User, u.Fragment = nil, ""
	if !d.AllowNetwork {
		return nil, f.refuse("Download without consent", "Nothing is fetched from the network unless the source says so. Add allow_network = true to it, or give it a file.")
	}
	if d.Dir == "" {
		return nil, f.refuse("Download without a place", "The caller named no directory for it.")
	}
	if f.MaxBytes == 0 {
		f.MaxBytes = DefaultDownloadBytes
	}
	if f.pause == nil {
		f.pause = backOff
	}
	f.client = &http.Client{Transport: d.Transport, CheckRedirect: f.checkRedirect}
	return f, nil
}

// name of a file in the directory. It tells nothing of the address.
func (f *fetch) name(kind string) string {
	sum := sha256.Sum256([]byte(f.url.String()))
	return filepath.Join(f.Dir, hex.EncodeToString(sum[:16])+"."+kind)
}

func (f *fetch) refuse(summary, format string, args ...any) *Error {
	return newError(f.shown, summary, format, args...)
}

// local is an error of the directory.
func (f *fetch) local(err error) error {
	return f.refuse("Download that cannot be kept", "%v. Make room in %s, or choose another directory.", err, f.Dir).because(err)
}

// checkRedirect heeds the rules of Fetch.
func (f *fetch) checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return f.refuse("Too many redirects", "The server sent more than %d redirects. Check the address.", maxRedirects)
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return f.refuse("Redirect to no web server", "The server sends on to an address that begins with %s. Check the address.", quoted([]byte(req.URL.Scheme+":")))
	case req.URL.Scheme != "https" && via[len(via)-1].URL.Scheme == "https":
		return f.refuse("Redirect to a plain connection", "The server sends on from https to %s://%s. Give the final address if you trust it.", req.URL.Scheme, req.URL.Host)
	}
	req.URL.User = nil
	if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		req.Header.Del("Authorization")
		req.Header.Del("Cookie")
	}
	return nil
}
