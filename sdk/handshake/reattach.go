// SPDX-License-Identifier: Apache-2.0

package handshake

// EnvDebug is the variable that makes a plugin which is started by hand, in a
// debugger, serve on a socket of its own and print where: "1".
const EnvDebug = "BULKHEAD_PLUGIN_DEBUG"

// EnvReattach is the variable by which a host uses processes that were started by
// hand in place of plugins: a JSON object of Reattach by the plugins' names.
const EnvReattach = "BULKHEAD_REATTACH_PLUGINS"

// Reattach says where a plugin serves that was started by hand.
type Reattach struct {
	Protocol int    `json:"protocol"` // protocol major
	Network  string `json:"network"`  // "unix"
	Address  string `json:"address"`  // absolute path of the socket, in a directory of the user's alone
	PID      int    `json:"pid"`
}
