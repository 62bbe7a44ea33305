// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// grace is how long requests that are being served may take when the server ends.
const grace = 10 * time.Second

// Server serves one directory on one listener.
type Server struct {
	http        *http.Server
	connections int
	each        int // connections of one client; 0 for any number
}

// New makes a server for a directory. Its certificate is read now.
func New(dir string, o Options) (*Server, error) {
	h, err := Handler(dir, o)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	config, err := o.tls()
	if err != nil {
		return nil, err
	}
	return &Server{
		connections: o.Connections,
		each:        o.each(),
		http: &http.Server{
			Handler:                      h,
			TLSConfig:                    config,
			ReadHeaderTimeout:            10 * time.Second,
			IdleTimeout:                  time.Minute,
			MaxHeaderBytes:               16 << 10,
			DisableGeneralOptionsHandler: true,
			ErrorLog:                     log.New(lines(o.Problem), "", 0),
		},
	}, nil
}

// tls is nil for a server in clear text.
func (o Options) tls() (*tls.Config, error) {
	if o.CertFile == "" && o.KeyFile == "" {
		return nil, nil
	}
	if o.CertFile == "" || o.KeyFile == "" {
		return nil, errors.New("TLS takes a certificate and its key, and one of the two files was not given")
	}
	cert, err := openCertificate(o.CertFile, o.KeyFile, o.Problem)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get}, nil
}

// Run listens on an address, HOST:PORT, and serves until ctx ends. Ready, which may
// be nil, is told the URL as soon as clients can connect.
func (s *Server) Run(ctx context.Context, address string, ready func(url string)) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serving a registry: %w; give another address, or port 0 for a free one", err)
	}
	if ready != nil {
		ready(s.scheme() + "://" + l.Addr().String())
	}
	return s.Serve(ctx, l)
}

// Serve serves on a listener until ctx ends; then it takes no more requests and
// finishes those that it has, for at most ten seconds. It closes the listener, and
// returns nil when ctx ended it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.each > 0 {
		l = newCrowd(l, s.each)
	}
	l = netutil.LimitListener(l, s.connections)
	ended := make(chan error, 1)
	go func() { ended <- s.listen(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving a registry: %w", err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := s.http.Shutdown(late)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close() // who is still here is slow or stalls
	}
	if ended := <-ended; ended != nil && !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func (s *Server) listen(l net.Listener) error {
	if s.http.TLSConfig == nil {
		return s.http.Serve(l)
	}
	return s.http.ServeTLS(l, "", "")
}

func (s *Server) scheme() string {
	if s.http.TLSConfig == nil {
		return "http"
	}
	return "https"
}

// lines gives the lines of the standard library's server to a function.
type lines func(string)

// Write is that of io.Writer.
func (f lines) Write(p []byte) (int, error) {
	f(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
