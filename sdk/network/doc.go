// SPDX-License-Identifier: Apache-2.0

// Package network connects a plugin to the places on the network that the user
// granted to it.
//
// A plugin runs without any network. A grant of kind "net" names one host and one
// TCP port, "example.com:443", and nothing else is reached by it: no other port,
// no other name, no subdomain. Use [Client] for HTTP,
//
//	response, err := network.Client().Get("https://example.com/models")
//
// and [Dial] or [DialContext] for the rest. The host resolves names, so a plugin
// needs no DNS, and connects; the plugin gets a local socket with the bytes of
// the connection. TLS is the plugin's own: the host sees what is encrypted only
// as it stands on the wire.
//
// Redirects lead to names of their own. A request that ends at a name which was
// not granted fails with [NotGrantedError], whose text is the grant to ask for.
//
// Outside a sandbox nothing is dialled: without the host's door every call fails
// with [ErrNoDoor]. A plugin that reached the network in its author's tests only
// would be worse than one that says so at once.
//
// # What a grant does not do
//
// A grant opens a TCP connection to an address of the name. What serves that
// address may serve other names too, as the front ends of large providers do,
// and the name in TLS or HTTP is the plugin's to choose. Grant such names only to
// plugins that may talk to everything behind them.
package network
