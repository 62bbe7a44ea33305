// SPDX-License-Identifier: Apache-2.0

// Package factcache keeps what plugins answered, for as long as nothing that the
// answers depend on has changed. A stale verdict is a lie, so whatever is in
// doubt is asked again.
//
// # What is kept
//
// The facts of a plugin are kept under a key of everything that the host decides:
// the version of the host and of this format, the digest of the plugin, the
// paths, variables and addresses that it may see, the machine and the user. With
// them are kept the inputs that the plugin's SDK recorded, see package fact, and
// a time to live that the plugin gave and MaxTTL bounds.
//
// The findings of a plugin are kept under a key of its digest, the checks and
// their settings, together with the questions that the checks put to the facts
// and a digest of the answers. Checks are pure, so they need no time to live.
//
// # When it is used
//
// Facts are used when the host, looking at each input again, finds it the same:
// device, inode, size and both times of a file, the text of a link, the content
// of what has no times, the absence of what was absent. A path that the plugin
// cannot see in its private root depends on its grants alone, which are in the
// key. Findings are used when the present facts give the same answers.
//
// Not kept are answers with a diagnostic, of a plugin that failed or timed out,
// of collectors without a time to live, and those of which an input changed less
// than Settled before the collection: a second change could have the same time.
// So could a change during the collection; the inputs are therefore compared
// once more before the facts are kept.
//
// # Files
//
// An entry is one file, readable by its owner alone, written under another name,
// synced and renamed. Its name is the key; it starts with the digest of the rest,
// so a torn or altered one is no entry. Entries of others, links and files that
// others may write to are ignored. When all entries together have more than
// MaxBytes, those not used for longest go. Any number of hosts may use one
// directory at once. Errors cost time and nothing else.
package factcache
