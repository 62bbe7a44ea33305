// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"path"
	"strings"
)

// Known is what the caller knows about the person and the machine. A Redactor
// finds most of it by itself; what is named here is replaced wherever it
// stands.
type Known struct {
	// Homes are home directories: "/home/ada".
	Homes []string
	// Users are login names and full names.
	Users []string
	// Hosts are names of machines, with and without a domain.
	Hosts []string
	// Secrets are tokens and passwords, whatever they look like.
	Secrets []string
}

// Redactor replaces what identifies people and machines by pseudonyms, so that
// a document can be shown to strangers: names of users (in home directories,
// too) and of hosts, UUIDs, serial numbers, MAC and IP addresses, mail
// addresses, tokens, and credentials in URLs.
//
// One value has one pseudonym, in every document that a Redactor rewrites. What
// has a form keeps it, because checks read it: a UUID becomes
// 00000001-0000-0000-0000-000000000000, an IP address one of the networks for
// documentation, a MAC address a locally administered one. The others become
// <user1>, <host1>, <email1>, <serial1> and <secret1>. Codes, the words of
// addresses, numbers and versions stay, so that a redacted snapshot has the
// same findings.
//
// Names that identify nobody stay ("root", "ubuntu"), and so do public hosts
// such as pypi.org. A name that is also a word of the document's own
// vocabulary (of a code, an address, a package) is replaced in paths only. Names of projects,
// directories, images and models are not looked for.
//
// A Redactor is for one goroutine.
type Redactor struct {
	// pseudonyms by kind and value.
	pseudonyms map[string]map[string]string
	// names are what is replaced wherever it stands, as a word.
	names map[string]kindOfName
	// secrets are what is replaced even inside a word.
	secrets map[string]bool
	// vocabulary, in lower case.
	vocabulary map[string]bool
	// versions that look like IP addresses.
	versions map[string]bool
	// finder matches names and secrets; nil when it must be built again.
	finder nameFinder
}

// kindOfName is "user", "host" or "serial".
type kindOfName string

const (
	userName   kindOfName = "user"
	hostName   kindOfName = "host"
	serialName kindOfName = "serial"
)

// NewRedactor returns a redactor that knows the given names.
func NewRedactor(known Known) *Redactor {
	r := &Redactor{
		pseudonyms: map[string]map[string]string{}, names: map[string]kindOfName{},
		secrets: map[string]bool{}, vocabulary: map[string]bool{}, versions: map[string]bool{},
	}
	for _, home := range known.Homes {
		r.learnName(userName, path.Base(strings.TrimRight(strings.ReplaceAll(home, `\`, "/"), "/")))
	}
	for _, user := range known.Users {
		r.learnName(userName, user)
		if _, name, ok := strings.Cut(user, `\`); ok { // DOMAIN\name of Windows
			r.learnName(userName, name)
		}
	}
	for _, host := range known.Hosts {
		r.learnHost(host)
	}
	for _, secret := range known.Secrets {
		r.learnSecret(secret)
	}
	return r
}

// Doctor returns a redacted copy of a diagnosis.
func (r *Redactor) Doctor(d Doctor) Doctor {
	r.words(&d)
	rewriteDoctor(d, r.learn)
	d = rewriteDoctor(d, r.replace)
	d.Redacted = true
	return d
}

// Facts returns a redacted copy of facts. It is a snapshot as good as the
// original.
func (r *Redactor) Facts(f Facts) Facts {
	r.factWords(f.Facts)
	rewriteFacts(f, r.learn)
	f = rewriteFacts(f, r.replace)
	f.Redacted = true
	return f
}

// learnName takes a name that is replaced as a word from now on.
func (r *Redactor) learnName(kind kindOfName, name string) {
	name = strings.TrimSpace(name)
	lower := strings.ToLower(name)
	if len(name) < 2 || len(name) > 253 || common[lower] || isPseudonym(name) {
		return
	}
	if kind != serialName && strings.Trim(name, "0123456789.-_/") == "" {
		return
	}
	if _, ok := r.names[lower]; !ok {
		r.names[lower] = kind
		r.finder = nil
	}
}

// learnHost takes the name of a host, and its first label and its domain when
// it has one.
func (r *Redactor) learnHost(host string) {
	host = strings.Trim(host, ".")
	if isPublic(host) {
		return
	}
	r.learnName(hostName, host)
	if label, domain, ok := strings.Cut(host, "."); ok {
		if len(label) > 2 {
			r.learnName(hostName, label)
		}
		if strings.Contains(domain, ".") && !isPublic(domain) {
			r.learnName(hostName, domain)
		}
	}
}

func (r *Redactor) learnSecret(secret string) {
	if secret = strings.TrimSpace(secret); len(secret) >= 4 && !isPseudonym(secret) && !r.secrets[secret] {
		r.secrets[secret] = true
		r.finder = nil
	}
}

// pseudonym returns the name of a value among those of its kind.
func (r *Redactor) pseudonym(kind, value string) string {
	of := r.pseudonyms[kind]
	if of == nil {
		of = map[string]string{}
		r.pseudonyms[kind] = of
	}
	if of[value] == "" {
		of[value] = shapeOf(kind, len(of)+1)
	}
	return of[value]
}

// shapeOf writes the n-th pseudonym of a kind, counted from 1.
func shapeOf(kind string, n int) string {
	switch kind {
	case "uuid":
		return fmt.Sprintf("%08x-0000-0000-0000-000000000000", n)
	case "mac":
		return fmt.Sprintf("02:00:00:%02x:%02x:%02x", n>>16&0xff, n>>8&0xff, n&0xff)
	case "guid":
		return fmt.Sprintf("0200:0000:%04x:%04x", n>>16&0xffff, n&0xffff)
	case "ipv4":
		return documentationIPv4(n)
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", n)
	}
	return fmt.Sprintf("<%s%d>", kind, n)
}

// documentationIPv4 numbers the networks of RFC 5737, and after them that for
// benchmarks (RFC 2544).
func documentationIPv4(n int) string {
	networks := []string{"192.0.2", "198.51.100", "203.0.113"}
	if at := (n - 1) / 254; at < len(networks) {
		return fmt.Sprintf("%s.%d", networks[at], (n-1)%254+1)
	}
	n -= 3 * 254
	return fmt.Sprintf("198.%d.%d.%d", 18+n>>16&1, n>>8&0xff, n&0xff)
}

// words gathers the vocabulary of a diagnosis.
func (r *Redactor) words(d *Doctor) {
	for _, f := range d.Findings {
		r.vocabularyOf(f.Code, f.Area, f.Plugin)
		r.vocabularyOf(f.Explains...)
		for _, e := range f.Evidence {
			r.vocabularyOf(WithoutKeys(e.Fact))
		}
	}
	for _, c := range d.checks() {
		r.vocabularyOf(c.Code, c.Area, c.Plugin)
	}
	for _, a := range d.Areas {
		r.vocabularyOf(a.Name)
	}
	for _, p := range d.Plugins {
		r.vocabularyOf(p.Name)
	}
	r.factWords(d.Facts)
}

// vocabularyOf takes dotted words, whole and in their parts.
func (r *Redactor) vocabularyOf(dotted ...string) {
	for _, s := range dotted {
		for word := range strings.SplitSeq(strings.ToLower(s), ".") {
			r.vocabulary[word] = true
			for part := range strings.FieldsFuncSeq(word, func(c rune) bool { return c == '-' || c == '_' }) {
				r.vocabulary[part] = true
			}
		}
	}
}
