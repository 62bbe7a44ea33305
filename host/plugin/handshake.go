// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// maxHandshake is the longest handshake line, in bytes.
const maxHandshake = 8 << 10

// hostHandshake is go-plugin's form of the constants that host and plugin share.
var hostHandshake = goplugin.HandshakeConfig{
	ProtocolVersion:  handshake.ProtocolVersion,
	MagicCookieKey:   handshake.MagicCookieKey,
	MagicCookieValue: handshake.MagicCookieValue,
}

// greeting is a checked handshake line.
type greeting struct {
	major   int
	network string
	address string
}

// The ports on which a plugin may listen where it cannot use a socket in a
// directory. They are go-plugin's own.
const firstPort, lastPort = 10000, 25000

// invitation is what go-plugin's host tells a plugin in its environment.
func invitation(majors []int) []string {
	texts := make([]string, len(majors))
	for i, m := range majors {
		texts[i] = strconv.Itoa(m)
	}
	return []string{
		handshake.MagicCookieKey + "=" + handshake.MagicCookieValue,
		fmt.Sprintf("PLUGIN_MIN_PORT=%d", firstPort), fmt.Sprintf("PLUGIN_MAX_PORT=%d", lastPort),
		"PLUGIN_PROTOCOL_VERSIONS=" + strings.Join(texts, ","),
	}
}

// readGreeting reads and checks the first line of a plugin's output. The host
// speaks the majors given, newest first.
func readGreeting(r io.Reader, majors []int) (greeting, error) {
	line, err := bufio.NewReaderSize(r, maxHandshake).ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return greeting{}, &HandshakeError{TooLong, fmt.Sprintf("the first line of output is longer than %d bytes", maxHandshake)}
	case len(line) == 0:
		return greeting{}, &HandshakeError{Silent, "the plugin closed its output without the handshake line"}
	}
	return parseGreeting(string(line), majors)
}

// parseGreeting checks one line. Only fields of printable ASCII are accepted.
func parseGreeting(line string, majors []int) (greeting, error) {
	line = strings.TrimRight(line, "\r\n")
	fields := strings.Split(line, "|")
	if len(fields) < 5 || !printable(line) {
		return greeting{}, &HandshakeError{Garbage, fmt.Sprintf("the first line of output is %q; "+
			"a plugin must print nothing before sdk/plugin.Serve", clip(line, 120))}
	}
	if fields[0] != strconv.Itoa(goplugin.CoreProtocolVersion) {
		return greeting{}, &HandshakeError{CoreVersion, fmt.Sprintf("go-plugin core protocol %s, the host speaks %d; build the plugin with a current SDK", fields[0], goplugin.CoreProtocolVersion)}
	}
	major, err := strconv.Atoi(fields[1])
	if err != nil || !slices.Contains(majors, major) {
		return greeting{}, &HandshakeError{Version, versionDetail(fields[1], major, majors)}
	}
	if fields[4] != string(goplugin.ProtocolGRPC) {
		return greeting{}, &HandshakeError{NotGRPC, fmt.Sprintf("the plugin serves %q, the host speaks only %q", fields[4], goplugin.ProtocolGRPC)}
	}
	if len(fields) > 5 && fields[5] != "" {
		return greeting{}, &HandshakeError{Certificate, "the plugin sent a certificate, but TLS was not asked for"}
	}
	return greeting{major, fields[2], fields[3]}, nil
}

// versionDetail says who is behind, and so what to change.
func versionDetail(spoken string, major int, majors []int) string {
	texts := make([]string, len(majors))
	for i, m := range majors {
		texts[i] = strconv.Itoa(m)
	}
	text := fmt.Sprintf("the plugin speaks protocol %s, the host %s", spoken, strings.Join(texts, " and "))
	switch {
	case major > majors[0]:
		return text + "; upgrade bulkhead, or install an older version of the plugin"
	case major > 0:
		return text + "; install a newer version of the plugin"
	}
	return text + "; install a version of the plugin for this host"
}

// printable reports whether a line is plain ASCII without control characters.
func printable(line string) bool {
	for _, b := range []byte(line) {
		if b < 0x20 || b > 0x7e {
			return false
		}
	}
	return true
}
