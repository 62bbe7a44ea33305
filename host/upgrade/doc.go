// SPDX-License-Identifier: Apache-2.0

// Package upgrade changes the plugins of a scope in ten steps, of which all that
// can fail come before the one that counts:
//
//	plan           what changes, and why (package installer)
//	fetch          the archives are downloaded
//	verify         length, digest, signatures, inclusion in the log
//	unpack         into the store, beside what is there
//	smoke          the candidate starts in its sandbox without secrets and says
//	               what it is, several times
//	configuration  the user's configuration fits its settings, and the states that
//	               its predecessor made load in it
//	contract       it keeps the contract that every plugin keeps
//	replay         recorded runs are repeated with the old and the new version, and
//	               their outputs compared
//	switch         the lock file is replaced by one rename
//	canary         the next runs watch the new version; it is promoted, or the scope
//	               goes back by itself
//
// Every step tells Events. Until the switch nothing is changed that a run could
// see: a step that fails, and a host that dies, leave the old version; what was
// fetched stays in the store until it is collected. The switch is atomic.
//
// # Canary
//
// A probation stands in the file probation.json of the scope's directory from
// before the switch to the promotion. Each run that uses a plugin on probation is
// noted before it begins and after it ends, so that a host that dies with it
// counts, too. A run counts against the new version when the plugin on probation
// died in it, did not start, or broke the protocol; errors of the data or of other
// plugins do not. One count goes back at once, unless the budget says otherwise;
// a host that died counts as half of one, since it may have been killed for
// reasons of its own. After the number of runs that were asked for, the version is
// promoted. Going back switches the scope to the generation before and says why.
package upgrade
