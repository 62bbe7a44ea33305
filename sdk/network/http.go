// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net/http"
	"sync"
	"time"
)

// Client returns an HTTP client that reaches the granted places. It uses no
// proxy, whatever the environment says, and checks certificates against the
// system's roots, which the host lends to every plugin with a network grant. It
// has no timeout of its own for a whole exchange: give requests a context. All
// clients share their connections.
func Client() *http.Client { return &http.Client{Transport: transport()} }

// transport keeps few connections open: the host bounds them for each plugin.
var transport = sync.OnceValue(func() *http.Transport {
	return &http.Transport{
		DialContext:           DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          8,
		MaxIdleConnsPerHost:   4,
		MaxConnsPerHost:       16,
		IdleConnTimeout:       60 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
})
