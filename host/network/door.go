// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// EnvFD names the variable that tells the plugin the number of its descriptor.
const EnvFD = door.EnvFD

// Door is the host's side of one plugin's network.
type Door struct {
	options Options
	usage   map[network.Rule]*usage
	order   []network.Rule
	conn    *door.Conn
	child   *os.File
	denials ledger

	alive context.Context         // ends with the door
	end   context.CancelCauseFunc // net.ErrClosed, or what ended the door
	work  sync.WaitGroup          // requests in hand and connections

	mu      sync.Mutex
	closed  bool
	open    int           // connections open or being made
	serving chan struct{} // closed when Serve has returned; nil before it
}

// Open makes the door for a plugin to which rules were granted. On systems that
// cannot pass sockets between processes it fails with errors.ErrUnsupported.
func Open(rules []network.Rule, o Options) (*Door, error) {
	if len(rules) > MaxRules {
		return nil, fmt.Errorf("network: %d grants, more than %d for one plugin", len(rules), MaxRules)
	}
	d := &Door{options: o.withDefaults(), usage: map[network.Rule]*usage{}}
	for _, r := range rules {
		if err := d.admit(r); err != nil {
			return nil, err
		}
	}
	var err error
	if d.conn, d.child, err = doorPair(); err != nil {
		return nil, fmt.Errorf("network grants are not available on this system: %w", err)
	}
	d.alive, d.end = context.WithCancelCause(context.Background())
	return d, nil
}

// admit adds a rule in its single form, for a caller may have written it by hand.
func (d *Door) admit(r network.Rule) error {
	rule, err := network.NewRule(r.Host, r.Port)
	if err != nil {
		return err
	}
	if d.usage[rule] == nil {
		d.usage[rule] = &usage{}
		d.order = append(d.order, rule)
	}
	return nil
}

// Child is the plugin's end, for the plugin to inherit under the number that the
// variable EnvFD tells. Call [Door.Started] when the plugin has it.
func (d *Door) Child() *os.File { return d.child }

// Started closes the host's copy of the plugin's end. As long as it is open, the
// end of the plugin does not end Serve.
func (d *Door) Started() { _ = d.child.Close() }

// Close ends the door and all its connections, and returns when nothing of them
// is left. It may be called at any time and more than once.
func (d *Door) Close() error {
	d.shut()
	d.mu.Lock()
	serving := d.serving
	d.mu.Unlock()
	if serving != nil {
		<-serving
	}
	return nil
}

// shut is Close for Serve itself.
func (d *Door) shut() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.end(net.ErrClosed)
	_ = d.conn.Close()
	_ = d.child.Close()
	d.work.Wait()
}

// serve marks the beginning of Serve. It returns what marks its end.
func (d *Door) serve() (func(), error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.serving != nil:
		return nil, errors.New("network: this door is served already")
	case d.closed:
		return nil, errors.New("network: this door is closed")
	}
	serving := make(chan struct{})
	d.serving = serving
	return func() { close(serving) }, nil
}

// begin reserves one of the door's connections.
func (d *Door) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.open >= d.options.MaxConnections {
		return false
	}
	d.open++
	d.work.Add(1)
	return true
}

// finish gives the reservation back.
func (d *Door) finish() {
	d.mu.Lock()
	d.open--
	d.mu.Unlock()
	d.work.Done()
}
