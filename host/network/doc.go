// SPDX-License-Identifier: Apache-2.0

// Package network lends a plugin connections to the places on the network that
// its user granted, and to nothing else.
//
// The plugin has no network: no device in its network namespace, and a system
// call filter that knows no connect. It inherits the door, a local socket on which
// it asks for "HOST:PORT" (package sdk/network/door is the protocol). [Open] makes
// the door for a set of rules, [Door.Child] is the plugin's end, [Door.Serve]
// answers until the plugin or the context ends, [Door.Close] ends it and every
// connection made through it.
//
// # What a request goes through
//
//  1. The record must be well formed and carry no descriptors, else the door
//     closes for good. Requests are read at [Options.DialsPerSecond]; a plugin
//     that sends more waits, and the host spends no time on it.
//  2. Host and port are brought into the single form of network.Rule and must
//     equal a rule. A name that was not granted is never resolved, so nothing can
//     be told to the world by asking for names.
//  3. A place among [Options.MaxConnections] must be free, else the answer is Busy.
//  4. A name is resolved, once, by the host. Names with a dot are taken as
//     complete: no search domain is tried. Answers that no grant opens
//     (network.NeverGranted: link-local with its metadata services, multicast,
//     unspecified and so on) are dropped, and so are loopback and private
//     addresses (network.Private), so that a name's owner cannot point it into
//     the machine or the intranet, now or by changing it later. The name
//     "localhost" leads to the loopback addresses without being resolved; a literal
//     address is its own answer; [Options.PrivateAnswers] admits private answers
//     where an operator wants names of an intranet.
//  5. One checked address after the other is dialled, as an address, within
//     [Options.DialTimeout] in all.
//  6. The plugin gets one end of a fresh pair of local sockets. The host passes
//     bytes between its other end and the TCP connection, and passes on the end of
//     either direction, until both ended, either side broke, or nothing moved
//     for [Options.IdleTimeout]. The plugin never holds a socket of the host's
//     network: see the reasons in package door.
//
// # What it costs
//
// For each open connection: two descriptors, three goroutines, two buffers of 32
// KiB. Bytes pass through those buffers and not through splice(2), which
// neither counts bytes as they pass nor shows that a connection is idle, and which
// saves nothing that a network would let one notice.
//
// # What it does not do
//
// It does not look into the bytes: TLS is between the plugin and the far end, and
// a front end that serves many names serves them all to whoever reaches it. It
// knows no proxies: the host must be able to connect by itself.
//
// Windows has no way to hand a socket over as this needs: [Open] fails there.
package network
