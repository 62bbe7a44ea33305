// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

const exportLine = "bulkhead-state-export 1\n"

// Export writes a state with its entry to a file, which must not be there, and
// returns the entry.
func (s *Store) Export(ref, file string) (Entry, error) {
	data, e, err := s.Get(ref)
	if err != nil {
		return Entry{}, err
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return Entry{}, fmt.Errorf("exporting state %s: %s is there already; choose another name, or remove it", e.Short(), file)
	}
	packed, err := pack(data, e)
	if err == nil {
		err = durable.Replace(file, packed, s.fail)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("exporting state %s to %s: %w", e.Short(), filepath.Base(file), err)
	}
	return e, nil
}

func pack(data []byte, e Entry) ([]byte, error) {
	meta, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{[]byte(exportLine), meta, []byte("\n"), data}, nil), nil
}

// ImportOptions say what an import must be.
type ImportOptions struct {
	// Digest that the state must have, if it is known. Opaque bytes that no
	// export wraps are only taken with one.
	Digest string
	// MaxBytes bounds what is read; 0 is 16 GiB.
	MaxBytes int64
}

// Import verifies a state and keeps it: a file of Export with its origins, or a
// bare state. It becomes a state that the user brought. Errors are *ImportError,
// *DigestError and those of the disk.
func (s *Store) Import(r io.Reader, o ImportOptions) (Entry, error) {
	limit := o.MaxBytes
	if limit == 0 {
		limit = maxState
	}
	all, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return Entry{}, fmt.Errorf("importing a state: %w", err)
	}
	if int64(len(all)) > limit {
		return Entry{}, &ImportError{Reason: fmt.Sprintf("it has more than %d bytes", limit)}
	}
	data, claimed, err := unpack(all, o.Digest)
	if err != nil {
		return Entry{}, err
	}
	e := describe(data)
	e.Brought, e.Origins, e.OriginsDropped = true, claimed.Origins, claimed.OriginsDropped
	return s.put(data, e)
}

// ImportFile imports a file; see Import.
func (s *Store) ImportFile(name string, o ImportOptions) (Entry, error) {
	f, err := os.Open(name)
	if err != nil {
		return Entry{}, fmt.Errorf("importing a state: %w", err)
	}
	defer f.Close()
	return s.Import(f, o)
}

// unpack returns the bytes of a state that are verified, and the entry that
// comes with them.
func unpack(all []byte, want string) ([]byte, Entry, error) {
	data, claimed, err := open(all)
	if err != nil {
		return nil, Entry{}, err
	}
	have := container.DigestOf(data)
	for _, d := range []string{claimed.Digest, want} {
		if d != "" && digestPrefix+hexOf(d) != have {
			return nil, Entry{}, &DigestError{What: "the import", Want: d, Have: have}
		}
	}
	if container.Is(data) {
		if _, err := container.Decode(data); err != nil {
			return nil, Entry{}, &ImportError{Reason: err.Error()}
		}
	} else if claimed.Digest == "" && want == "" {
		return nil, Entry{}, &ImportError{Reason: "it is neither an export nor a state in Bulkhead's container, so nothing says what it should be; name its digest"}
	}
	return data, claimed, nil
}

// open splits an export; any other file is the state itself.
func open(all []byte) ([]byte, Entry, error) {
	rest, ok := bytes.CutPrefix(all, []byte(exportLine))
	if !ok {
		return all, Entry{Origins: []Origin{}}, nil
	}
	meta, data, ok := bytes.Cut(rest, []byte("\n"))
	if !ok || len(meta) > maxEntry {
		return nil, Entry{}, &ImportError{Reason: "its second line, the entry, is missing"}
	}
	e, err := parseEntry(meta)
	if err != nil {
		return nil, Entry{}, &ImportError{Reason: fmt.Sprintf("its second line, the entry: %v", err)}
	}
	if e.Bytes != int64(len(data)) {
		return nil, Entry{}, &ImportError{Reason: fmt.Sprintf("it should hold %d bytes and holds %d; it was cut or put together", e.Bytes, len(data))}
	}
	return data, e, nil
}
