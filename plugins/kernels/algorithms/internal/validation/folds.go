// SPDX-License-Identifier: Apache-2.0

// Package validation is cross-validation: folds, scores and the test of a
// difference between two models on the same folds.
//
// Folds are not shuffled, so they depend on the data alone and equal those of
// scikit-learn's StratifiedKFold(k) and KFold(k) row for row.
package validation

import (
	"errors"
	"fmt"
)

// Folds gives the test fold of every row.
type Folds struct {
	K   int
	Row []uint8
}

// ErrTooFewRows is wrapped by errors about tables too small for the folds.
var ErrTooFewRows = errors.New("too few rows for the folds")

// maxFolds keeps fold numbers in a byte, the form in which reference fold
// vectors are published.
const maxFolds = 255

// Stratified spreads each class evenly over k folds, in row order. y holds
// class codes in [0, classes). Classes are laid out in order of first
// appearance, as scikit-learn does. It fails when a class has fewer rows than
// there are folds.
func Stratified(y []int, classes, k int) (*Folds, error) {
	if err := checkFolds(len(y), k); err != nil {
		return nil, err
	}
	order, counts, err := byAppearance(y, classes)
	if err != nil {
		return nil, err
	}
	for c, n := range counts {
		if n > 0 && n < k {
			return nil, fmt.Errorf("%w: class %d has %d rows, %d folds need at least %d", ErrTooFewRows, c, n, k, k)
		}
	}
	quota := allocate(order, counts, k)
	f := &Folds{K: k, Row: make([]uint8, len(y))}
	at := make([]int, classes)
	for i, c := range y {
		for quota[c][at[c]] == 0 {
			at[c]++
		}
		quota[c][at[c]]--
		f.Row[i] = uint8(at[c])
	}
	return f, nil
}

// byAppearance lists the classes that occur, first seen first, and counts them.
func byAppearance(y []int, classes int) (order, counts []int, err error) {
	counts = make([]int, classes)
	for i, c := range y {
		if c < 0 || c >= classes {
			return nil, nil, fmt.Errorf("validation: row %d has class code %d, outside [0, %d)", i, c, classes)
		}
		if counts[c] == 0 {
			order = append(order, c)
		}
		counts[c]++
	}
	return order, counts, nil
}

// allocate says how many rows of each class go to each fold: the classes laid
// end to end are dealt to the folds like cards.
func allocate(order, counts []int, k int) [][]int {
	quota := make([][]int, len(counts))
	pos := 0
	for _, c := range order {
		quota[c] = make([]int, k)
		for range counts[c] {
			quota[c][pos%k]++
			pos++
		}
	}
	return quota
}

// Contiguous cuts n rows into k blocks; the first n%k blocks get one row more.
func Contiguous(n, k int) (*Folds, error) {
	if err := checkFolds(n, k); err != nil {
		return nil, err
	}
	f := &Folds{K: k, Row: make([]uint8, 0, n)}
	for b := range k {
		size := n / k
		if b < n%k {
			size++
		}
		for range size {
			f.Row = append(f.Row, uint8(b))
		}
	}
	return f, nil
}

func checkFolds(n, k int) error {
	if k < 2 || k > maxFolds {
		return fmt.Errorf("validation: the number of folds must be between 2 and %d, got %d", maxFolds, k)
	}
	if n < k {
		return fmt.Errorf("%w: %d rows cannot fill %d folds", ErrTooFewRows, n, k)
	}
	return nil
}

// Split returns the training and test rows of fold b, both in row order.
func (f *Folds) Split(b int) (train, test []int) {
	for i, fold := range f.Row {
		if int(fold) == b {
			test = append(test, i)
		} else {
			train = append(train, i)
		}
	}
	return train, test
}

// Sizes returns the number of test rows per fold.
func (f *Folds) Sizes() []int {
	sizes := make([]int, f.K)
	for _, b := range f.Row {
		sizes[b]++
	}
	return sizes
}
