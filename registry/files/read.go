// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bytes"
	"context"
	"io"
)

// ReadAll reads a whole file of at most limit bytes into memory. More is a
// *TooLargeError, a source slower than DefaultMinRate a *SlowError; a broken
// connection is tried again.
func ReadAll(ctx context.Context, src Source, name string, limit int64) ([]byte, error) {
	t := transfer{src: src, name: name, limit: limit, rate: DefaultMinRate, window: DefaultWindow}
	again := retries{attempts: defaultAttempts, pause: defaultPause}
	for {
		data, err := t.readAll(ctx)
		err, temporary := broken(err)
		if !temporary || !again.again(ctx, 0) {
			return data, err
		}
	}
}

func (t transfer) readAll(ctx context.Context) ([]byte, error) {
	var data bytes.Buffer
	err := t.run(ctx, 0, "", func(Info) (io.Writer, error) { return &data, nil })
	if err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}
