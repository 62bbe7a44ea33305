// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package door

import (
	"errors"
	"os"
)

// NewConn fails: this system cannot pass descriptors between processes.
func NewConn(file *os.File) (*Conn, error) {
	_ = file.Close()
	return nil, errors.ErrUnsupported
}

// Read fails: there is no door here.
func (c *Conn) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// ReadFile fails: there is no door here.
func (c *Conn) ReadFile([]byte) (int, *os.File, error) { return 0, nil, errors.ErrUnsupported }

func (c *Conn) send([]byte, *os.File) error { return errors.ErrUnsupported }
