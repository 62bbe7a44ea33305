// SPDX-License-Identifier: Apache-2.0

// Package dockertest gives tests a Docker engine and programs in its containers.
// It is for tests only, and for Linux.
//
// [Engine] takes the engine that DOCKER_HOST names, if it answers. Otherwise it
// starts one for the test, which takes root, dockerd and half a second: with a
// data directory of its own and in a network namespace of its own, so that it
// touches neither another engine's containers nor the machine's network. What
// cannot be had skips the test, with the reason.
//
// [Import] makes an image of a few files, and [Run] runs a container of it the
// way a user does: with the docker command, and the engine's defaults where no
// options say otherwise. All of it is gone when the test ends.
package dockertest
