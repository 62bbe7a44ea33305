// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// aside moves the torn end of a file into a side file and cuts it off. Both can
// be done again after a crash; the side file keeps the suffix pendingSuffix
// until the record of the repair is on disk.
func (c *chain) aside(t tail) error {
	name := filepath.Join(c.dir, fileName(t.number))
	f, err := openRegular(name, os.O_RDWR)
	if err != nil {
		return err
	}
	torn, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, t.size, maxLine), maxLine))
	if err == nil {
		err = c.move(f, t, torn)
	}
	return errors.Join(err, f.Close())
}

func (c *chain) move(f *os.File, t tail, torn []byte) error {
	if err := c.fail("moving a torn line"); err != nil {
		return err
	}
	side := filepath.Join(c.dir, fmt.Sprintf(tornName, t.number, t.size)+pendingSuffix)
	if err := writeSynced(side, torn); err != nil {
		return err
	}
	if err := syncDir(c.dir); err != nil {
		return err
	}
	if err := c.fail("cutting a torn line off"); err != nil {
		return err
	}
	return errors.Join(f.Truncate(t.size), f.Sync())
}

// repairs are the entries for side files that have no record yet.
func (c *chain) repairs() ([]*entry, error) {
	pending, err := c.pending()
	if err != nil {
		return nil, err
	}
	var out []*entry
	for _, name := range pending {
		torn, err := readSmall(filepath.Join(c.dir, name), maxLine)
		if err != nil {
			return nil, err
		}
		e, err := c.own(Repair{Aside: settledName(name), Bytes: int64(len(torn)), Digest: digest(torn)})
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// pending lists side files whose repair is not in the log.
func (c *chain) pending() ([]string, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "torn-") && strings.HasSuffix(e.Name(), pendingSuffix) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

func settledName(pending string) string {
	return strings.TrimSuffix(pending, pendingSuffix) + asideSuffix
}

// settle gives side files their last name, when their records are on disk.
func (c *chain) settle() error {
	if err := c.fail("settling a torn line"); err != nil {
		return err
	}
	pending, err := c.pending()
	for _, name := range pending {
		err = errors.Join(err, os.Rename(filepath.Join(c.dir, name), filepath.Join(c.dir, settledName(name))))
	}
	return errors.Join(err, syncDir(c.dir))
}
