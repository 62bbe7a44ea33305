// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// start runs a server and returns its URL and a function that ends it.
func start(t *testing.T, dir string, o Options) (url string, stop func() error) {
	t.Helper()
	s, err := New(dir, o)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, "127.0.0.1:0", func(url string) { ready <- url }) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	select {
	case url = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return url, stop
}

func get(client *http.Client, url string) (string, error) {
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(data)), err
}

func TestServerRuns(t *testing.T) {
	url, stop := start(t, registry(t), Options{})
	if got, err := get(http.DefaultClient, url+"/log/checkpoint"); err != nil || got != "200 note" {
		t.Errorf("%q, %v", got, err)
	}
	if err := stop(); err != nil {
		t.Errorf("ending: %v", err)
	}
	if got, err := get(http.DefaultClient, url+"/log/checkpoint"); err == nil {
		t.Errorf("after the end: %q", got)
	}
}

func TestServerFinishesRequests(t *testing.T) {
	dir := registry(t)
	must(t, os.WriteFile(filepath.Join(dir, "log", "checkpoint"), make([]byte, 8<<20), 0o644))
	url, stop := start(t, dir, Options{})
	resp, err := http.Get(url + "/log/checkpoint")
	must(t, err)
	defer resp.Body.Close()
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	time.Sleep(50 * time.Millisecond)
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 8<<20 {
		t.Errorf("a request that was being served had %d bytes, %v", n, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServerCutsOffWhoDoesNotRead(t *testing.T) {
	dir := registry(t)
	must(t, os.WriteFile(filepath.Join(dir, "log", "checkpoint"), make([]byte, 64<<20), 0o644))
	done := make(chan Access, 1)
	url, _ := start(t, dir, Options{Stall: 100 * time.Millisecond, Log: func(a Access) { done <- a }})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /log/checkpoint HTTP/1.1\r\nHost: r\r\n\r\n")
	must(t, err)
	select {
	case a := <-done:
		if a.Bytes >= 64<<20 {
			t.Errorf("%d bytes were sent to nobody", a.Bytes)
		}
	case <-time.After(time.Minute):
		t.Error("a client that does not read holds the server")
	}
}

func TestServerRefusesLargeHeaders(t *testing.T) {
	url, _ := start(t, registry(t), Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	must(t, err)
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, "GET /log/checkpoint HTTP/1.1\r\nHost: r\r\nX: "+strings.Repeat("a", 100_000)+"\r\n\r\n")
	}()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.Contains(line, "431") {
		t.Errorf("%q", line)
	}
}

func TestServerBoundsConnections(t *testing.T) {
	url, _ := start(t, registry(t), Options{Connections: 2})
	address := strings.TrimPrefix(url, "http://")
	for range 2 {
		conn, err := net.Dial("tcp", address)
		must(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n")
		must(t, err)
		_, err = bufio.NewReader(conn).ReadString('\n')
		must(t, err)
	}
	client := &http.Client{Timeout: 200 * time.Millisecond, Transport: &http.Transport{}}
	if got, err := get(client, url+"/healthz"); err == nil {
		t.Errorf("a third connection is served: %q", got)
	}
}

func TestServerAddressTaken(t *testing.T) {
	url, _ := start(t, registry(t), Options{})
	s, err := New(registry(t), Options{})
	must(t, err)
	if err := s.Run(t.Context(), strings.TrimPrefix(url, "http://"), nil); err == nil {
		t.Error("two servers have one address")
	}
}

// pair writes a certificate of its own authority, and returns what trusts it.
func pair(t *testing.T, dir string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

func trusting(pool *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}}
}

func TestServerTLSReloads(t *testing.T) {
	dir := t.TempDir()
	first := pair(t, dir, 1)
	var problems sync.Map
	url, _ := start(t, registry(t), Options{
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
		Problem: func(s string) { problems.Store(s, true) },
	})
	if !strings.HasPrefix(url, "https://") {
		t.Fatalf("the URL is %s", url)
	}
	if got, err := get(trusting(first), url+"/log/checkpoint"); err != nil || got != "200 note" {
		t.Errorf("%q, %v", got, err)
	}
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: first, MaxVersion: tls.VersionTLS11}}}
	if got, err := get(old, url+"/log/checkpoint"); err == nil {
		t.Errorf("TLS 1.1: %q", got)
	}
	must(t, os.WriteFile(filepath.Join(dir, "key.pem"), []byte("half written"), 0o600))
	time.Sleep(lookAgain + 50*time.Millisecond)
	if got, err := get(trusting(first), url+"/log/checkpoint"); err != nil || got != "200 note" {
		t.Errorf("while the new pair is none: %q, %v", got, err)
	}
	told := false
	problems.Range(func(s, _ any) bool { told = told || strings.Contains(s.(string), "old one stays"); return true })
	if !told {
		t.Error("nobody is told that the new pair is none")
	}
	second := pair(t, dir, 2)
	time.Sleep(lookAgain + 50*time.Millisecond)
	if got, err := get(trusting(second), url+"/log/checkpoint"); err != nil || got != "200 note" {
		t.Errorf("with the new pair: %q, %v", got, err)
	}
}

// TestServerKeepsPlaceForOthers: connections of one address on which nothing is
// said do not keep others out, and count no more when they are closed.
func TestServerKeepsPlaceForOthers(t *testing.T) {
	url, _ := start(t, registry(t), Options{Connections: 6, Together: 2})
	address := strings.TrimPrefix(url, "http://")
	silent := make([]net.Conn, 12)
	for i := range silent {
		c, err := net.Dial("tcp", address)
		must(t, err)
		silent[i] = c
		defer c.Close()
	}
	other := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	if _, err := other.Dial("tcp", address); err != nil {
		t.Skipf("this system has no second address of its own: %v", err)
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: other.DialContext}}
	if got, err := get(client, url+"/log/checkpoint"); err != nil || got != "200 note" {
		t.Errorf("of another address: %q, %v", got, err)
	}
	for _, c := range silent {
		must(t, c.Close())
	}
	deadline := time.Now().Add(time.Minute)
	for {
		got, err := get(&http.Client{Timeout: 10 * time.Second}, url+"/log/checkpoint")
		if err == nil && got == "200 note" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of the same address, after its connections were closed: %q, %v", got, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestServerTLSNeedsPair(t *testing.T) {
	dir := t.TempDir()
	pair(t, dir, 1)
	for _, o := range []Options{
		{CertFile: filepath.Join(dir, "cert.pem")},
		{KeyFile: filepath.Join(dir, "key.pem")},
		{CertFile: filepath.Join(dir, "none"), KeyFile: filepath.Join(dir, "key.pem")},
		{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "cert.pem")},
	} {
		if _, err := New(registry(t), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
