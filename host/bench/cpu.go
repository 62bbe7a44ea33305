// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// Sizes of what is measured.
const (
	gemmSize    = 512
	gemmBlock   = 64
	triadFloats = 8 << 20 // 64 MiB each
)

// Machine are the benchmarks that need nothing but the machine.
func Machine() []Benchmark {
	return []Benchmark{
		{Name: "cpu.gemm", Unit: "GFLOP/s", Title: "product of two matrices on the processor", prepare: prepareGEMM},
		{Name: "memory.triad", Unit: "GB/s", Title: "bandwidth of the memory", prepare: prepareTriad},
		{Name: "disk.write", Unit: "MB/s", Title: "writing to the disk", prepare: prepareWrite},
		{Name: "disk.read", Unit: "MB/s", Title: "reading from the disk", prepare: prepareRead},
		{Name: "disk.random_read", Unit: "IOPS", Title: "reading here and there on the disk", prepare: prepareRandom},
		{Name: "process.start", Unit: "ms", Lower: true, Title: "start of a process", prepare: prepareStart},
	}
}

func prepareGEMM(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
	a, b, c := make([]float64, gemmSize*gemmSize), make([]float64, gemmSize*gemmSize), make([]float64, gemmSize*gemmSize)
	for i := range a {
		a[i], b[i] = float64(i%7)-3, float64(i%5)-2
	}
	return func(context.Context) (float64, error) {
		begin := time.Now()
		gemm(a, b, c)
		if took := time.Since(begin).Seconds(); c[gemmSize+1] == product(a, b, 1, 1) {
			return 2 * gemmSize * gemmSize * gemmSize / took / 1e9, nil
		}
		return 0, errors.New("the processor multiplied wrongly")
	}, nil, nil
}

// gemm computes c = a b in bands of rows, one processor each, in blocks that stay
// in its cache. All figures are small whole numbers, so that the order of the
// sums makes no difference.
func gemm(a, b, c []float64) {
	inBands(gemmSize, func(from, to int) {
		clear(c[from*gemmSize : to*gemmSize])
		for k0 := 0; k0 < gemmSize; k0 += gemmBlock {
			for i := from; i < to; i++ {
				row := c[i*gemmSize : (i+1)*gemmSize]
				for k := k0; k < k0+gemmBlock; k++ {
					axpy(row, b[k*gemmSize:(k+1)*gemmSize], a[i*gemmSize+k])
				}
			}
		}
	})
}

// axpy adds s x to y.
func axpy(y, x []float64, s float64) {
	x = x[:len(y)]
	for i := range y {
		y[i] += s * x[i]
	}
}

// product is one element of a b.
func product(a, b []float64, i, j int) float64 {
	sum := 0.0
	for k := range gemmSize {
		sum += a[i*gemmSize+k] * b[k*gemmSize+j]
	}
	return sum
}

// inBands splits n over the processors.
func inBands(n int, work func(from, to int)) {
	workers := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() { work(n*w/workers, n*(w+1)/workers) })
	}
	all.Wait()
}

func prepareTriad(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
	a, b, c := make([]float64, triadFloats), make([]float64, triadFloats), make([]float64, triadFloats)
	for i := range b {
		b[i], c[i] = 1, 2
	}
	return func(context.Context) (float64, error) {
		begin := time.Now()
		inBands(triadFloats, func(from, to int) { triad(a[from:to], b[from:to], c[from:to], 3) })
		return 24 * triadFloats / time.Since(begin).Seconds() / 1e9, nil
	}, nil, nil
}

func triad(a, b, c []float64, s float64) {
	b, c = b[:len(a)], c[:len(a)]
	for i := range a {
		a[i] = b[i] + s*c[i]
	}
}

// startsPerRound makes a round long enough to measure.
const startsPerRound = 10

// prepareStart measures a program of the system where there is one, since it is
// what data loaders and compilers pay.
func prepareStart(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
	name, args := "/bin/true", []string(nil)
	if runtime.GOOS == "windows" {
		name, args = os.Getenv("COMSPEC"), []string{"/c", "exit"}
	} else if found, err := exec.LookPath("true"); err == nil {
		name = found
	}
	return func(ctx context.Context) (float64, error) {
		begin := time.Now()
		for range startsPerRound {
			if err := exec.CommandContext(ctx, name, args...).Run(); err != nil {
				return 0, err
			}
		}
		return time.Since(begin).Seconds() * 1000 / startsPerRound, nil
	}, nil, nil
}
