// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkGet is what a step found in the store costs before its first batch.
func BenchmarkGet(b *testing.B) {
	s := opened(b, b.TempDir(), Options{})
	must(b, put(s, "a", 10))
	for b.Loop() {
		a, err := s.Get(keyOf("a"))
		must(b, err)
		a.Close()
	}
}

// BenchmarkMissing is what a step not found in the store costs.
func BenchmarkMissing(b *testing.B) {
	s := opened(b, b.TempDir(), Options{})
	for b.Loop() {
		if _, err := s.Get(keyOf("a")); err == nil {
			b.Fatal("there is one")
		}
	}
}

// BenchmarkCommit makes small artifacts; most of it is waiting for the disk.
func BenchmarkCommit(b *testing.B) {
	s := opened(b, b.TempDir(), Options{MaxBytes: 1 << 30})
	i := 0
	for b.Loop() {
		must(b, put(s, fmt.Sprint(i), 10))
		i++
	}
}

// BenchmarkSweep looks at a store of 1,000 artifacts.
func BenchmarkSweep(b *testing.B) {
	s := opened(b, b.TempDir(), Options{MaxBytes: 1 << 30, TTL: time.Hour})
	for i := range 1000 {
		d, err := s.Create(keyOf(fmt.Sprint(i)))
		must(b, err)
		must(b, d.Commit(Info{Ingredients: named(fmt.Sprint(i))}))
	}
	for b.Loop() {
		_, err := s.Sweep(time.Now())
		must(b, err)
	}
}
