// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network_test

import (
	"os/exec"
	"strings"
	"testing"
)

// script speaks the protocol as its specification says, without any SDK.
const script = `
import json, os, socket, struct
door = socket.socket(fileno=int(os.environ["BULKHEAD_NETWORK_FD"]))
framed = door.type == socket.SOCK_STREAM

def dial(id, host, port):
    host = host.encode()
    message = struct.pack(">BBIHB", 1, 1, id, port, len(host)) + host
    door.sendall(struct.pack(">H", len(message)) + message if framed else message)
    reply, fds, flags, _ = socket.recv_fds(door, 1024, 1)
    if framed:
        reply = reply[2:]
    version, status, got, n = struct.unpack(">BBIH", reply[:8])
    assert (version, got, n) == (1, id, len(reply) - 8), reply
    return status, reply[8:].decode(), [socket.socket(fileno=fd) for fd in fds]

saw = {}
status, text, (conn,) = dial(7, "example.com", 443)
conn.sendall(b"hello")
conn.shutdown(socket.SHUT_WR)
parts = []
while part := conn.recv(100):
    parts.append(part)
saw["granted"] = "%d %s %s" % (status, text, b"".join(parts).decode())
saw["not granted"] = "%d %s %s" % dial(8, "evil.example", 443)
print(json.dumps(saw))
`

func TestPythonSpeaksTheProtocol(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	if exec.Command(python, "-c", "import socket; socket.recv_fds").Run() != nil {
		t.Skip("this python3 is older than 3.9")
	}
	leakFree(t)
	d := openFor(t, map[string][]string{"example.com.": {public}}, map[string]string{public + ":443": echo(t)}, "example.com:443")
	saw := watch(t, d, exec.Command(python, "-I", "-c", script))
	if saw["granted"] != "0  hello" || !strings.HasPrefix(saw["not granted"], "1 no grant names") {
		t.Errorf("Python saw %q", saw)
	}
}
