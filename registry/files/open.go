// SPDX-License-Identifier: Apache-2.0

package files

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Options of OpenSource and OpenStore. The zero value is right for most.
type Options struct {
	// Insecure allows http:// to another machine than this one.
	Insecure bool
	// CAFile has certificates in PEM that are trusted besides the system's.
	CAFile string
	// User and Password are sent to the address's own host (Basic).
	User, Password string
	// Token is sent to the address's own host (Bearer), instead of User.
	Token string
	// Agent is the User-Agent of requests; "" is "bulkhead".
	Agent string
	// Attempts is how often a request is tried in all; 0 is 4.
	Attempts int
	// Pause is the first one between two attempts; 0 is 250 ms.
	Pause time.Duration
	// LockDir is where the locks of stores are that are no directory; "" is
	// "locks" in the user's state directory, or $BULKHEAD_LOCKS_DIR.
	LockDir string
	// Fail stands before the steps of Put in a directory, for tests.
	Fail durable.Fail
}

func (o Options) withDefaults() Options {
	if o.Attempts <= 0 {
		o.Attempts = defaultAttempts
	}
	if o.Pause <= 0 {
		o.Pause = defaultPause
	}
	if o.Agent == "" {
		o.Agent = "bulkhead"
	}
	return o
}

// String has no secrets, so that printing options by mistake tells none.
func (o Options) String() string {
	return fmt.Sprintf("files.Options{Insecure: %v, CAFile: %q, credentials: %v}", o.Insecure, o.CAFile, o.User != "" || o.Password != "" || o.Token != "")
}

// GoString has no secrets either.
func (o Options) GoString() string { return o.String() }

// AddressError refuses an address. It has nothing of the address that may be
// secret.
type AddressError struct {
	Address string // without user, query and fragment
	Reason  string
}

// Error says what happened, where, and what to do about it.
func (e *AddressError) Error() string {
	return fmt.Sprintf("%q cannot be the address of a registry: %s", e.Address, e.Reason)
}

// OpenSource opens a registry to read from it. A directory must be there; whether
// a server answers is seen when a file is opened.
func OpenSource(address string, o Options) (Source, error) {
	return open(address, o, false)
}

// OpenStore opens a registry to write to it, and makes the directory if there is
// none. A web server cannot be written to.
func OpenStore(address string, o Options) (Store, error) {
	src, err := open(address, o, true)
	if err != nil {
		return nil, err
	}
	if store, ok := src.(Store); ok {
		return store, nil
	}
	return nil, &AddressError{src.String(), "a web server cannot be written to; publish into the directory that it serves, or to oci://HOST/NAME"}
}

func open(address string, o Options, write bool) (Source, error) {
	scheme, _, found := strings.Cut(address, "://")
	if !found {
		return openDir(address, o, write)
	}
	u, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	switch scheme {
	case "file":
		return openFileURL(u, o, write)
	case "http", "https":
		return openHTTP(u, o)
	case "oci":
		return openOCI(u, o)
	}
	return nil, &AddressError{u.String(), "it begins with " + scheme + "://; a registry is at a path, file://, https:// or oci://"}
}

// parseAddress refuses all parts of a URL that may be secret or mean nothing.
func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, &AddressError{"", "it is no URL"} // the parser's error quotes it
	}
	extra := u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != ""
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment, u.Opaque = nil, "", false, "", "", ""
	if extra {
		return nil, &AddressError{u.String(), "it has a user, a password, a query or a fragment; give credentials in the configuration"}
	}
	return u, nil
}

// openFileURL opens the directory of a file URL (RFC 8089).
func openFileURL(u *url.URL, o Options, write bool) (Source, error) {
	if u.Host != "" && u.Host != "localhost" {
		return nil, &AddressError{u.String(), "a file URL has three slashes: file:///path"}
	}
	path := filepath.FromSlash(u.Path)
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, `\`) // \C:\registry
	}
	if !filepath.IsAbs(path) {
		return nil, &AddressError{u.String(), "the path of a file URL is absolute: file:///path"}
	}
	return openDir(path, o, write)
}

// loopback reports whether a host is this machine, whatever the network says.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
