// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds of a request.
const (
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer = 64 << 10
	// gzipFrom is the size in bytes from which a body is compressed.
	gzipFrom = 1 << 10
	// firstPause and longestPause are those between attempts.
	firstPause, longestPause = 250 * time.Millisecond, 8 * time.Second
)

// endpoint reads an address that a user wrote. The error shows no part of it
// that could be a secret.
func endpoint(setting, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%s is not a URL; write one such as http://localhost:4318", setting)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is not an http or https URL; write one such as http://localhost:4318", setting)
	}
	return u, nil
}

// checkHeaders refuses headers that HTTP cannot carry, without their values.
func checkHeaders(setting string, headers map[string]string) error {
	for name, value := range headers {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%s: %q is not the name of a header", setting, name)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("%s: the value of the header %s has characters that a header cannot have, such as a line feed at its end", setting, name)
		}
	}
	return nil
}

// newClient follows no redirects: headers with secrets go to the host that was
// named and to no other. Its connections are closed with t.
func (t *Telemetry) newClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second}
	t.closers = append(t.closers, func() error {
		transport.CloseIdleConnections()
		return nil
	})
	return &http.Client{
		Transport: transport, Timeout: t.config.Limits.Request,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// poster sends bodies to one address, one at a time.
type poster struct {
	client  *http.Client
	url     *url.URL
	headers map[string]string
	kind    string
	retry   time.Duration
	// closing is closed when the run is over: nobody waits for a receiver that
	// cannot be reached.
	closing <-chan struct{}
	// near is a receiver on this machine.
	near bool
	// gzip is used again and again, since its tables cost more than a batch.
	gzip *gzip.Writer
}

// place is the address without what could be a secret.
func (p *poster) place() string {
	return (&url.URL{Scheme: p.url.Scheme, Host: p.url.Host, Path: p.url.Path}).String()
}

// refusal is an answer other than success.
type refusal struct {
	status int
	// after is how long the receiver asks to wait, 0 for no wish.
	after time.Duration
}

// Error says what the receiver answered.
func (r *refusal) Error() string {
	return fmt.Sprintf("it answered %d %s", r.status, http.StatusText(r.status))
}

// passing reports whether the same request may succeed later. The codes are
// those of the OTLP specification.
func (r *refusal) passing() bool {
	switch r.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// post tries until the receiver takes the body, says that it never will, or
// the time is over. It returns how many items an OTLP receiver refused. The body is
// not to be changed afterwards: a request that was given up may still be read.
func (p *poster) post(ctx context.Context, body []byte) (refused int, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.retry)
	defer cancel()
	packed, encoding := p.pack(body)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		refused, err = p.attempt(ctx, packed, encoding)
		wait, giveUp := pause/2+rand.N(pause/2+1), p.closing
		if answer, ok := errors.AsType[*refusal](err); ok {
			if !answer.passing() {
				return 0, err
			}
			wait, giveUp = max(wait, answer.after), nil
		}
		if err == nil || !sleep(ctx, wait, giveUp) {
			return refused, err
		}
	}
}

// sleep reports whether ctx lasted as long, and nobody gave up.
func sleep(ctx context.Context, d time.Duration, giveUp <-chan struct{}) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-giveUp:
		return false
	case <-timer.C:
		return true
	}
}

// pack compresses a body, unless it is small or stays on this machine, where
// compression costs more than it saves.
func (p *poster) pack(body []byte) (packed []byte, encoding string) {
	if len(body) < gzipFrom || p.near {
		return body, ""
	}
	var b bytes.Buffer
	if p.gzip == nil {
		p.gzip, _ = gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is one
	}
	p.gzip.Reset(&b)
	if _, err := p.gzip.Write(body); err != nil || p.gzip.Close() != nil {
		return body, ""
	}
	return b.Bytes(), "gzip"
}

// loopback reports whether the host of an address is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (p *poster) attempt(ctx context.Context, body []byte, encoding string) (refused int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.String(), bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the request could not be made")
	}
	for name, value := range p.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", p.kind)
	req.Header.Set("User-Agent", "bulkhead")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, bare(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return 0, &refusal{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
	}
	if err != nil || p.kind != "application/x-protobuf" {
		return 0, nil
	}
	return partial(answer), nil
}

// bare takes the address out of an error of net/http: it may hold a secret.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// retryAfter reads a number of seconds or a date; at most a minute counts.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), time.Minute)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(time.Until(at), 0), time.Minute)
	}
	return 0
}

// partial reads the number of refused items from the answer of an OTLP
// receiver: field 1 of the message in field 1. What it cannot read is 0.
func partial(answer []byte) int {
	success, ok := field(answer, 1, protowire.BytesType)
	if !ok {
		return 0
	}
	inner, n := protowire.ConsumeBytes(success)
	if n < 0 {
		return 0
	}
	rejected, ok := field(inner, 1, protowire.VarintType)
	if !ok {
		return 0
	}
	v, n := protowire.ConsumeVarint(rejected)
	if n < 0 || v > 1<<31 {
		return 0
	}
	return int(v)
}

// field finds the value of the first field of a number and type.
func field(b []byte, want protowire.Number, kind protowire.Type) ([]byte, bool) {
	for len(b) > 0 {
		number, t, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, false
		}
		b = b[n:]
		if number == want && t == kind {
			return b, true
		}
		if n = protowire.ConsumeFieldValue(number, t, b); n < 0 {
			return nil, false
		}
		b = b[n:]
	}
	return nil, false
}
