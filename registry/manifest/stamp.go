// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// Stamp completes the manifest that an author wrote with what packing knows: the
// file name and the digest of the executable, which it reads, the protocols that
// this SDK speaks unless the author named others, and the version unless it is
// empty. The manifest must have a version then.
func (m *Manifest) Stamp(executable, version string) (err error) {
	if version != "" {
		m.Version = version
	}
	if m.Version == "" {
		return errors.New("the manifest has no version; write one into it, or give one")
	}
	if len(m.Protocols) == 0 {
		m.Protocols = []int{handshake.ProtocolVersion}
	}
	m.Executable = filepath.Base(executable)
	if m.Digest, err = digestOf(executable); err != nil {
		return err
	}
	return m.Validate()
}

// digestOf is the digest of a file in the form of a manifest.
func digestOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("hashing %s: %w", name, err)
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), nil
}
