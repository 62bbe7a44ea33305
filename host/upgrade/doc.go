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
//	               its predecessor made load in it: see States
//	contract       it keeps the contract that every plugin keeps
//	replay         recorded runs are repeated with the old and the new version, and
//	               their outputs compared
//	switch         the lock file is replaced by one rename, and the configuration is
//	               edited where that belongs to the change: see Edits
//	canary         the next runs watch the new version; it is promoted, or the scope
//	               goes back by itself
//
// Every step tells Events. Until the switch nothing is changed that a run could
// see: a step that fails, and a host that dies, leave the old version; what was
// fetched stays in the store until it is collected. The switch is atomic. The store
// keeps the candidates for as long as their upgrade goes on.
//
// # States
//
// First the versions of states are compared: those that old and new version say of
// themselves, and those that are kept. Then the candidate loads what is kept, the
// newest States of them: each in a transform of no rows, which is the smallest call
// that loads a state, with the columns that it was learnt from, as far as it says
// them, and with the settings that its node has now, those that it had, and the
// defaults, until one does. What the candidate refuses in all of these, or dies of,
// and its predecessor takes in one of them, is lost: the change is refused with the
// kernel, the digest and the reason, unless LoseStates goes on and tells. What
// neither of them takes, what there is no time for, and states of kernels that act
// outside of their output are told and refuse nothing.
//
// # Behind the switch
//
// An installation declares a plugin in the configuration, a removal takes that back,
// and every switch comes into the audit log. Both are done behind the switch; before
// it, the file upgrade.json of the scope's directory has them with the digest of the
// new lock file. A host that dies in between leaves that file, and the next command
// finishes: where the lock file is the new one, every file that is still what it was
// becomes what it was to be, and the audit log is told, late; where it is not, nothing
// was done and nothing is. A file that somebody changed meanwhile stays. While a host
// is at work it holds a lock on upgrade.lock. One that dies between the audit log and
// the end of the file has told twice.
//
// # Canary
//
// New versions that came in one switch are on probation together. The file
// probation.json of the scope's directory has them from before the switch to the
// promotion, with what they were before; without it a run costs one look. A
// probation is in force for a plugin as long as the lock file names that very
// version, whatever else is installed, pinned or removed meanwhile; one of a switch
// that never came is of no effect, and is forgotten after an hour.
//
// Each run that may use a plugin on probation is noted before it begins and after
// it ends. While it goes on it holds a lock on a file of its own, which the system
// takes away when the host dies, so that this is found by the next run. A run
// counts
//
//	against the new version  when the plugin died in it, did not start, or broke
//	                         the protocol: one
//	                         when the host died in it: half of one, since it may have
//	                         been killed for reasons of its own
//	for it                   when the run used the plugin and went well
//	neither way              when it failed for other reasons, did not use the
//	                         plugin, or was interrupted
//
// When more than Budget count against it, the scope goes back at once: the plugins of
// that switch become what they were, and everything else stays. After the number of
// runs that were asked for, the versions are promoted. Both are in the audit log, a
// promotion before it counts.
package upgrade
