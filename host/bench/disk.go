// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// Sizes in bytes.
const (
	diskBytes  = 256 << 20
	diskChunk  = 1 << 20
	blockBytes = 4 << 10
)

// randomReads of one round.
const randomReads = 512

// scratch is a file of random bytes: a file system that compresses would answer
// zeros from nowhere.
func scratch(ctx context.Context, o *Options, fill bool) (*os.File, []byte, func(), error) {
	dir := cmp.Or(o.Dir, os.TempDir())
	if inMemory(dir) {
		return nil, nil, nil, fmt.Errorf("%w: %s lies in memory; name a directory on a disk with --dir", ErrSkip, dir)
	}
	file, err := os.CreateTemp(dir, "bulkhead-bench-*")
	if err != nil {
		return nil, nil, nil, err
	}
	// Without a name it is gone with this process, however that ends. Windows
	// removes no open file.
	_ = os.Remove(file.Name())
	closer := func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	chunk := make([]byte, diskChunk)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(chunk) // never fails
	if fill {
		if err := writeAll(ctx, file, chunk); err != nil {
			closer()
			return nil, nil, nil, err
		}
	}
	return file, chunk, closer, nil
}

// writeAll writes the whole file and waits until it is on the disk.
func writeAll(ctx context.Context, file *os.File, chunk []byte) error {
	for at := int64(0); at < diskBytes; at += diskChunk {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := file.WriteAt(chunk, at); err != nil {
			return fmt.Errorf("writing %d MiB to measure the disk: %w", diskBytes>>20, err)
		}
	}
	return file.Sync()
}

func prepareWrite(ctx context.Context, o *Options) (func(context.Context) (float64, error), func(), error) {
	file, chunk, closer, err := scratch(ctx, o, false)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (float64, error) {
		begin := time.Now()
		err := writeAll(ctx, file, chunk)
		return diskBytes / time.Since(begin).Seconds() / 1e6, err
	}, closer, nil
}

func prepareRead(ctx context.Context, o *Options) (func(context.Context) (float64, error), func(), error) {
	file, chunk, closer, err := scratch(ctx, o, true)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (float64, error) {
		if err := forget(file); err != nil {
			return 0, err
		}
		begin := time.Now()
		for at := int64(0); at < diskBytes; at += diskChunk {
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			if _, err := file.ReadAt(chunk, at); err != nil && !errors.Is(err, io.EOF) {
				return 0, err
			}
		}
		return diskBytes / time.Since(begin).Seconds() / 1e6, nil
	}, closer, nil
}

func prepareRandom(ctx context.Context, o *Options) (func(context.Context) (float64, error), func(), error) {
	file, _, closer, err := scratch(ctx, o, true)
	if err != nil {
		return nil, nil, err
	}
	places := rand.New(rand.NewPCG(3, 4))
	block := make([]byte, blockBytes)
	return func(ctx context.Context) (float64, error) {
		if err := forget(file); err != nil {
			return 0, err
		}
		begin := time.Now()
		for range randomReads {
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			if _, err := file.ReadAt(block, places.Int64N(diskBytes/blockBytes)*blockBytes); err != nil {
				return 0, err
			}
		}
		return randomReads / time.Since(begin).Seconds(), nil
	}, closer, nil
}
