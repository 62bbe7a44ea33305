// SPDX-License-Identifier: Apache-2.0

package network

import (
	"os"
	"path/filepath"
)

// EnvCertificates names the variable by which programs, those in Go and Python
// included, find the roots of TLS.
const EnvCertificates = "SSL_CERT_FILE"

// bundles are where systems keep their roots in one file.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, Gentoo
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL 7 and later
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/ssl/cert.pem",                                 // Alpine, macOS
}

// Certificates finds the file with this machine's roots of TLS, without links in
// its path, for a host to lend to plugins that have a network grant: bind it in
// its own place, read-only, and set EnvCertificates to it. It is empty where there
// is none.
func Certificates() string { return certificates(os.Getenv(EnvCertificates), bundles) }

func certificates(chosen string, usual []string) string {
	for _, name := range append([]string{chosen}, usual...) {
		if !filepath.IsAbs(name) {
			continue
		}
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			continue
		}
		if info, err := os.Stat(real); err == nil && info.Mode().IsRegular() {
			return real
		}
	}
	return ""
}
