// SPDX-License-Identifier: Apache-2.0

// Package factcache keeps what plugins answered, for as long as nothing that the
// answers depend on has changed. A stale verdict is a lie, so whatever is in
// doubt is asked again.
//
// # What is kept
//
// The facts of a plugin are kept under a key of everything that the host decides:
// the version of the host and of this format, the machine since its start, the
// digest of the plugin and the state of its file, the paths, variables and
// addresses that it may see, its walls, the machine to examine and the user. With
// them are kept the inputs that the plugin's SDK recorded, see package fact, and
// a time to live that the plugin gave and MaxTTL bounds; the age is the greater of
// what the clock and the machine's uptime say.
//
// The findings of a plugin are kept under a key of its digest and file, the checks
// and their settings, together with the questions that the checks put to the facts
// and a digest of the answers. Checks are pure, so they need no time to live.
//
// # When it is used
//
// Facts are used when the host, looking at each input again, finds it the same:
// device, inode, size and both times of a file, the text of a link, the content
// of what has no times, the absence of what was absent; for the superuser also
// the owners of the directories on the way. A path that the plugin cannot see in
// its private root depends on its grants alone, which are in the key. Files whose
// text depends on the reader are in the key, too, see ReaderFiles. Findings are
// used when the present facts give the same answers. A host that gets no answer
// from the machine within seconds asks the plugin, which has a deadline.
//
// Not kept are answers with a diagnostic, of a plugin that failed or timed out,
// of collectors without a time to live, of what lies on file systems whose times do
// not tell of every change (the network's, FUSE, FAT, images), and those of which an
// input changed less than Settled before the collection: a second change could have
// the same time. So could a change during the collection; the inputs are therefore
// compared once more before the facts are kept. Plugins with secrets, scripts and
// those without a digest are always asked.
//
// What a plugin says of its inputs is believed for its own facts only, and the
// host reads no file for it that it was not granted. A change through a mapping of
// a file that was mapped before shows when the kernel writes it back.
//
// # Files
//
// An entry is one file, readable by its owner alone, written under another name,
// synced and renamed. Its name is the key; it starts with the digest of the key and
// the rest, so one that is torn, altered or renamed is no entry. Entries of others,
// links, files with two names or that others may write to are ignored, and so is a
// directory that is another's or that others may write to. When all entries
// together have more than MaxBytes, those not used for longest go. Any number of
// hosts may use one directory at once. Errors cost time and nothing else.
package factcache
