// SPDX-License-Identifier: Apache-2.0

// Stamp completes the manifest of a built plugin and prints its pin.
//
//	stamp SOURCE-MANIFEST EXECUTABLE
//
// It writes manifest.json beside the executable with version, protocols,
// executable name and digest filled in, and prints "NAME=HEX", the SHA-256 of
// the manifest's bytes. The host is linked with the pins of its built-in
// plugins, so the chain host, manifest, executable cannot be altered unseen.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: stamp SOURCE-MANIFEST EXECUTABLE")
		os.Exit(2)
	}
	pin, err := stamp(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "stamp:", err)
		os.Exit(1)
	}
	fmt.Println(pin)
}

func stamp(source, executable string) (string, error) {
	data, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	m, err := manifest.Parse(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	m.Protocols = []int{handshake.ProtocolVersion}
	if err := m.Stamp(executable, version.Version); err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	if data, err = m.Encode(); err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	target := filepath.Join(filepath.Dir(executable), manifest.FileName)
	if err := os.WriteFile(target, data, 0o644); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s=%x", m.Name, sha256.Sum256(data)), nil
}
