// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net/http"
	"time"
)

// chunk is how many bytes a client may take the time of a stall for.
const chunk = 64 << 10

// writer counts what is sent and gives each part of it a time to arrive.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	status  int
	bytes   int64
}

// WriteHeader notes the status.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends with a deadline.
func (w *writer) Write(p []byte) (n int, err error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	for len(p) > 0 && err == nil {
		// A writer without deadlines is that of a test or of another server's.
		_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
		var m int
		m, err = w.ResponseWriter.Write(p[:min(len(p), chunk)])
		n, p = n+m, p[m:]
	}
	w.bytes += int64(n)
	return n, err
}
