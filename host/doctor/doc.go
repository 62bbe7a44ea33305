// SPDX-License-Identifier: Apache-2.0

// Package doctor diagnoses a machine: collect facts, check them, find the root
// causes.
//
//	facts    := Collect(ctx, plugins, timeout)     // plugins observe
//	findings := Check(ctx, plugins, facts, which)  // plugins judge
//	report   := Assemble(...)                      // the host draws conclusions
//
// [Diagnose] does all three. A snapshot enters at [Judge].
//
// Plugins are launched by the caller and are not trusted. Whatever one of them
// does, the diagnosis goes on: a plugin that dies, hangs, or says what it did
// not announce costs its own answers and becomes a diagnostic that names it.
//
// # Facts
//
// All plugins collect at the same time, each with its own deadline. A fact
// stands when its address is well formed and was described by the plugin, its
// value is JSON, and it is within the limits of this package. When two plugins
// give one address with different values, the plugin that the caller named
// first is believed and the conflict is a diagnostic; the order of the list is
// therefore the order of trust, and the only order that matters.
//
// # Checks
//
// A code belongs to the first plugin that described it. A check that crashes
// is a finding with the code bulkhead.check-failed, of severity unknown: the
// fault that it looks for may be there or not. The checks of a plugin that
// dies are skipped with that reason. A finding stands when its code was
// described by the plugin and was not skipped by the user, and its parts are
// within the limits. A policy (Require) that fails is a finding
// require.NAME; one whose facts are missing is unknown, neither passed nor
// failed.
//
// A severity that the user sets for a code replaces error, warning and info.
// It never replaces unknown: nobody can decide what the tables do not know.
//
// # Root causes
//
// A finding says which findings it causes, by exact code or as "group.*".
// Finding A explains finding B when all of these hold:
//
//   - A names the code of B, and A is not B;
//   - they can be about one thing: the subjects are equal, or one has none and
//     so is about the machine; or one is the other "on" something else, as an
//     environment on a device; or the evidence of A has facts about the subject
//     of B, as a foreign library that an environment loads;
//   - A is at least as grave as B, in the order error, warning, unknown, info.
//     Otherwise an error would be folded away under a remark, and an exit code
//     of 2 would have no visible reason;
//   - A is at least as likely as not: its confidence is 0.5 or more. A guess
//     does not hide what was proved.
//
// Findings that explain each other in a circle form a knot. A knot that
// nothing outside explains is led by its best member (below), which then
// stands for it. So every finding has at least one leader, from which it is
// reached; and because gravity never rises along an explanation, the leader of
// an error is an error.
//
// The root causes are the leaders that are errors or warnings. They are ranked
// by gravity, then by the number of errors and warnings that they reach, then of
// all findings, then by confidence, then by code, subject and the rest of the text. Each other
// finding is folded under the first root cause, in that order, that reaches
// it. An info or unknown is never a root cause: it is folded, or stands alone
// below.
//
// # Waivers
//
// A waiver accepts the findings of some codes and subjects until a day. They
// stay in the report, last, and count for nothing: not for the exit code, an
// area's status or the summary, and they explain no finding that counts. From
// the day after, judged by the time at which the diagnosis began, they count
// again, and a diagnostic says so; for the two weeks before it is announced.
//
// # Probes
//
// Facts below "probe" tell what happened when a thing was tried; see
// Disagreements. What was observed goes before what was concluded.
//
// # What is launched
//
// A plugin with Start is launched when it is asked something that a cache does
// not know, see package factcache. The report says of each plugin that took part
// whether its facts are kept ones, and what stood around it when it gave them.
//
// # Purity
//
// The same facts, descriptions and selection give the same report, except for
// times and durations, in whatever order the plugins answer.
package doctor
