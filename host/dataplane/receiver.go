// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"math"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// fitReceiver collects the state of a fit.
type fitReceiver struct {
	call     *call
	progress func(Progress)
	chunks   [][]byte
	bytes    int64
}

func (f *fitReceiver) take(m *pluginv1.FitResponse) (*pluginv1.Result, error) {
	switch m := m.GetMessage().(type) {
	case *pluginv1.FitResponse_Result:
		return m.Result, nil
	case *pluginv1.FitResponse_Progress:
		if f.progress != nil {
			f.progress(progress(m.Progress))
		}
		return nil, nil
	case *pluginv1.FitResponse_StateChunk:
		return nil, f.chunk(m.StateChunk)
	}
	return nil, broken("fit", "an empty message")
}

func (f *fitReceiver) chunk(chunk []byte) error {
	limit := f.call.options.Limits.StateBytes
	if f.bytes += int64(len(chunk)); f.bytes > limit {
		return broken("fit", "the fitted state is larger than %d bytes", limit)
	}
	if len(chunk) > 0 {
		f.chunks = append(f.chunks, chunk)
	}
	return nil
}

// state joins the chunks: once, since a state that grows as it arrives is copied
// again and again. nil when there is none.
func (f *fitReceiver) state() []byte { return bytes.Join(f.chunks, nil) }

// progress takes a fraction from the wire: a number of 0 to 1, or -1.
func progress(p *pluginv1.Progress) Progress {
	fraction := p.GetFraction()
	if math.IsNaN(fraction) || fraction < 0 {
		fraction = -1
	}
	return Progress{Fraction: min(fraction, 1), Message: cleanText(p.GetMessage())}
}
