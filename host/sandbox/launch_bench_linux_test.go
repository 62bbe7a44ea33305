// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// BenchmarkLaunch starts the smallest program there is, and takes the time until
// it runs: what is left is the launcher. In each round every way starts once, so that all
// meet the same noise; the medians are reported side by side, with their ratio to
// a bare fork and exec of the same program. The rounds are repeated while the
// host holds 512 MiB and 2 GiB of touched memory.
func BenchmarkLaunch(b *testing.B) {
	exe, err := os.Open(smallest())
	if err != nil {
		b.Fatal(err)
	}
	defer exe.Close()
	for _, heap := range []int{0, 512, 2048} {
		b.Run(fmt.Sprintf("heap=%dMiB", heap), func(b *testing.B) {
			memory := touched(heap << 20)
			took := make(map[string][]time.Duration)
			for b.Loop() {
				for _, way := range ways(b, exe) {
					took[way.name] = append(took[way.name], way.start(b))
				}
			}
			reportMedians(b, took)
			_ = memory[0]
		})
	}
}

// smallest is a static program if the machine has one.
func smallest() string {
	if name := os.Getenv("SMALLEST"); name != "" {
		return name
	}
	return "/bin/true"
}

func touched(n int) []byte {
	memory := make([]byte, max(n, 1))
	for i := 0; i < n; i += 4096 {
		memory[i] = 1
	}
	return memory
}

// way is one way of starting the program; start returns how long it took.
type way struct {
	name  string
	start func(b *testing.B) time.Duration
}

func ways(b *testing.B, exe *os.File) []way {
	out := []way{{"bare", func(b *testing.B) time.Duration {
		cmd := exec.Command(exe.Name())
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begin)
		_ = cmd.Wait()
		return took
	}}}
	for _, level := range []Level{None, Weak, WallsOnly, Namespaced, Full, FullQuota} {
		out = append(out, way{"raw/" + level.String(), func(b *testing.B) time.Duration { return benchLaunch(b, exe, level, false) }})
	}
	return append(out, way{"shim/full", func(b *testing.B) time.Duration { return benchLaunch(b, exe, Full, true) }})
}

func benchLaunch(b *testing.B, exe *os.File, level Level, shim bool) time.Duration {
	before := useShim
	useShim = shim
	defer func() { useShim = before }()
	begin := time.Now()
	p, err := Launch(context.Background(), Spec{Exe: exe, Args: []string{"true"}, Ceiling: level, Floor: None})
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(begin)
	<-p.Done()
	if p.Report().Level != level {
		b.Skipf("level %v cannot be reached: %v", level, p.Report().Fallen)
	}
	return took
}

// reportMedians reports milliseconds, and what each costs over the bare way.
func reportMedians(b *testing.B, took map[string][]time.Duration) {
	bare := median(took["bare"])
	for name, all := range took {
		m := median(all)
		b.ReportMetric(float64(m)/1e6, name+"_ms")
		b.ReportMetric(float64(m)/float64(bare), name+"_x")
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
