// SPDX-License-Identifier: Apache-2.0

package solve_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

// large is 500 plugins of 50 versions each, wanted from two places. The newest
// tenth needs another protocol; hard makes every constraint fail, so that the
// solver looks at everything and explains.
func large(hard bool) solve.Problem {
	p := solve.Problem{Available: map[string][]release.Known{}, Host: "0.6.0", Protocols: []int{1}, Platform: "linux_amd64"}
	for i := range 500 {
		id := fmt.Sprintf("acme/plugin-%d", i)
		for v := range 50 {
			k := rel(fmt.Sprintf("1.%d.%d", v/5, v%5))
			if v >= 45 {
				k.Protocols = []int{2}
			}
			p.Available[id] = append(p.Available[id], k)
		}
		first := "~> 1.2"
		if hard {
			first = ">= 1.9"
		}
		p.Wants = append(p.Wants, solve.Want{ID: id, Constraint: first, From: "a:1"}, solve.Want{ID: id, Constraint: ">= 1.1, != 1.8.4", From: "b:2"})
	}
	return p
}

// maxSolve is what a person may wait for an answer.
const maxSolve = 200 * time.Millisecond

func BenchmarkSolve(b *testing.B) {
	for _, hard := range []bool{false, true} {
		p := large(hard)
		b.Run(map[bool]string{false: "answer", true: "conflicts"}[hard], func(b *testing.B) {
			b.ReportAllocs()
			fastest := time.Hour // other work on the machine slows the others
			for b.Loop() {
				start := time.Now()
				if _, err := solve.Solve(p); (err != nil) != hard {
					b.Fatal(err)
				}
				fastest = min(fastest, time.Since(start))
			}
			if fastest > maxSolve {
				b.Errorf("solving takes %v, more than %v", fastest, maxSolve)
			}
		})
	}
}
