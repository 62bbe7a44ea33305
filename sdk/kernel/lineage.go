// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"fmt"
)

// lineage says which input rows the rows of a batch come from: list, or with
// none of it the consecutive ones from first on. The zero value does not tell.
type lineage struct {
	told  bool
	first int64
	list  []int64
}

// cut returns the lineage of n rows from at on.
func (l lineage) cut(at, n int) lineage {
	switch {
	case !l.told:
		return l
	case l.list == nil:
		return lineage{told: true, first: l.first + int64(at)}
	}
	return lineage{told: true, list: l.list[at : at+n]}
}

// wire is its form in a message: one number, or one for each row.
func (l lineage) wire() []byte {
	switch {
	case !l.told:
		return nil
	case l.list == nil:
		return binary.LittleEndian.AppendUint64(nil, uint64(l.first))
	}
	out := make([]byte, 0, 8*len(l.list))
	for _, row := range l.list {
		out = binary.LittleEndian.AppendUint64(out, uint64(row))
	}
	return out
}

// ancestry maps the rows that a fused kernel reads to those of the call. It
// remembers those of the last two batches: a row-wise kernel writes the rows of
// a batch before it reads the next one.
type ancestry struct {
	batches [2]generation
}

// generation is one batch: n rows from row on, and where they come from.
type generation struct {
	row, n int64
	from   lineage
}

// read adds a batch.
func (a *ancestry) read(row, n int64, from lineage) {
	a.batches[0], a.batches[1] = a.batches[1], generation{row, n, from}
}

// of returns the row of the call that a row comes from.
func (a *ancestry) of(row int64) (int64, error) {
	for _, g := range a.batches {
		i := row - g.row
		switch {
		case i < 0 || i >= g.n:
		case g.from.list != nil:
			return g.from.list[i], nil
		default:
			return g.from.first + i, nil
		}
	}
	return 0, fmt.Errorf("row %d is not of the batch that was read last", row)
}

// all maps rows.
func (a *ancestry) all(rows []int64) ([]int64, error) {
	out := make([]int64, len(rows))
	for i, row := range rows {
		var err error
		if out[i], err = a.of(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}
