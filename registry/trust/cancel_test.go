// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// stalled serves the beginning of a file, gives up its caller then, and says no
// more.
type stalled struct {
	files.Source
	name   string
	giveUp func()
}

func (s *stalled) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	body, info, err := s.Source.Open(ctx, name, offset)
	if err != nil || !strings.Contains(name, s.name) {
		return body, info, err
	}
	return &stalledBody{body, ctx, s.giveUp}, info, nil
}

type stalledBody struct {
	io.ReadCloser
	ctx    context.Context
	giveUp func()
}

func (b *stalledBody) Read(p []byte) (int, error) {
	if n, err := b.ReadCloser.Read(p[:min(len(p), 10)]); n > 0 && b.ctx.Err() == nil {
		b.giveUp()
		return n, err
	}
	<-b.ctx.Done()
	return 0, errors.New("the connection is closed")
}

// TestGivingUp: whoever gives up while a registry is read finds that said, with
// the reason that they gave. It is no attack, no registry that cannot be reached,
// and no case for what is kept.
func TestGivingUp(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	_, err := fetch(t, g.client(g.Files, state), "acme/scaler", "1.0.0")
	must(t, err)
	g.publish("acme/scaler@1.1.0")
	why := errors.New("interrupt signal received")
	for _, name := range []string{"timestamp.json", "snapshot.json", "acme.json", "log/checkpoint", "log/lookup", "tar.zst"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		o := g.options(&stalled{g.Files, name, func() { cancel(why) }}, state)
		o.Offline = time.Hour
		c, err := trust.Open(o)
		must(t, err)
		_, err = fetchNewest(ctx, t, c)
		var refused *trust.RefusedError
		var unreachable *trust.UnreachableError
		if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || errors.As(err, &refused) || errors.As(err, &unreachable) {
			t.Errorf("%s: %v", name, err)
		}
		cancel(nil)
	}
}

func fetchNewest(ctx context.Context, t *testing.T, c *trust.Client) (*trust.Fetched, error) {
	t.Helper()
	if _, err := c.Refresh(ctx); err != nil {
		return nil, err
	}
	known, err := c.Releases(ctx, scaler)
	if err != nil {
		return nil, err
	}
	return c.Fetch(ctx, known[len(known)-1], "linux_amd64", t.TempDir())
}

// TestUnreachableSaysOnce: what to do about a server that does not answer stands in
// the error once, and the grace is no advice where there is one.
func TestUnreachableSaysOnce(t *testing.T) {
	g := newRegistry(t)
	const closed = "http://127.0.0.1:1" // where nobody listens
	empty := httptest.NewServer(http.NotFoundHandler())
	defer empty.Close()
	for address, grace := range map[string]time.Duration{closed: 0, empty.URL: 0, empty.URL + "/x": time.Hour} {
		src, err := files.OpenSource(address, files.Options{Attempts: 1})
		must(t, err)
		o := g.options(src, t.TempDir())
		o.Offline = grace
		c, err := trust.Open(o)
		must(t, err)
		_, err = c.Refresh(t.Context())
		var unreachable *trust.UnreachableError
		if !errors.As(err, &unreachable) || strings.Count(err.Error(), "check the") != 1 || strings.Contains(err.Error(), "offline_grace") != (grace == 0) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
