// SPDX-License-Identifier: Apache-2.0

// Package installer decides which versions of the plugins of registries a scope
// has, brings them here, and writes that into the scope's lock file.
//
// A scope is a project, the directory of a configuration, or the user. Its lock
// file names for every plugin the version, the digests on every platform and the
// grants that somebody consented to. Nothing that is not locked is ever started.
//
// # A change
//
// Plan finds out what is to change without changing anything: it refreshes the
// registries that are asked (not at all when the lock file and the store have
// everything), solves all constraints at once, and compares the answer with the
// lock file. Consent asks for grants that nobody agreed to yet. Fetch downloads,
// verifies and unpacks into the store, beside what is there. Commit switches the
// scope to the new lock file by one rename. Whatever dies before that leaves the
// old one, and what was fetched is found again.
//
// # Versions
//
// A locked version stays as long as the constraints allow it and nobody asks for
// an upgrade; that it was yanked since is a warning. A pinned one stays until it
// is unpinned. A version that is locked already is never taken with other digests
// from its registry, whoever signs them. In another registry the same name is
// another plugin: all that it asks for is asked anew.
//
// # Registries of a project
//
// What a configuration declares was chosen by whoever wrote it. Registries shows
// such a registry to Meet before it is spoken to, unless it is one of the user's
// own or was agreed to before: the same address, root, log key, certificates and
// token. Nothing of a project's registries reaches what the user installs for all
// projects.
//
// # Consent
//
// A plugin's release says what it asks for; the lock file what was consented to.
// Only what the one has beyond the other is asked, and a release that asks for
// less needs no question. Without a person to ask, a Policy answers: HCL blocks
//
//	accept "acme/*" {
//	  grants = ["read /data", "env HF_*", "net huggingface.co:443"]
//	}
//
// which allow plugins whose names match (path.Match) what these grants hold. What
// no block allows is refused, by name.
package installer
