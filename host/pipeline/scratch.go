// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/tablefile"
)

// scratch is a file that nobody else needs. Where the system allows it, it has
// no name, and is gone whatever becomes of this process.
type scratch struct {
	*os.File
	named bool
}

// scratch makes an empty file.
func (o Options) scratch() (*scratch, error) {
	f, err := os.CreateTemp(o.TempDir, "bulkhead-*")
	if err != nil {
		return nil, err
	}
	return &scratch{File: f, named: os.Remove(f.Name()) != nil}, nil
}

// Close gives the disk back.
func (s *scratch) Close() error {
	err := s.File.Close()
	if s.named {
		err = errors.Join(err, os.Remove(s.Name()))
	}
	return err
}

// spill makes the files of tables that do not fit into memory.
func (o Options) spill() edge.Spill {
	return func(schema *arrow.Schema) (edge.File, error) {
		f, err := o.scratch()
		if err != nil {
			return nil, err
		}
		w, err := tablefile.Spill(f.File, schema)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return spillFile{w, f}, nil
	}
}

// spillFile is a table on disk, which is never finished: nobody opens it again.
type spillFile struct {
	*tablefile.Writer
	file *scratch
}

// Close gives the disk back.
func (s spillFile) Close() error { return s.file.Close() }
