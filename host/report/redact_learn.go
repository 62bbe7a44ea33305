// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// learn notes what a text reveals; the text stays.
func (r *Redactor) learn(key, s string) string {
	kind := kindOfKey(key)
	switch {
	case kind == "secret" && looksSecret(s):
		r.learnSecret(s)
	case kind == "user" && !strings.ContainsAny(s, "/\\:{}"):
		r.learnName(userName, s)
	case kind == "host" && hostForm().MatchString(s) && !isAddress(s):
		r.learnHost(s)
	case kind == "serial" && !strings.Contains(s, " ") && len(s) >= 4 && !uuid().MatchString(s):
		r.learnName(serialName, s)
	}
	for _, found := range matches(uuid, s, "-") {
		r.uuidFor(found[0]) // before the abbreviations of it
	}
	r.learnNames(s)
	r.learnSecrets(s)
	r.learnVersions(key, s)
	return s
}

// learnNames notes names of people, machines and parts.
func (r *Redactor) learnNames(s string) {
	for _, m := range matches(homeOwner, s, "/", `\`) {
		r.learnName(userName, m[1])
	}
	for _, m := range matches(loginName, s, "USER", "LOGNAME") {
		r.learnName(userName, m[1])
	}
	for _, m := range append(matches(urlHost, s, "://"), matches(hostAssign, s, "=")...) {
		if !isAddress(m[1]) {
			r.learnHost(m[1])
		}
	}
	for _, m := range matches(serialText, s, "erial", "ERIAL") {
		if strings.ContainsAny(m[1], "0123456789") {
			r.learnName(serialName, m[1])
		}
	}
}

// learnSecrets notes secrets that stand elsewhere without their context.
func (r *Redactor) learnSecrets(s string) {
	for _, m := range matches(token, s, "_", "-", "AKIA", "ASIA", "AIza", "eyJ") {
		if strings.ContainsAny(m[0], "0123456789") {
			r.learnSecret(m[0])
		}
	}
	for _, m := range matches(urlLogin, s, "://") {
		if _, password, ok := strings.Cut(m[2], ":"); ok && len(password) >= 6 {
			r.learnSecret(password)
		}
	}
	for _, m := range append(matches(assignment, s, "=", ":"), matches(option, s, "--")...) {
		if secretAssignment(m[1], m[2], m[3]) && len(m[3]) >= 6 {
			r.learnSecret(m[3])
		}
	}
	for _, m := range matches(bearer, s, "earer", "EARER", "uthorization", "UTHORIZATION") {
		r.learnSecret(m[2])
	}
}

// learnVersions notes versions that look like addresses.
func (r *Redactor) learnVersions(key, s string) {
	if strings.Count(s, ".") < 3 {
		return
	}
	for _, m := range ipv4().FindAllStringIndex(s, -1) {
		before, after := nearby(s[:m[0]]), s[m[1]:]
		named := strings.Contains(key, "version") || strings.Contains(key, "release")
		if (named || beforeVersion().MatchString(before) || afterVersion().MatchString(after)) && !networked(before, after) {
			r.versions[s[m[0]:m[1]]] = true
		}
	}
}

// nearby is the end of what precedes an address: enough to know its context.
func nearby(before string) string { return before[max(0, len(before)-80):] }

func networked(before, after string) bool {
	return beforeAddress().MatchString(before) || afterAddress().MatchString(after)
}

// factWords gathers the vocabulary of facts: the words of their addresses and
// the names of packages.
func (r *Redactor) factWords(facts []fact.Fact) {
	for _, f := range facts {
		words := WithoutKeys(f.Address)
		r.vocabularyOf(words)
		if strings.Contains(words, "package") {
			rewrite(func(key, s string) string {
				if key == "name" {
					r.vocabularyOf(s)
				}
				return s
			}).json("", f.Value)
		}
	}
}
