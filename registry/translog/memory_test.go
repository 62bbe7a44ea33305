// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// memory is a store in memory. stop, when it is not nil, may fail a Put.
type memory struct {
	mu   sync.Mutex
	data map[string][]byte
	stop func(name string) error
	puts []string
}

func newMemory() *memory { return &memory{data: map[string][]byte{}} }

func (m *memory) Open(_ context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.data[name]
	if !ok {
		return nil, files.Info{}, fmt.Errorf("%s: %w", name, files.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(data[offset:])), files.Info{Size: int64(len(data)), Offset: offset}, nil
}

func (m *memory) Put(_ context.Context, name string, data io.Reader) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := files.CheckName(name); err != nil {
		return err
	}
	if m.stop != nil {
		if err := m.stop(name); err != nil {
			return err
		}
	}
	b, err := io.ReadAll(data)
	m.data[name] = b
	m.puts = append(m.puts, name)
	return err
}

func (m *memory) Lock(context.Context) (func() error, error) { return func() error { return nil }, nil }

func (m *memory) String() string { return "memory" }

func (m *memory) clone() *memory { return &memory{data: maps.Clone(m.data)} }

// pair makes a key pair of a log from a seed.
func pair(t testing.TB, name string, seed byte) (note.Signer, note.Verifier) {
	t.Helper()
	verifier, err := note.NewVerifier(keyText(t, name, seed))
	must(t, err)
	secret := append([]byte{1}, bytes.Repeat([]byte{seed}, 32)...)
	var hash [4]byte
	binary.BigEndian.PutUint32(hash[:], verifier.KeyHash())
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%x+%s", name, hash, base64.StdEncoding.EncodeToString(secret)))
	must(t, err)
	return signer, verifier
}

// keyText is the public key of a pair as it is handed out.
func keyText(t testing.TB, name string, seed byte) string {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	text, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	must(t, err)
	return text
}

func sha(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

func h1(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "h1:" + base64.StdEncoding.EncodeToString(sum[:])
}

// made is the n-th release of a registry.
func made(n int) *release.Release {
	text := fmt.Sprint("release ", n)
	p := release.Platform{H1: h1(text), Executable: sha(text + "x"), Archive: sha(text), Bytes: 100, Unpacked: 300}
	return &release.Release{
		ID: "acme/scaler", Version: fmt.Sprintf("1.%d.0", n), Summary: "scales columns", Licence: "Apache-2.0",
		Protocols: []int{1}, Platforms: map[string]release.Platform{"linux_amd64": p, "darwin_arm64": p},
		Published: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func record(t testing.TB, n int) []byte {
	t.Helper()
	r, err := Record(made(n))
	must(t, err)
	return r
}

// grown is a log with n records, appended in steps.
func grown(t testing.TB, store *memory, n int, steps ...int) (*Log, note.Verifier) {
	t.Helper()
	signer, key := pair(t, "registry.example/log", 1)
	l, err := Create(t.Context(), store, signer, key)
	must(t, err)
	from := 0
	for _, to := range append(steps, n) {
		appendTo(t, l, from, to)
		from = to
	}
	return l, key
}

func appendTo(t testing.TB, l *Log, from, to int) Checkpoint {
	t.Helper()
	var records [][]byte
	for i := from; i < to; i++ {
		records = append(records, record(t, i))
	}
	c, err := l.Append(context.Background(), records...)
	must(t, err)
	return c
}

func contains(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}
