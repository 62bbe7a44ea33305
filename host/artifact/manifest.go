// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/tablefile"
)

// Info is what is known of an artifact besides its state and table.
type Info struct {
	// Pipeline and Node say where it was first made; Use names the kernel or
	// source, "data.prepare".
	Pipeline string `json:"pipeline,omitempty"`
	Node     string `json:"node,omitempty"`
	Use      string `json:"use,omitempty"`
	// Ingredients make the key: KeyOf(Ingredients).
	Ingredients []Ingredient `json:"ingredients"`
	// Outcome is the caller's, any JSON; nil for none. Spaces in it are lost.
	Outcome json.RawMessage `json:"outcome,omitempty"`
	// CreatedAt is set by Commit when it is zero.
	CreatedAt time.Time `json:"created_at"`
	// Rows is set by Commit to those of the table, if there is one.
	Rows int64 `json:"rows"`
	// Bytes of the state and the table on disk, set by Commit.
	Bytes int64 `json:"bytes"`
}

const (
	// manifestForm is the first word of a manifest, and its version.
	manifestForm = "bulkhead-artifact-1"
	// maxManifest bounds a manifest, in bytes.
	maxManifest = 16 << 20
	// headLength is the length of its first line: form, space, digest, line feed.
	headLength = len(manifestForm) + 1 + 2*sha256.Size + 1
	// idLength is that of the name which the files of an artifact have in common.
	idLength = 26
)

// manifest is the file that makes an artifact out of its data files.
type manifest struct {
	Key   Key        `json:"key"`
	ID    string     `json:"id"`
	Info  Info       `json:"info"`
	State *statePart `json:"state,omitempty"`
	Table *tablePart `json:"table,omitempty"`
	size  int64      // of the manifest itself
}

type statePart struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

type tablePart struct {
	Bytes   int64  `json:"bytes"`
	Rows    int64  `json:"rows"`
	Batches int    `json:"batches"`
	Digest  string `json:"digest"`
}

func (p *tablePart) is(s tablefile.Summary) bool {
	return *p == tablePart{Bytes: s.Bytes, Rows: s.Rows, Batches: s.Batches, Digest: s.Digest}
}

// encode writes a manifest.
func (m *manifest) encode() ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if n := headLength + len(body); n > maxManifest {
		return nil, fmt.Errorf("a manifest of %d bytes; at most %d are kept", n, maxManifest)
	}
	sum := sha256.Sum256(body)
	return append([]byte(manifestForm+" "+hex.EncodeToString(sum[:])+"\n"), body...), nil
}

// decodeManifest reads a manifest that was written for a key.
func decodeManifest(data []byte, key Key) (*manifest, error) {
	if len(data) < headLength || !bytes.HasPrefix(data, []byte(manifestForm+" ")) {
		return nil, errors.New("it is no manifest of an artifact")
	}
	sum := sha256.Sum256(data[headLength:])
	if string(data[len(manifestForm)+1:headLength]) != hex.EncodeToString(sum[:])+"\n" {
		return nil, errors.New("its digest is not that of its content")
	}
	m := &manifest{size: int64(len(data))}
	if err := json.Unmarshal(data[headLength:], m); err != nil {
		return nil, err
	}
	return m, m.check(key)
}

func (m *manifest) check(key Key) error {
	switch {
	case m.Key != key:
		return fmt.Errorf("it is that of %s", m.Key)
	case !isID(m.ID):
		return fmt.Errorf("%q names no data files", m.ID)
	case KeyOf(m.Info.Ingredients) != key:
		return errors.New("its ingredients do not make the key")
	case m.Info.Bytes != m.bytes() || m.bytes() < 0:
		return errors.New("its sizes do not add up")
	}
	return nil
}

// bytes of the data files; negative for sizes that no file has.
func (m *manifest) bytes() int64 {
	var out int64
	if m.State != nil {
		out = m.State.Bytes
	}
	if m.Table != nil {
		if m.Table.Bytes < 0 || out < 0 {
			return -1
		}
		out += m.Table.Bytes
	}
	return out
}

// parts are the data files and the sizes that they must have.
func (m *manifest) parts() map[string]int64 {
	out := map[string]int64{}
	if m.State != nil {
		out[stateName(m.ID)] = m.State.Bytes
	}
	if m.Table != nil {
		out[tableName(m.ID)] = m.Table.Bytes
	}
	return out
}

// isID reports whether a text is of the alphabet and length of rand.Text, so
// that a manifest can name no other file.
func isID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(s) == idLength
}
