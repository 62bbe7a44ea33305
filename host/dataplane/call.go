// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// call is one streaming call: a sender in its own goroutine, and a receiver in
// that of the caller.
type call struct {
	op       string
	options  Options
	parent   context.Context
	ctx      context.Context
	cancel   context.CancelFunc
	sender   *sender
	open     Open
	lane     *crossing   // nil when batches travel in messages
	in, out  *tally      // nil without an account; in also when the digest is known
	answered atomic.Bool // a message came
	metrics  Metrics
	began    time.Time
	cpu      time.Duration
}

func newCall(ctx context.Context, op string, o Options, open Open, schema *pluginv1.TableSchema) *call {
	inner, cancel := withoutDeadline(ctx)
	c := &call{op: op, options: o, open: open, parent: ctx, ctx: inner, cancel: cancel, began: time.Now()}
	if open.Account != nil {
		c.out = &tally{}
	}
	if open.Account != nil && open.Input.known() == "" {
		c.in = &tally{digest: newRowDigest(schema)}
	}
	if o.Usage != nil {
		c.cpu, _ = o.Usage()
	}
	return c
}

// begin prepares a call and its opening message.
func (c *client) begin(ctx context.Context, op string, open Open) (*call, *pluginv1.Open, error) {
	if open.Schema == nil { // of a source
		open.Schema = arrow.NewSchema(nil, nil)
	}
	req, err := open.proto(c.options.Side)
	if err != nil {
		return nil, nil, err
	}
	call := newCall(ctx, op, c.options, open, req.GetSchema())
	if call.lane = call.cross(open.Schema); call.lane != nil {
		req.Lane = call.lane.number
	}
	return call, req, nil
}

// abandon gives up a call whose stream could not be opened.
func (c *call) abandon() {
	if c.lane != nil {
		c.lane.land(false)
	}
}

// withoutDeadline ends with ctx, and hides its deadline from the plugin: else
// the plugin's clock could end a call before the host's own does, and the host
// would take it for a failure of the kernel.
func withoutDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	return inner, func() {
		stop()
		cancel()
	}
}

// start sends the opening messages and then the input, in the background.
func (c *call) start(s *sender, open func() error, in Batches) {
	s.done, s.tally = make(chan struct{}), c.in
	c.sender = s
	go func() {
		if open() != nil {
			close(s.done)
			return
		}
		s.run(c.ctx, in, c.cancel)
	}()
}

// receive reads messages until the result, and then the end of the stream.
// take handles one message and returns the result when it is one.
func receive[M any](c *call, recv func() (M, error), take func(M) (*pluginv1.Result, error)) (*pluginv1.Result, error) {
	for {
		m, err := recv()
		if ended(err) {
			return nil, broken(c.op, "the stream ended without a result")
		}
		if err != nil {
			return nil, wireError(c.parent, c.op, err)
		}
		c.answered.Store(true)
		result, err := take(m)
		if err != nil {
			return nil, err
		}
		if result != nil {
			return result, expectEnd(c, recv)
		}
	}
}

// expectEnd refuses messages after the result, and a stream that does not end.
func expectEnd[M any](c *call, recv func() (M, error)) error {
	timer := time.AfterFunc(c.options.CloseGrace, c.cancel)
	defer timer.Stop()
	_, err := recv()
	switch {
	case ended(err):
		return nil
	case err == nil:
		return broken(c.op, "a message came after the result")
	case c.ctx.Err() != nil && c.parent.Err() == nil:
		return broken(c.op, "the stream was not ended within %s of the result", c.options.CloseGrace)
	}
	return wireError(c.parent, c.op, err)
}

// finish stops the sender and checks the result against what was measured.
func (c *call) finish(result *pluginv1.Result, err error, lines *lineage) (*Outcome, error) {
	c.cancel()
	<-c.sender.done
	c.measure()
	c.tell()
	// A failing input cancels the call, and is the reason for what followed.
	if c.sender.err != nil {
		return nil, c.sender.err
	}
	if err != nil {
		return nil, err
	}
	return c.outcome(result, lines)
}

func (c *call) measure() {
	m := &c.metrics
	m.Wall = time.Since(c.began)
	m.RowsIn, m.BatchesIn, m.BytesIn = c.sender.rows, c.sender.batches, c.sender.bytes
	if c.options.Usage == nil {
		return
	}
	if cpu, rss := c.options.Usage(); cpu >= c.cpu {
		m.CPU, m.PeakRSS = cpu-c.cpu, rss
	}
}

// tell fills in the account.
func (c *call) tell() {
	if c.open.Account == nil {
		return
	}
	*c.open.Account = Account{
		RowsIn: c.metrics.RowsIn, RowsOut: c.metrics.RowsOut, InputDigest: c.inputDigest(), OutputDigest: c.out.sum(),
	}
}

// inputDigest is that of the rows that were sent.
func (c *call) inputDigest() string {
	shared := c.open.Input
	switch digest := c.in.sum(); {
	case c.in == nil && c.sender.complete:
		return shared.known()
	case c.in == nil:
		return shared.first(c.open.Schema, c.sender.rows)
	case c.sender.complete:
		shared.learn(digest)
		return digest
	default:
		return digest
	}
}
