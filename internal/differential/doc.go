// SPDX-License-Identifier: Apache-2.0

// Package differential holds what bulkhead doctor says without starting Python
// against what Python says when it is started. It has tests only.
//
// A scenario stages a real environment: `python -m venv`, wheels of PyPI, and
// wheels that the test writes itself, with libraries compiled from a few lines
// of C. It is examined twice, healthy and then broken by one change:
//
//   - Healthy: the witness sees no fault, and the doctor, the real program with
//     its sandboxed plugins, has no finding beyond those that an empty
//     environment on this machine has. At level 2 the probe imports the module.
//   - Broken: the witness, most often a fresh process that imports the module,
//     fails with a text that matches the scenario's pattern. Whatever library,
//     symbol, version, package or path the pattern captures in that text stands
//     in one finding of the scenario's code, too: names are taken from reality,
//     never from the test. Other findings are false alarms, unless the scenario
//     lists them as consequences, and a report opens with a code that it lists
//     as the cause.
//   - At level 2 the probe's error has the same names, no probe contradicts a
//     check (bulkhead.probe-disagrees), and no import fails that no check
//     foretold (probe.import-failed).
//
// The tests take minutes, a C compiler and PyPI: they run when the variable
// BULKHEAD_LONG_TESTS is set. BULKHEAD_TEST_BIN names a directory that `make
// build` filled; without it they build the programs themselves. Scenarios that
// need a wheel are skipped where PyPI cannot be reached or has none for this
// Python, those that need a compiler or Python's headers where there are none.
package differential
