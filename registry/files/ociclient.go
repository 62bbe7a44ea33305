// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// ociClient speaks to one OCI registry, with its credentials.
func (o Options) ociClient(registry string, plain bool) (*auth.Client, error) {
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	credential, err := o.credential(registry)
	if err != nil {
		return nil, err
	}
	c := &auth.Client{
		Client:     &http.Client{Transport: guard{transport, plain}, CheckRedirect: fewRedirects},
		Credential: credential,
		Cache:      auth.NewCache(),
	}
	c.SetUserAgent(o.Agent)
	return c, nil
}

// credential is what was given, or what `docker login` left.
func (o Options) credential(registry string) (auth.CredentialFunc, error) {
	if o.User != "" || o.Password != "" || o.Token != "" {
		return auth.StaticCredential(registry, auth.Credential{Username: o.User, Password: o.Password, AccessToken: o.Token}), nil
	}
	if _, err := os.UserHomeDir(); err != nil && os.Getenv("DOCKER_CONFIG") == "" {
		return nil, nil // nobody has logged in here
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the credentials of Docker for %s: %w; repair config.json in $DOCKER_CONFIG or ~/.docker", registry, err)
	}
	return explained(credentials.Credential(store)), nil
}

// explained says where credentials come from, when asking for them fails.
func explained(ask auth.CredentialFunc) auth.CredentialFunc {
	return func(ctx context.Context, host string) (auth.Credential, error) {
		c, err := ask(ctx, host)
		if err != nil {
			err = fmt.Errorf("asking for the credentials of %s, as Docker's config.json says (credsStore or credHelpers): %w; `docker login %s` shows whether that works", host, err, host)
		}
		return c, err
	}
}

func fewRedirects(_ *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	return nil
}

// guard keeps requests from leaving in clear text, whether a redirect or the
// registry's own word about where to get a token leads there, and compares ranges.
type guard struct {
	http.RoundTripper
	plain bool // the registry itself is in clear text, on this machine
}

// RoundTrip is that of http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !(g.plain && loopback(r.URL.Hostname())) {
		return nil, fmt.Errorf("the registry leads to %s in clear text, which is not followed", shown(r.URL))
	}
	resp, err := g.RoundTripper.RoundTrip(r)
	if err == nil {
		err = g.refuse(r, resp)
	}
	if err != nil && resp != nil {
		discard(resp)
		resp = nil
	}
	return resp, err
}

// refuse is why an answer is of no use.
func (guard) refuse(r *http.Request, resp *http.Response) error {
	if _, err := r.URL.Parse(resp.Header.Get("Location")); err != nil {
		return errors.New("the registry redirects to nowhere") // the client would quote it
	}
	status := &StatusError{shown(r.URL), resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	if status.temporary() {
		return status
	}
	asked := r.Header.Get("Range")
	switch {
	case asked == "":
		return nil
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return errRange
	case resp.StatusCode != http.StatusPartialContent: // it is to log in, or to go elsewhere
		return nil
	}
	got, ok := parseContentRange(resp.Header.Get("Content-Range"))
	if !ok || got.unsatisfied || asked != fmt.Sprintf("bytes=%d-%d", got.first, got.last) {
		return errRange
	}
	return nil
}

// try repeats what may do better later, and makes the errors ours.
func (s *oci) try(ctx context.Context, what string, f func() error) error {
	again := retries{attempts: s.attempts, pause: s.pause}
	for {
		err := s.translate(ctx, what, f())
		if err == nil || !temporary(err) || !again.again(ctx, asked(err)) {
			return err
		}
	}
}

// translate keeps URLs with tokens in them out of messages.
func (s *oci) translate(ctx context.Context, what string, err error) error {
	var status *StatusError
	var response *errcode.ErrorResponse
	var outer *url.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %s: %w", s.address, what, ended(ctx))
	case errors.Is(err, errdef.ErrNotFound):
		return fmt.Errorf("%s: %s: it is not there: %w", s.address, what, ErrNotExist)
	case errors.As(err, &status):
		return fmt.Errorf("%s: %w", what, status)
	case errors.As(err, &response):
		return fmt.Errorf("%s: %w", what, &StatusError{URL: shown(response.URL), Status: response.StatusCode})
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return fmt.Errorf("%s: %w", what, &StatusError{URL: s.address, Status: http.StatusUnauthorized})
	case errors.As(err, &outer):
		return fmt.Errorf("%s: %w", what, noAnswer(s.address, &withoutQuery{outer.Err}))
	}
	return fmt.Errorf("%s: %s: %w", s.address, what, &withoutQuery{err})
}

// withoutQuery is an error of a library that may quote a URL, with what gives
// access in its query.
type withoutQuery struct{ err error }

var query = pattern.Lazy(`\?[^\s"]+`)

// Error says what happened, where, and what to do about it.
func (e *withoutQuery) Error() string { return query().ReplaceAllString(e.err.Error(), "") }

// Unwrap is the error within.
func (e *withoutQuery) Unwrap() error { return e.err }
