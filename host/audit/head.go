// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	headName = "head.json"
	headTemp = "head.json.new"
	maxHead  = 1 << 10
)

// head is what head.json says: the last record of a batch.
type head struct {
	V    int    `json:"v"`
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
	File string `json:"file"`
	// Size is where the line of the record ends in the file, in bytes.
	Size int64 `json:"size"`
}

var errHead = errors.New("head.json is not in canonical form")

// firstHead is the head of a log without records.
func firstHead() head {
	return head{V: formatVersion, Hash: genesis, File: fileName(1)}
}

// parseHead reads the one canonical form.
func parseHead(data []byte) (head, error) {
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		return head{}, errHead
	}
	again, err := h.encode()
	_, named := fileNumber(h.File)
	empty := h == firstHead()
	full := h.V == formatVersion && h.Seq > 0 && h.Seq <= maxSeq && isDigest(h.Hash) && named && h.Size > 0
	if err != nil || !bytes.Equal(again, data) || !(empty || full) {
		return head{}, errHead
	}
	return h, nil
}

func (h head) encode() ([]byte, error) {
	data, err := canonical(h)
	return append(data, '\n'), err
}

// number of the file that the head names.
func (h head) number() int {
	n, _ := fileNumber(h.File) // parseHead and the writer allow no other name
	return n
}

// readHead returns fs.ErrNotExist when there is none.
func readHead(dir string) (head, error) {
	data, err := readSmall(filepath.Join(dir, headName), maxHead)
	if err != nil {
		return head{}, err
	}
	return parseHead(data)
}

// writeHead replaces the head. The lock is held, so one name for the temporary
// file is enough; fail stands before every step.
func writeHead(dir string, h head, fail func(step string) error) error {
	data, err := h.encode()
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, headTemp)
	if err := fail("writing the head"); err != nil {
		return err
	}
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeSynced(temp, data); err != nil {
		return err
	}
	if err := fail("renaming the head"); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, headName)); err != nil {
		return err
	}
	if err := fail("syncing the directory"); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeSynced makes a file and brings its bytes to disk.
func writeSynced(name string, data []byte) error {
	f, err := openRegular(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
