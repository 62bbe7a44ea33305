// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// certified serves with a certificate for an address and a time, and gives the file
// that says to trust it.
func certified(t *testing.T, ip string, until time.Time) (url, ca string) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(ip)}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	must(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return server.URL, ca
}

// A certificate that is refused is not the network's fault, and the message says
// whose it is.
func TestCertificatesThatAreRefused(t *testing.T) {
	const here = "127.0.0.1"
	for what, c := range map[string]struct {
		ip     string
		until  time.Time
		trust  bool
		remedy string
	}{
		"expired":    {here, time.Now().Add(-24 * time.Hour), true, "this machine's clock"},
		"of nobody":  {here, time.Now().Add(24 * time.Hour), false, "the registry's CA file"},
		"of another": {"192.0.2.1", time.Now().Add(24 * time.Hour), true, "is for another one"},
	} {
		url, ca := certified(t, c.ip, c.until)
		if !c.trust {
			ca = ""
		}
		for _, address := range []string{url, "oci://" + strings.TrimPrefix(url, "https://") + "/acme/registry"} {
			if ca == "" && strings.HasPrefix(address, "oci://") {
				continue // it is spoken to in clear text
			}
			t.Setenv("DOCKER_CONFIG", t.TempDir())
			src, err := files.OpenSource(address, files.Options{CAFile: ca, Attempts: 1, Pause: time.Millisecond})
			must(t, err)
			if _, err = files.ReadAll(t.Context(), src, "metadata/1.root.json", 100); err == nil || !strings.Contains(err.Error(), c.remedy) {
				t.Errorf("%s, %s: %v", what, address, err)
			}
		}
	}
}
