// SPDX-License-Identifier: Apache-2.0

// Package serve is a web server for the directory of a registry. Any other static
// server does as well; this one has its bounds set for it.
//
// # What it serves
//
// GET and HEAD of the regular files below metadata/, targets/ and log/ whose names
// are canonical (files.CheckName), and /healthz, which is 200 when there is a
// metadata/timestamp.json and 503 otherwise. Nothing else: no list of a directory,
// no hidden file, lock or file that is being written, nothing that a link outside
// of the directory would lead to, nothing beside the three directories. The
// directory is opened for each request, so that it may be replaced whole.
//
// # Headers
//
// A file with its SHA-256 before its name has that as its strong ETag, so a broken
// download can be gone on with (Range, If-Range). The ETag of another is weak and
// made of its size and time: it saves a transfer (If-None-Match), and a range after
// If-Range is answered with the whole file. One range is served; several in one
// request are answered with the whole file. Files whose names say that they never
// change (files.Immutable) may be cached for a year, others are "no-cache": asked
// for again each time.
//
// # Bounds
//
// Each client address (IPv6: each /64) has so many requests per second and so many
// at once; more are 429 with Retry-After. It may have twice as many connections as
// requests at once; further ones are closed. The server forgets the addresses that it
// has not heard of for the longest time when there are more than 8,192. Behind a
// proxy all clients have the proxy's address: set the limits there and Rate to a
// negative number here. There are bounds on connections, on the bytes of headers
// and on the time a client may take to send them; a client that takes 30 s to read
// 64 KiB is cut off. A request with a body is refused.
//
// # TLS
//
// 1.2 and later. The files of certificate and key are read again when one of them
// changes; while the new ones are no pair, the old ones stay.
package serve

import "time"

// Options of a server. The zero value serves in clear text with the limits that
// are named here.
type Options struct {
	// CertFile and KeyFile in PEM; both or none.
	CertFile, KeyFile string
	// Rate is the requests per second of a client address; 0 is 50, a negative
	// number no limit. Burst is how many may come together; 0 is 200.
	Rate  float64
	Burst int
	// Together is how many requests of an address are served at once; 0 is 32.
	Together int
	// Connections at once, of all clients; 0 is 1,024.
	Connections int
	// Stall is how long a client may take to read 64 KiB; 0 is 30 s.
	Stall time.Duration
	// Log is called at the end of each request, from several goroutines.
	Log func(Access)
	// Problem is told of what no client sees: failed handshakes, certificates that
	// cannot be read.
	Problem func(string)
}

// Access is one request that was answered.
type Access struct {
	Time     time.Time
	Client   string // IP address
	Method   string
	Path     string // as it was asked for, at most 1,024 bytes
	Range    string // as it was asked for, at most 64 bytes
	Status   int
	Bytes    int64 // of the body that were sent
	Duration time.Duration
}

func (o Options) withDefaults() Options {
	if o.Rate == 0 {
		o.Rate = 50
	}
	o.Burst = orElse(o.Burst, 200)
	o.Together = orElse(o.Together, 32)
	o.Connections = orElse(o.Connections, 1024)
	o.Stall = orElse(o.Stall, 30*time.Second)
	if o.Log == nil {
		o.Log = func(Access) {}
	}
	if o.Problem == nil {
		o.Problem = func(string) {}
	}
	return o
}

// each is how many connections an address may have: one for each request that it
// may make at once, and as many that are idle. 0 is any number.
func (o Options) each() int {
	if o.Rate < 0 {
		return 0
	}
	return 2 * o.Together
}

func orElse[T int | time.Duration](given, fallback T) T {
	if given > 0 {
		return given
	}
	return fallback
}
