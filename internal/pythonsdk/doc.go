// SPDX-License-Identifier: Apache-2.0

// Package pythonsdk holds the tests that bind the SDK for Python, in sdk/python, to
// the rest: one version, one wire, one handshake, and examples that keep the
// contract in a real sandbox. It has no code of its own.
//
// What needs no Python runs always: that the version, the cookie and the bounds are
// those of the Go SDK, that the generated messages are those of the .proto files, and
// that the examples are as short as promised.
//
// With a python3 that has grpcio and pyarrow the SDK's own tests run, too; the
// variable BULKHEAD_TEST_VENV names a virtual environment to take instead of the one
// on the path. With BULKHEAD_LONG_TESTS a fresh environment is made from PyPI: the
// SDK is built as a wheel and a source distribution, installed from it, and its
// examples run under the host: described, tested, in pipelines and by the doctor.
package pythonsdk
