// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"time"
)

// patience is how long work may take before the user is told what it is.
const patience = 2 * time.Second

// slowly tells on one line of standard error what is going on, when it takes
// longer than the user's patience, until the function that it returns is called.
func (a *app) slowly(what string) (done func()) {
	if !a.interactive() {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		begin, shown := time.Now(), false
		tick := time.NewTicker(patience)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				if shown {
					fmt.Fprint(a.stderr, "\r\x1b[K")
				}
				return
			case <-tick.C:
				shown = true
				fmt.Fprintf(a.stderr, "\r\x1b[K%.78s", fmt.Sprintf("%s, %v so far; Ctrl-C stops", what, time.Since(begin).Round(time.Second)))
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
