// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// partial is the file that a download goes to. Its owner holds the lock.
type partial struct {
	file *os.File
	path string
	size int64 // bytes that are there
	binding
	saved binding // what is in the file
}

// binding says what a partial file belongs to; it is in PATH.partial.json.
type binding struct {
	SHA256 string `json:"sha256"`        // that the whole file is to have
	Source string `json:"source"`        // where the last bytes came from
	Tag    string `json:"tag,omitempty"` // of the file there
}

// maxBinding bounds the file of a binding, in bytes.
const maxBinding = 4 << 10

// openPartial opens what an earlier try left for a file of this SHA-256, or an
// empty one.
func openPartial(path, sum, source string) (*partial, error) {
	p := &partial{path: path + ".partial"}
	f, err := durable.OpenRegular(p.path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	p.file = f
	p.size, err = f.Seek(0, io.SeekEnd)
	if err == nil && !p.bound(sum) {
		err = p.truncate()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.SHA256 = sum
	if p.Source != source { // its tags mean nothing there
		p.Source, p.Tag = source, ""
	}
	return p, nil
}

// bound reports whether what is there was begun for a file of this SHA-256.
func (p *partial) bound(sum string) bool {
	data, err := durable.ReadFile(p.path+".json", maxBinding)
	if err != nil || json.Unmarshal(data, &p.binding) != nil || p.SHA256 != sum || sum == "" {
		p.binding = binding{}
		return false
	}
	p.saved = p.binding
	return true
}

// begin prepares for bytes from where a source begins: at the end of what is
// there, or at 0.
func (p *partial) begin(info Info) error {
	changed := p.size > 0 && p.Tag != "" && info.Tag != "" && p.Tag != info.Tag
	if info.Offset != p.size || changed {
		if err := p.truncate(); err != nil {
			return err
		}
	}
	if changed && info.Offset > 0 {
		return &brokenError{errors.New("the file at the source changed while it was read")}
	}
	p.Tag = info.Tag
	if p.SHA256 == "" || p.saved == p.binding {
		return nil
	}
	data, err := json.Marshal(p.binding)
	if err != nil {
		return err
	}
	p.saved = p.binding
	return durable.Replace(p.path+".json", data, nil)
}

// Write appends.
func (p *partial) Write(data []byte) (int, error) {
	n, err := p.file.Write(data)
	p.size += int64(n)
	return n, err
}

// truncate begins anew.
func (p *partial) truncate() error {
	p.size, p.Tag = 0, ""
	_, err := p.file.Seek(0, io.SeekStart)
	return errors.Join(p.file.Truncate(0), err)
}

// digest is the SHA-256 of the bytes that are on disk, not of those that went by.
func (p *partial) digest(ctx context.Context) (string, error) {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	sum, _, err := hashOf(ctx, p.file)
	return sum, err
}

// rename makes the file count.
func (p *partial) rename(to string) error {
	if err := errors.Join(p.file.Sync(), p.close()); err != nil {
		return err
	}
	if err := durable.Rename(p.path, to, nil); err != nil {
		return err
	}
	return ignoreNotExist(os.Remove(p.path + ".json"))
}

// remove deletes what is there.
func (p *partial) remove() error {
	return errors.Join(p.close(), ignoreNotExist(os.Remove(p.path)), ignoreNotExist(os.Remove(p.path+".json")))
}

// close may be called more than once.
func (p *partial) close() error {
	if err := p.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// hashOf is the SHA-256 of a reader in hexadecimal digits, and its bytes.
func hashOf(ctx context.Context, r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, &contextReader{ctx, io.NopCloser(r)})
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// isDigest reports whether s is a SHA-256 in lower-case hexadecimal digits.
func isDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
