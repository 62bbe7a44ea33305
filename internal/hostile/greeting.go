// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// foreignSocket is a socket of the machine that a host must never speak to.
const foreignSocket = "/var/tmp/bulkhead-hostile.sock"

func socketDir() string { return os.Getenv("PLUGIN_UNIX_SOCKET_DIR") }

// greetings are first lines of output that a host must refuse. %s is the
// directory of the socket.
var greetings = map[string]string{
	"garbage":        "Hello, I am a plugin\x1b[2J%.0s",
	"wrong-version":  "1|99|unix|%s/x|grpc",
	"wrong-core":     "2|1|unix|%s/x|grpc",
	"net-rpc":        "1|1|unix|%s/x|netrpc",
	"tcp-address":    "1|1|tcp|127.0.0.1:22|grpc%.0s",
	"foreign-socket": "1|1|unix|" + foreignSocket + "|grpc%.0s",
	"symlink-socket": "1|1|unix|%s/link|grpc",
	"traversal":      "1|1|unix|%s/../x|grpc",
	"dead-socket":    "1|1|unix|%s/s|grpc",
	"deaf-socket":    "1|1|unix|%s/s|grpc",
	"mute-socket":    "1|1|unix|%s/s|grpc",
	"certificate":    "1|1|unix|%s/s|grpc|" + certificate(),
}

// greet makes the first line of output a lie, and never returns when it does.
func greet(kind string) {
	switch kind {
	case "endless-line":
		for block := []byte(strings.Repeat("1|1|unix|", 1000)); ; {
			_, _ = os.Stdout.Write(block)
		}
	case "no-newline":
		fmt.Printf("1|1|unix|%s/x|grpc", socketDir())
		time.Sleep(patience)
	case "line-then-exit":
		listen()
		hello()
		os.Exit(0)
	}
	if line, ok := greetings[kind]; ok {
		prepare(kind)
		fmt.Printf(line+"\n", socketDir())
		time.Sleep(patience)
	}
}

// prepare makes the socket that a line names.
func prepare(kind string) {
	switch kind {
	case "symlink-socket":
		_ = os.Symlink(foreignSocket, filepath.Join(socketDir(), "link"))
	case "dead-socket":
		l := listen()
		l.SetUnlinkOnClose(false)
		_ = l.Close()
	case "deaf-socket":
		listen()
	case "mute-socket", "certificate":
		go accept(listen(), func(net.Conn) {})
	}
}

// listen is where the host expects the plugin.
func listen() *net.UnixListener {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(socketDir(), "s")})
	if err != nil {
		fmt.Fprintln(os.Stderr, "listen:", err)
		os.Exit(9)
	}
	return l
}

// hello is a handshake as it should be.
func hello() { fmt.Printf("1|1|unix|%s/s|grpc\n", socketDir()) }

func accept(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go serve(c)
	}
}

// certificate is a valid one, as the sixth field has it: reading it crashes a
// host that leaves the line to go-plugin.
func certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ""
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return ""
	}
	return base64.RawStdEncoding.EncodeToString(der)
}
