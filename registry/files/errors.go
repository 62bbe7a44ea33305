// SPDX-License-Identifier: Apache-2.0

package files

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// TooLargeError: a source has, or sends, more than it may. What there is of the
// file was not kept.
type TooLargeError struct {
	Source, Name string
	Limit        int64 // bytes
	Got          int64 // bytes that the source says it has, or -1: it went on beyond the limit
}

// Error says what happened, where, and what to do about it.
func (e *TooLargeError) Error() string {
	got := "more"
	if e.Got >= 0 {
		got = fmt.Sprintf("%d bytes", e.Got)
	}
	return fmt.Sprintf("%s of %s should have at most %d bytes, and the source has %s; the source is broken or hostile: try another mirror", e.Name, e.Source, e.Limit, got)
}

// SizeError: a source has less of a file than it should.
type SizeError struct {
	Source, Name string
	Want, Got    int64 // bytes
}

// Error says what happened, where, and what to do about it.
func (e *SizeError) Error() string {
	return fmt.Sprintf("%s of %s should have %d bytes, and the source has %d; the mirror is incomplete, or it is another file: try another mirror", e.Name, e.Source, e.Want, e.Got)
}

// DigestError: a file is not the one that was asked for. It was not kept.
type DigestError struct {
	Source, Name string
	Want, Got    string // SHA-256 in hexadecimal digits
}

// Error says what happened, where, and what to do about it.
func (e *DigestError) Error() string {
	return fmt.Sprintf("%s of %s has SHA-256 %s and should have %s; it is another file than the one that was signed: try another mirror", e.Name, e.Source, e.Got, e.Want)
}

// SlowError: a source sends so little that waiting for it would let it keep the
// host from ever being up to date. A download goes on where it was the next time.
type SlowError struct {
	Source, Name string
	Bytes        int64         // that came in the window
	Window       time.Duration // the time they took
	MinRate      int64         // bytes per second that should have come
}

// Error says what happened, where, and what to do about it.
func (e *SlowError) Error() string {
	return fmt.Sprintf("%s of %s: %d bytes came in %s, and at least %d per second should; try again later, or use another mirror", e.Name, e.Source, e.Bytes, e.Window, e.MinRate)
}

// StatusError: a server answered a request with a status that is no success.
type StatusError struct {
	URL    string // without user and query
	Status int    // of HTTP
	// After is how long the server asks to wait; 0 when it does not say.
	After time.Duration
}

// Error says what happened, where, and what to do about it.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the server answered %d %s; %s", e.URL, e.Status, http.StatusText(e.Status), e.remedy())
}

// Unwrap is ErrNotExist for 404 and 410.
func (e *StatusError) Unwrap() error {
	if e.Status == http.StatusNotFound || e.Status == http.StatusGone {
		return ErrNotExist
	}
	return nil
}

func (e *StatusError) remedy() string {
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "check the credentials of this registry in the configuration, or for oci:// those of docker login"
	case e.Status == http.StatusProxyAuthRequired:
		return "the proxy of HTTPS_PROXY wants credentials"
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		return "check the address of the registry, and whether its mirror is complete"
	case e.After > 0:
		return fmt.Sprintf("try again in %s", e.After)
	case e.temporary():
		return "try again later"
	case e.Status >= 300 && e.Status < 400:
		return "the redirect was not followed: set the address that it leads to"
	case e.Status == http.StatusBadRequest && strings.HasPrefix(e.URL, "http://"):
		return "check the address of the registry; if it speaks TLS, use https://, or for oci:// on this machine give its certificate as the CA file"
	}
	return "check the address of the registry"
}

// temporary reports whether the same request may do better later.
func (e *StatusError) temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.Status >= 500
}
