// SPDX-License-Identifier: Apache-2.0

package network_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/network"
)

// A plugin that has closed a connection waits for nothing more from it, even if
// the far end goes on in silence.
func TestAClosedConnectionIsGivenUpAtOnce(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443")
	given := make(chan time.Duration, 1)
	release := make(chan struct{})
	w.wires.set(public+":443", server(t, func(c *net.TCPConn) {
		_, _ = io.ReadAll(struct{ io.Reader }{c})
		began := time.Now()
		// The host has closed for good once what is sent to it is refused.
		for time.Since(began) < time.Minute {
			if _, err := c.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		given <- time.Since(began)
		<-release
	}))
	_ = w.mustDial("example.com", 443).Close()
	if took := <-given; took > 40*time.Second {
		t.Errorf("it was given up after %v", took)
	}
	close(release)
}
