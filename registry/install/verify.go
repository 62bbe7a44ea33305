// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// Verify hashes every file of an entry and looks at their modes. A difference is a
// *TamperedError, no entry a *MissingError.
func (s *Store) Verify(ctx context.Context, h1 string) error {
	if _, err := s.Dir(h1); err != nil {
		return err
	}
	name, _ := entryName(h1)
	return s.verify(ctx, h1, name)
}

// Quick is Verify at the price of a look at each file, when they have been hashed
// before and nothing has touched them since. See the package's documentation for
// what that proves.
func (s *Store) Quick(h1 string) error {
	if _, err := s.Dir(h1); err != nil {
		return err
	}
	name, _ := entryName(h1)
	return s.quick(context.Background(), h1, name)
}

func (s *Store) quick(ctx context.Context, h1, name string) error {
	if v := s.loadVerdict(name); v != nil && v.holds(s.entry(name)) {
		return nil
	}
	return s.verify(ctx, h1, name)
}

func (s *Store) verify(ctx context.Context, h1, name string) error {
	dir := s.entry(name)
	v, err := look(dir, s.now())
	if err != nil {
		return fmt.Errorf("verifying an installed plugin: %w", err)
	}
	tampered := func(file, reason string) error {
		return &TamperedError{H1: h1, Dir: dir, File: file, Reason: reason}
	}
	for _, it := range v.items {
		if !it.dir && !it.mode.IsRegular() {
			return tampered(it.name, "is no regular file")
		}
	}
	if err := hashAll(ctx, dir, v.items); err != nil {
		return fmt.Errorf("verifying an installed plugin: %w", err)
	}
	if v.h1() != h1 {
		file, reason := v.differs(s.loadVerdict(name))
		return tampered(file, reason)
	}
	if file, reason := v.wrongModes(dir); reason != "" {
		return tampered(file, reason)
	}
	s.saveVerdict(name, v)
	return nil
}

// differs names a file that is not as a verdict says. The verdict is nil when
// there is none.
func (v *verdict) differs(from *verdict) (file, reason string) {
	if from == nil {
		return "", "its files have another digest"
	}
	was := map[string]archive.Sum{}
	for _, it := range from.items {
		if !it.dir {
			was[it.name] = it.sum
		}
	}
	for _, it := range v.items {
		sum, ok := was[it.name]
		delete(was, it.name)
		switch {
		case it.dir:
		case !ok:
			return it.name, "was not part of it"
		case sum != it.sum:
			return it.name, "has another content"
		}
	}
	for name := range was {
		return name, "is missing"
	}
	return "", "its files have another digest"
}

func (v *verdict) wrongModes(dir string) (file, reason string) {
	m, err := manifest.Load(dir)
	if err != nil {
		return manifest.FileName, "cannot be read: " + err.Error()
	}
	for _, it := range v.items {
		if reason := wrongMode(it.mode, it.name == m.Executable); reason != "" {
			return it.name, reason
		}
	}
	return "", ""
}

// hashAll finds the digests of files, several at a time.
func hashAll(ctx context.Context, dir string, items []item) error {
	var next atomic.Int64
	workers := min(runtime.GOMAXPROCS(0), len(items))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			buf := make([]byte, 256<<10)
			for i := int(next.Add(1)) - 1; i < len(items) && errs[w] == nil; i = int(next.Add(1)) - 1 {
				if !items[i].dir {
					items[i].sum, errs[w] = hashFile(ctx, filepath.Join(dir, filepath.FromSlash(items[i].name)), buf)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func hashFile(ctx context.Context, path string, buf []byte) (sum archive.Sum, err error) {
	f, err := durable.OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return archive.Sum(h.Sum(nil)), nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return sum, err
		}
	}
}
