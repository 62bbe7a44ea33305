// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// DefaultLimit is the time that a tool has for one machine.
const DefaultLimit = 60 * time.Second

// Options of Run. The zero value is ready to use.
type Options struct {
	// Jobs is how many machines are examined at once; 0 is the number of CPUs.
	Jobs int
	// Limit bounds the examination of one machine; 0 is DefaultLimit.
	Limit time.Duration
	// Progress is told of every machine that is done, in any order, if not nil.
	Progress func(done, of int, name string)
}

// Run examines every machine with the tool and scores what it says. The error
// is about this computer (a disk that is full, a file name that the system
// refuses) or ctx; a tool that fails has a score.
func Run(ctx context.Context, machines []Machine, tool Tool, opt Options) (Score, error) {
	started := time.Now()
	tool, err := tool.absolute()
	if err != nil {
		return Score{}, err
	}
	dir, err := os.MkdirTemp("", "bulkhead-corpus-")
	if err != nil {
		return Score{}, err
	}
	defer func() { _ = remove(dir) }()
	// A sandboxed plugin is another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		return Score{}, err
	}
	s := Score{SchemaVersion: report.SchemaVersion, Tool: tool.Name, Machines: make([]MachineResult, len(machines))}
	errs := examineAll(ctx, machines, tool, dir, opt, s.Machines)
	for _, err := range errs {
		if err != nil {
			return Score{}, err
		}
	}
	s.Seconds = time.Since(started).Seconds()
	s.total()
	return s, nil
}

// examineAll fills in results, several machines at a time.
func examineAll(ctx context.Context, machines []Machine, tool Tool, dir string, opt Options, results []MachineResult) []error {
	jobs := opt.Jobs
	if jobs <= 0 {
		jobs = runtime.NumCPU()
	}
	errs := make([]error, len(machines))
	next := make(chan int)
	var mu sync.Mutex
	var workers sync.WaitGroup
	done := 0
	for range min(jobs, len(machines)) {
		workers.Go(func() {
			for i := range next {
				results[i], errs[i] = examine(ctx, &machines[i], tool, filepath.Join(dir, fmt.Sprint(i)), opt.Limit)
				mu.Lock()
				if done++; opt.Progress != nil {
					opt.Progress(done, len(machines), machines[i].Name)
				}
				mu.Unlock()
			}
		})
	}
	for i := range machines {
		next <- i
	}
	close(next)
	workers.Wait()
	return errs
}

// examine unpacks a machine, runs the tool and judges what it says.
func examine(ctx context.Context, m *Machine, tool Tool, dir string, limit time.Duration) (MachineResult, error) {
	if err := ctx.Err(); err != nil {
		return MachineResult{}, err
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	root, scratch := filepath.Join(dir, m.Name), filepath.Join(dir, "work")
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return MachineResult{}, err
	}
	defer func() { _ = remove(dir) }()
	if err := m.Unpack(root); err != nil {
		return MachineResult{}, fmt.Errorf("unpacking %s: %w", m.Name, err)
	}
	started := time.Now()
	out := tool.run(ctx, m, root, scratch, limit)
	if err := ctx.Err(); err != nil {
		return MachineResult{}, err
	}
	r := judge(m, read(out))
	r.Seconds = time.Since(started).Seconds()
	return r, nil
}
