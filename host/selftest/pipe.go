// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"io"
	"os"
	"sync"
	"time"
)

// pipe is an attacker's way to speak.
type pipe struct {
	r, w *os.File
	once sync.Once
}

func twoPipes() (stdout, stderr *pipe, err error) {
	if stdout, err = newPipe(); err != nil {
		return nil, nil, err
	}
	if stderr, err = newPipe(); err != nil {
		stdout.close()
		return nil, nil, err
	}
	return stdout, stderr, nil
}

func newPipe() (*pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{r: r, w: w}, nil
}

func (p *pipe) closeWriter() { p.once.Do(func() { _ = p.w.Close() }) }

// sip reads as the host reads a log: at a bounded rate, here 4 MiB a second.
func (p *pipe) sip() {
	p.closeWriter()
	for {
		if _, err := io.CopyN(io.Discard, p.r, 64<<10); err != nil {
			return
		}
		time.Sleep(16 * time.Millisecond)
	}
}

func (p *pipe) close() {
	p.closeWriter()
	_ = p.r.Close()
}
