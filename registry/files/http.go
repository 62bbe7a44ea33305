// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// web is a registry behind a web server.
type web struct {
	base      *url.URL
	transport *http.Transport
	insecure  bool
	attempts  int
	pause     time.Duration
	agent     string
	auth      func(*http.Request) // nil when there are no credentials
}

func openHTTP(u *url.URL, o Options) (Source, error) {
	o = o.withDefaults()
	w := &web{base: u, insecure: o.Insecure, attempts: o.Attempts, pause: o.Pause, agent: o.Agent, auth: o.auth()}
	if u.Host == "" {
		return nil, &AddressError{u.String(), "it names no host"}
	}
	if !w.allowed(nil, u) {
		return nil, &AddressError{u.String(), "it is in clear text, and the host is not this machine; use https://, or allow http for this registry"}
	}
	var err error
	w.transport, err = o.transport()
	return w, err
}

// String is the address.
func (w *web) String() string { return w.base.String() }

// Open reads a file; see Source.
func (w *web) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, Info, error) {
	return w.openTagged(ctx, name, offset, "")
}

// openTagged asks until there is an answer that more attempts would not improve.
func (w *web) openTagged(ctx context.Context, name string, offset int64, tag string) (io.ReadCloser, Info, error) {
	if err := CheckName(name); err != nil {
		return nil, Info{}, err
	}
	again := retries{attempts: w.attempts, pause: w.pause}
	for {
		body, info, err := w.attempt(ctx, name, offset, tag)
		if errors.Is(err, errRange) && offset > 0 {
			offset, tag = 0, "" // whatever it does with ranges, the whole file will do
			continue
		}
		if err == nil || !temporary(err) || !again.again(ctx, asked(err)) {
			return body, info, err
		}
	}
}

// asked is how long a server wants to be left alone.
func asked(err error) time.Duration {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.After
	}
	return 0
}

// temporary reports whether an attempt may do better later.
func temporary(err error) bool {
	var status *StatusError
	var network *networkError
	return errors.As(err, &status) && status.temporary() || errors.As(err, &network)
}

// errRange: the answer to a request for a range is of no use.
var errRange = errors.New("the server's range is not the one that was asked for")

// attempt makes one request and judges the answer.
func (w *web) attempt(ctx context.Context, name string, offset int64, tag string) (io.ReadCloser, Info, error) {
	header := make(http.Header)
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if tag != "" {
			header.Set("If-Range", tag)
		}
	}
	resp, err := w.get(ctx, w.url(name), header)
	if err != nil {
		return nil, Info{}, err
	}
	info, err := w.judge(resp, offset, tag)
	if err != nil {
		discard(resp)
		return nil, Info{}, err
	}
	return resp.Body, info, nil
}

// judge is what an answer says of the file.
func (w *web) judge(resp *http.Response, offset int64, tag string) (Info, error) {
	if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return Info{}, fmt.Errorf("%s: the server sends it encoded as %.20q, though the bytes as they are were asked for; turn that off at the server", shown(resp.Request.URL), e)
	}
	info := Info{Size: resp.ContentLength, Tag: strongTag(resp.Header.Get("ETag"))}
	switch resp.StatusCode {
	case http.StatusOK:
		return info, nil
	case http.StatusPartialContent:
		return partialInfo(resp, info.Tag, offset, tag)
	case http.StatusRequestedRangeNotSatisfiable:
		r, ok := parseContentRange(resp.Header.Get("Content-Range"))
		if offset > 0 && ok && r.unsatisfied && r.size == offset { // it ends there
			resp.Body = &emptyBody{resp.Body}
			return Info{Size: offset, Tag: info.Tag, Offset: offset}, nil
		}
		return Info{}, errRange
	}
	after := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	return Info{}, &StatusError{URL: shown(resp.Request.URL), Status: resp.StatusCode, After: after}
}

// partialInfo refuses a 206 that is not exactly the rest of the file of the tag.
func partialInfo(resp *http.Response, tag string, offset int64, want string) (Info, error) {
	r, ok := parseContentRange(resp.Header.Get("Content-Range"))
	switch {
	case !ok, r.unsatisfied, offset == 0, r.first != offset:
		return Info{}, errRange
	case r.size >= 0 && r.last != r.size-1:
		return Info{}, errRange
	case resp.ContentLength >= 0 && resp.ContentLength != r.last-r.first+1:
		return Info{}, errRange
	case want != "" && tag != want: // If-Range was not heeded
		return Info{}, errRange
	}
	return Info{Size: r.size, Tag: tag, Offset: offset}, nil
}

// emptyBody has nothing to read.
type emptyBody struct{ io.Closer }

// Read is that of io.Reader.
func (*emptyBody) Read([]byte) (int, error) { return 0, io.EOF }

// url of a file. A percent sign of the name is one in the path, not an escape.
func (w *web) url(name string) *url.URL {
	u := *w.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + name
	u.RawPath = ""
	return &u
}
