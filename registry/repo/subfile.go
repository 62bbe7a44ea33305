// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/internal/scratch"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// The files of a submission; the package documentation gives their form.
const (
	headName     = "submission.json"
	metadataName = "metadata.json"
	tarSuffix    = ".tar"
	maxHead      = 4 << 10
)

type submissionHead struct {
	Version   int    `json:"bulkhead_submission"`
	Namespace string `json:"namespace"`
}

// Close removes what reading the submission made.
func (sub *Submission) Close() error { return sub.temp.Close() }

// Save writes the submission to a new directory, or to a new tar file when name
// ends in .tar. It is there whole or not at all.
func (sub *Submission) Save(name string) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s is there; choose another name: %w", name, fs.ErrExist)
	}
	temp, err := os.MkdirTemp(filepath.Dir(name), durable.TempPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // what is left of it is of no use
	whole := filepath.Join(temp, "submission")
	to := dirWriter(whole)
	if strings.HasSuffix(name, tarSuffix) {
		to, err = tarWriter(whole)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(sub.write(to), to.close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := os.Rename(whole, name); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(name))
}

// container takes the files of a submission.
type container struct {
	add   func(name string, size int64, from io.Reader) error
	close func() error
}

func (sub *Submission) write(to container) error {
	head, err := json.Marshal(submissionHead{Version: 1, Namespace: sub.Namespace})
	if err != nil {
		return err
	}
	for _, f := range []file{{headName, head}, {metadataName, sub.Metadata}} {
		if err := to.add(f.name, int64(len(f.data)), bytes.NewReader(f.data)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sub.Archives)) {
		if err := addFile(to, name, sub.Archives[name]); err != nil {
			return err
		}
	}
	return nil
}

func addFile(to container, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return to.add(name, info.Size(), f)
}

func dirWriter(dir string) container {
	return container{close: func() error { return nil }, add: func(name string, _ int64, from io.Reader) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, from)
		return errors.Join(err, f.Sync(), f.Close())
	}}
}

func tarWriter(name string) (container, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return container{}, err
	}
	w := tar.NewWriter(f)
	return container{
		add: func(name string, size int64, from io.Reader) error {
			if err := w.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
				return err
			}
			_, err := io.Copy(w, from)
			return err
		},
		close: func() error { return errors.Join(w.Close(), f.Sync(), f.Close()) },
	}, nil
}

// ReadSubmission reads a submission from a directory or a tar file. The caller
// closes it. Nothing in it is verified yet: Publish does that.
func ReadSubmission(name string) (*Submission, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readDir(name)
	}
	temp, err := scratch.New("submission")
	if err != nil {
		return nil, err
	}
	if err := untar(name, info.Size(), temp.Path); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is no submission: %w", name, err), temp.Close())
	}
	sub, err := readDir(temp.Path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s is no submission, which `bulkhead plugin sign` makes: it has no %s or no %s", name, headName, metadataName)
	}
	if err != nil {
		return nil, errors.Join(err, temp.Close())
	}
	sub.temp = temp
	return sub, nil
}

// untar writes the files of a submission to a directory. The sizes of the files
// together are at most that of the tar file: there are no holes in them.
func untar(name string, size int64, dir string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, to := tar.NewReader(f), dirWriter(dir)
	for left := size; ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if left -= h.Size; h.Typeflag != tar.TypeReg || left < 0 || !belongs(h.Name) {
			return fmt.Errorf("%.200q does not belong into one", h.Name)
		}
		err = to.add(h.Name, h.Size, r)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%q is in it twice", h.Name)
		}
		if err != nil {
			return err
		}
	}
}

// belongs reports whether a submission can have a file of a name.
func belongs(name string) bool {
	if name == headName || name == metadataName {
		return true
	}
	p, err := release.ParsePath(name)
	return err == nil && p.Platform != ""
}

func readDir(dir string) (*Submission, error) {
	head, err := readHead(dir)
	if err != nil {
		return nil, err
	}
	sub := &Submission{Namespace: head.Namespace, Archives: map[string]string{}}
	if sub.Metadata, err = durable.ReadFile(filepath.Join(dir, metadataName), maxRole); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !belongs(name) || !e.Type().IsRegular() {
			return fmt.Errorf("%s does not belong into a submission", path)
		}
		if name != headName && name != metadataName {
			sub.Archives[name] = path
		}
		return nil
	})
	return sub, err
}

func readHead(dir string) (head submissionHead, err error) {
	data, err := durable.ReadFile(filepath.Join(dir, headName), maxHead)
	if err != nil {
		return head, fmt.Errorf("%s is no submission, which `bulkhead plugin sign` makes: %w", dir, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&head); err != nil || head.Version != 1 {
		return head, fmt.Errorf("%s is no submission of version 1", dir)
	}
	return head, release.CheckNamespace(head.Namespace)
}

// IsSubmission reports whether a path looks like a submission rather than an
// archive.
func IsSubmission(name string) bool {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		_, err := os.Lstat(filepath.Join(name, headName))
		return err == nil
	}
	return strings.HasSuffix(name, tarSuffix)
}
