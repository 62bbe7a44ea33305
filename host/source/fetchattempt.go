// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// attempt makes one request and takes in what comes. The file is complete when
// the error is nil.
func (f *fetch) attempt(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	req, from, err := f.request(ctx)
	if err != nil {
		return err
	}
	stalled := time.AfterFunc(stallTime, func() { stop(fmt.Errorf("the server said nothing for %s", stallTime)) })
	defer stalled.Stop()
	resp, err := f.client.Do(req)
	if err != nil {
		return f.unreached(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	body := &pulse{in: resp.Body, timer: stalled}
	switch resp.StatusCode {
	case http.StatusNotModified:
		return nil
	case http.StatusOK:
		return f.take(ctx, resp, body, 0)
	case http.StatusPartialContent:
		etag := resp.Header.Get("ETag")
		if start, ok := rangeStart(resp); ok && start == from && (etag == "" || etag == req.Header.Get("If-Range")) {
			resp.Header.Set("ETag", req.Header.Get("If-Range"))
			return f.take(ctx, resp, body, from)
		}
		return f.restart(errors.New("the server sent another part than was asked for"))
	case http.StatusRequestedRangeNotSatisfiable:
		return f.restart(errors.New("the server has no such part"))
	}
	return f.status(resp)
}

// request asks for what is missing. from is where a part goes on.
func (f *fetch) request(ctx context.Context) (req *http.Request, from int64, err error) {
	req, err = http.NewRequestWithContext(ctx, http.MethodGet, f.url.String(), nil)
	if err != nil {
		return nil, 0, f.refuse("Address that cannot be fetched", "%v.", err).because(err)
	}
	if f.user != nil {
		password, _ := f.user.Password()
		req.SetBasicAuth(f.user.Username(), password)
	}
	req.Header.Set("User-Agent", "bulkhead")
	req.Header.Set("Accept-Encoding", "identity") // the bytes as they are
	if part, size, ok := f.load("part"); ok && size > 0 && part.strong() {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", size))
		req.Header.Set("If-Range", part.ETag)
		return req, size, nil
	}
	if data, size, ok := f.load("data"); ok && (data.Total < 0 || data.Total == size) {
		if data.ETag != "" {
			req.Header.Set("If-None-Match", data.ETag)
		}
		if data.LastModified != "" {
			req.Header.Set("If-Modified-Since", data.LastModified)
		}
	}
	return req, 0, nil
}

// unreached names an error of a request. Those of checkRedirect, and of
// certificates, stay at the next attempt.
func (f *fetch) unreached(ctx context.Context, err error) error {
	if ours, ok := errors.AsType[*Error](err); ok {
		return ours
	}
	if ctx.Err() != nil {
		return &transient{err: context.Cause(ctx)}
	}
	if isCertificate(err) {
		return f.refuse("Server that cannot be trusted", "%v. Check the address, the clock and the certificates of this machine.", withoutURL(err)).because(err)
	}
	return &transient{err: withoutURL(err)}
}

// status names an answer without a file.
func (f *fetch) status(resp *http.Response) error {
	err := fmt.Errorf("the server answered %q", resp.Status)
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &transient{err: err, after: time.Duration(min(max(seconds, 0), 30)) * time.Second}
	}
	advice := "Check the address."
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		advice = "It wants credentials, which an address of a source does not hold: fetch the file yourself and name it."
	}
	return f.refuse("Address without a file", "The server answered %q. %s", resp.Status, advice)
}

// restart gives the part up.
func (f *fetch) restart(why error) error {
	if err := os.Remove(f.name("part")); err != nil {
		return f.local(err)
	}
	return &transient{err: why}
}

// take writes a body behind the part and keeps it when it is complete.
func (f *fetch) take(ctx context.Context, resp *http.Response, body io.Reader, from int64) error {
	m := marks{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified"), Total: -1}
	if resp.ContentLength >= 0 {
		m.Total = from + resp.ContentLength
	}
	if m.Total > f.MaxBytes {
		return f.tooLarge(m.Total)
	}
	part, err := os.OpenFile(f.name("part"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return f.local(err)
	}
	size, err := f.copy(ctx, part, body, from, m)
	if closeErr := part.Close(); err == nil && closeErr != nil {
		err = f.local(closeErr)
	}
	switch {
	case err != nil:
		return err
	case m.Total >= 0 && size != m.Total:
		return &transient{err: fmt.Errorf("%d of %d bytes came", size, m.Total)}
	}
	return f.keep(m)
}

func (f *fetch) tooLarge(size int64) error {
	return f.refuse("Download that is too large", "The file has %d bytes or more, and at most %d are fetched. Fetch it yourself and give the source the file.", size, f.MaxBytes)
}

// copy writes body into part from an offset on and brings it to disk.
func (f *fetch) copy(ctx context.Context, part *os.File, body io.Reader, from int64, m marks) (int64, error) {
	// The marks come after the old bytes are gone, so that they never stand for
	// bytes of another version.
	if err := part.Truncate(from); err != nil {
		return 0, f.local(err)
	}
	if err := f.save("part", m); err != nil {
		return 0, f.local(err)
	}
	report, size := reporter(ctx), from
	buf := make([]byte, 256<<10)
	for {
		n, readErr := body.Read(buf)
		if size+int64(n) > f.MaxBytes {
			return 0, f.tooLarge(size + int64(n))
		}
		if _, err := part.WriteAt(buf[:n], size); err != nil {
			return 0, f.local(err)
		}
		size += int64(n)
		report(Progress{Stage: StageDownload, Bytes: size, Total: m.Total})
		if errors.Is(readErr, io.EOF) && !errors.Is(readErr, io.ErrUnexpectedEOF) {
			break
		}
		if readErr != nil {
			return 0, f.unreached(ctx, readErr)
		}
	}
	if err := part.Sync(); err != nil {
		return 0, f.local(err)
	}
	return size, nil
}

// rangeStart reads the first number of "bytes 100-199/200".
func rangeStart(resp *http.Response) (int64, bool) {
	var start, end int64
	var total string
	n, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%s", &start, &end, &total)
	return start, err == nil && n == 3
}

// pulse starts a timer anew whenever something comes.
type pulse struct {
	in    io.Reader
	timer *time.Timer
}

func (p *pulse) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if n > 0 {
		p.timer.Reset(stallTime)
	}
	return n, err
}
