// SPDX-License-Identifier: Apache-2.0

// Package probe tries things out: the second level of a diagnosis. Where level 1
// reads files and concludes, a probe runs the thing itself, once, and tells what
// happened as facts below "probe", so that both can be held against each other.
//
//	probe.import[PREFIX/MODULE]  Import: import one framework
//	probe.tensor[PREFIX/MODULE]  Tensor: multiply two matrices with it
//	probe.driver                 Driver: initialise NVML and CUDA
//	probe.docker                 Docker: ask the engine for its version and info
//	probe.reach[NAME]            Reach: is a hub or a package index reachable
//	probe.cloud                  Cloud: ask the cloud's metadata service
//
// # How a probe runs
//
// Each probe is a fresh process in a sandbox of its own, with a deadline. An
// import sees the environment, the libraries of the machine, the project and the
// GPU, each for reading, the variables that frameworks look at, and a scratch; it
// has no network. It runs under the host's own uid, without capabilities: another
// uid would meet permissions that the user does not.
//
// What needs a connection gets it as an open descriptor: the host connects, to
// one place that stands in the plan, and a sandboxed copy of the host's own
// program (MaybeSpeak) speaks the protocol and parses what foreign servers say.
//
// Nothing is sent to the network without consent (Options.Network). The engine's
// socket is local, and is only read from: GET /version and GET /info.
package probe
