// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// ProtocolError means that a plugin broke the protocol. Its door is closed; the
// plugin itself goes on without network.
type ProtocolError struct {
	Err error // door.ErrMalformed, door.ErrDescriptors or ErrUnread
}

// Error tells what the plugin did.
func (e *ProtocolError) Error() string {
	return "the plugin broke the protocol of its network door, which was closed: " + e.Err.Error()
}

// Unwrap returns what the plugin did.
func (e *ProtocolError) Unwrap() error { return e.Err }

// ErrUnread means that a plugin asked and did not read the replies.
var ErrUnread = errors.New("replies are not read")

// Serve answers the plugin's requests, once for a door. It returns nil when the
// plugin has closed its end or Close was called, ctx's error when ctx ended, and a
// *ProtocolError for a plugin that broke the protocol. All connections have ended
// when it returns.
func (d *Door) Serve(ctx context.Context) error {
	served, err := d.serve()
	if err != nil {
		return err
	}
	defer served()
	defer d.shut()
	// The only way to end a read is to close the door.
	defer context.AfterFunc(ctx, func() { d.fail(context.Cause(ctx)) })()
	if err := d.answer(); err != nil {
		d.fail(err)
	}
	return d.verdict(ctx)
}

// fail ends the door for a reason; the first one counts.
func (d *Door) fail(err error) {
	d.end(err)
	_ = d.conn.Close()
}

// verdict tells why the door has ended.
func (d *Door) verdict(ctx context.Context) error {
	cause := context.Cause(d.alive)
	switch {
	case cause == nil || errors.Is(cause, net.ErrClosed):
		return nil
	case ctx.Err() != nil && errors.Is(cause, context.Cause(ctx)):
		return cause
	}
	d.deny("", 0, cause.Error())
	return &ProtocolError{cause}
}

// answer reads requests until the door ends.
func (d *Door) answer() error {
	pace := newPace(d.options.DialsPerSecond, float64(d.options.MaxConnections))
	buf := make([]byte, door.MaxMessage)
	for {
		if err := pace.wait(d.alive); err != nil {
			return nil
		}
		n, err := d.conn.Read(buf)
		if err != nil {
			return broken(err)
		}
		if err := d.handle(buf[:n]); err != nil {
			return err
		}
	}
}

// broken keeps those errors of a read for which the plugin is to blame.
func broken(err error) error {
	if errors.Is(err, door.ErrMalformed) || errors.Is(err, door.ErrDescriptors) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil
}

// handle answers one message, or begins to.
func (d *Door) handle(message []byte) error {
	request, err := door.ParseRequest(message)
	switch {
	case errors.Is(err, door.ErrUnsupported):
		return d.refuse(request, door.Unsupported, err.Error())
	case err != nil:
		return err
	}
	rule, err := network.NewRule(request.Host, request.Port)
	if err != nil {
		return d.refuse(request, door.NotGranted, reasonOf(err))
	}
	if d.options.Asked != nil {
		d.options.Asked(rule.String())
	}
	used := d.usage[rule]
	if used == nil {
		return d.refuse(request, door.NotGranted, "no grant names this host and port")
	}
	if !d.begin() {
		return d.refuse(request, door.Busy, fmt.Sprintf("%d connections are open; close one first", d.options.MaxConnections))
	}
	go func() {
		defer d.finish()
		d.connect(request.ID, rule, used)
	}()
	return nil
}

// reasonOf leaves out the host, which stands beside the reason.
func reasonOf(err error) string {
	if wrong, ok := errors.AsType[*network.RuleError](err); ok {
		return wrong.Reason
	}
	return err.Error()
}

// refuse counts a denial and says so.
func (d *Door) refuse(r door.Request, status door.Status, reason string) error {
	d.deny(shown(r), status, reason)
	return d.reply(door.Reply{ID: r.ID, Status: status, Text: reason}, nil)
}

// shown is what a request asked for, in its single form if it has one. Other
// bytes are the plugin's and appear quoted.
func shown(r door.Request) string {
	if r.Host == "" {
		return ""
	}
	if rule, err := network.NewRule(r.Host, r.Port); err == nil {
		return rule.String()
	}
	return strconv.QuoteToASCII(r.Host) + ":" + strconv.Itoa(int(r.Port))
}

// reply sends one reply, within the time that a plugin may take to read. The
// door ends when the plugin does not.
func (d *Door) reply(r door.Reply, file *os.File) error {
	ctx, cancel := context.WithTimeoutCause(d.alive, d.options.ReplyTimeout, ErrUnread)
	defer cancel()
	if err := d.conn.Write(ctx, r.Append(nil), file); errors.Is(err, ErrUnread) {
		return fmt.Errorf("%w for %v", ErrUnread, d.options.ReplyTimeout)
	}
	return nil // other errors mean that the plugin is gone, as the next read will tell
}

// connect makes one connection and passes its bytes until it ends.
func (d *Door) connect(id uint32, rule network.Rule, used *usage) {
	remote, refused := d.reach(rule)
	if refused != nil {
		if refused.status == door.Forbidden {
			d.deny(rule.String(), refused.status, refused.reason)
		}
		d.closeUnread(d.reply(door.Reply{ID: id, Status: refused.status, Text: refused.reason}, nil))
		return
	}
	plugin, err := d.handOver(id)
	if err != nil {
		_ = remote.Close()
		d.closeUnread(err)
		return
	}
	used.dials.Add(1)
	d.options.Log("network connection", "destination", rule.String(), "address", remote.RemoteAddr().String())
	relay := relay{plugin: plugin, remote: remote, used: used, idle: d.options.IdleTimeout}
	relay.run(d.alive)
}

// handOver gives the plugin its end of a new pair and returns the other.
func (d *Door) handOver(id uint32) (*net.UnixConn, error) {
	ours, theirs, err := streamPair()
	if err != nil {
		reason := "the host has no descriptors left for another connection"
		return nil, errors.Join(err, d.reply(door.Reply{ID: id, Status: door.Busy, Text: reason}, nil))
	}
	defer theirs.Close()
	if err := d.reply(door.Reply{ID: id, Status: door.Connected}, theirs); err != nil {
		_ = ours.Close()
		return nil, err
	}
	return ours, nil
}

// closeUnread ends the door of a plugin that does not read.
func (d *Door) closeUnread(err error) {
	if errors.Is(err, ErrUnread) {
		d.fail(err)
	}
}
