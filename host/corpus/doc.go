// SPDX-License-Identifier: Apache-2.0

// Package corpus scores doctors of ML environments on machines whose state is
// known: broken ones, of which every fault must be named, and healthy or merely
// unusual ones, of which nothing bad may be said.
//
// A corpus is a directory of archives NAME.txtar. Package
// internal/machinetree says how an archive becomes the files of a machine; what
// is known about the machine stands in the archive's file expect.json:
//
//	{
//	  "scenarios": [45],
//	  "distribution": "ubuntu-22.04",
//	  "findings": [
//	    {"code": "python.ld-library-path-hijack", "severity": "error",
//	     "subject": "/home/ada/*", "words": ["libnvJitLink.so.12", "LD_LIBRARY_PATH"]}
//	  ],
//	  "root_cause": "python.ld-library-path-hijack",
//	  "allow": ["python.undefined-symbol"],
//	  "flags": ["--python", "/opt/env"]
//	}
//
// A machine with "healthy": true has no root cause, and its findings, if any,
// are of severity info or unknown. Every finding has words that a right
// diagnosis must contain in its text, in any case; any lists alternatives of
// which one is enough. Allow names codes ("group.*" for a group) that may be
// said besides. Flags are for the bundled tool.
//
// # How a tool is judged
//
// Each machine is unpacked into a directory of its own, and the tool is run
// with a time limit. A tool that prints a JSON document with "findings" is
// judged by what that says: an expected finding counts when one of its code,
// severity, subject and words is there. Findings of severity error and warning
// that are neither expected nor allowed are false alarms, on every machine. The
// root cause is first when the first of "root_causes", or without these the
// first finding, has its code.
//
// Any other output is text. An expected finding counts when the text contains
// its code or its words. The root cause is first when no other expected finding
// is named on an earlier line. On a healthy machine it is one false alarm when
// the tool exits with another code than 0 or its text has one of the words error,
// warning, critical, fatal, failed, failure or broken (as words, in any case,
// also in the plural; not after "no", "0", "without" or "zero").
//
// A tool that does not start, ends by a signal or takes longer than the limit
// said nothing: what was expected is missed, and on a healthy machine it is a
// false alarm, since its user is told that something is wrong.
//
// # The score
//
// Recall is the part of the expected findings that were named, false alarms are
// a number, and root cause first is the part of the machines with a root cause on
// which it came first. A part of nothing is 1.
package corpus
