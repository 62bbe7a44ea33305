// SPDX-License-Identifier: Apache-2.0

// Package handshake holds the constants that a host and a plugin must share
// before they can talk: who may start whom, and under which environment.
//
// The magic cookie is no secret and no wall. It lets a plugin that was started
// by hand explain itself instead of waiting for a host.
package handshake

const (
	// ProtocolVersion is the major of bulkhead.plugin.v1. A host serves this
	// major and, once there is one, the major before it.
	ProtocolVersion = 1
	// MagicCookieKey and MagicCookieValue are set in every plugin's environment.
	MagicCookieKey   = "BULKHEAD_PLUGIN"
	MagicCookieValue = "v1.6f3c1e"
	// EnvTargetRoot names the variable that holds the prefix of the diagnosed
	// machine's paths: a collector reads $BULKHEAD_TARGET_ROOT/etc/os-release.
	// It is "/target" in a sandbox with a root of its own, and the plain root of
	// the machine (or the --root directory) at the levels without one.
	EnvTargetRoot = "BULKHEAD_TARGET_ROOT"
	// EnvTraced names the variable that is set, to "1", while the host looks which
	// files the plugin asks for, to learn the grants that it needs. The SDKs then name
	// each path to its end, also below a directory that they do not find.
	EnvTraced = "BULKHEAD_TRACED"
)
