// SPDX-License-Identifier: Apache-2.0

// Package selftest attacks the sandbox of this machine and says what held.
//
// Each attack of the catalogue (internal/attack) runs in a sandboxed process of
// its own: the host's own executable, started as an attacker. Before that the
// host puts up a scene to be attacked: a secret, files and directories that
// everybody may change, listening sockets, a victim process, shared memory.
//
// An attack is contained when it says that it did not get through, or when its
// process was ended, and when nothing in the scene shows the contrary: the host
// looks itself whether files changed, sockets were reached, the victim still
// lives and the process is gone. A process that does not end by itself is killed
// after [Patience]; that it could be killed within [KillTime] is the wall.
package selftest
