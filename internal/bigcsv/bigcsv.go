// SPDX-License-Identifier: Apache-2.0

// Package bigcsv writes CSV files of any size for tests and benchmarks: the same
// bytes for the same arguments, faster than they are read.
//
// The columns are id, ten numbers x0 to x9 of which one cell in 32 is missing, a
// city of eight, and y = 2*x0 - x1 + noise, which is never missing.
package bigcsv

import (
	"bufio"
	"io"
	"strconv"
)

// Header is the first line.
const Header = "id,x0,x1,x2,x3,x4,x5,x6,x7,x8,x9,city,y\n"

var cities = []string{"Oslo", "Rome", "Bern", "Lima", "Cairo", "Delhi", "Seoul", "Quito"}

// Write writes at least size bytes and returns how many rows they hold.
func Write(w io.Writer, size int64) (rows int64, err error) {
	b := bufio.NewWriterSize(w, 1<<20)
	n, err := b.WriteString(Header)
	if err != nil {
		return 0, err
	}
	written := int64(n)
	state := uint64(0x9e3779b97f4a7c15)
	line := make([]byte, 0, 256)
	for ; written < size; rows++ {
		line = row(line[:0], rows, &state)
		if _, err := b.Write(line); err != nil {
			return rows, err
		}
		written += int64(len(line))
	}
	return rows, b.Flush()
}

// row appends one line.
func row(line []byte, id int64, state *uint64) []byte {
	line = strconv.AppendInt(line, id, 10)
	var x [10]int64
	for i := range x {
		r := next(state)
		x[i] = int64(r%200_000) - 100_000
		line = append(line, ',')
		if r>>40&31 != 0 {
			line = thousandths(line, x[i])
		}
	}
	line = append(line, ',')
	line = append(line, cities[next(state)&7]...)
	line = append(line, ',')
	return append(thousandths(line, 2*x[0]-x[1]+int64(next(state)%2000)-1000), '\n')
}

// thousandths appends n/1000 in decimals.
func thousandths(line []byte, n int64) []byte {
	if n < 0 {
		line, n = append(line, '-'), -n
	}
	line = strconv.AppendInt(line, n/1000, 10)
	f := n % 1000
	return append(line, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
}

// next is xorshift64*.
func next(state *uint64) uint64 {
	*state ^= *state >> 12
	*state ^= *state << 25
	*state ^= *state >> 27
	return *state * 2685821657736338717
}
