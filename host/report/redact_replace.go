// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

// replace rewrites what identifies.
func (r *Redactor) replace(key, s string) string {
	if s == "" {
		return s
	}
	s = r.replaceSecrets(s)
	s = r.replaceIdentifiers(s)
	s = r.replaceAddresses(s)
	return r.replaceNames(s)
}

func (r *Redactor) replaceSecrets(s string) string {
	secret := func(found string) string { return r.pseudonym("secret", found) }
	if strings.Contains(s, "PRIVATE KEY") {
		s = privateKey().ReplaceAllStringFunc(s, secret)
	}
	if strings.Contains(s, "://") {
		s = submatch(urlLogin(), s, func(m []string) string {
			if m[2] == "git" || isPseudonym(m[2]) {
				return m[0]
			}
			return m[1] + secret(m[2]) + "@"
		})
	}
	if hasAny(s, "earer", "EARER", "uthorization", "UTHORIZATION") {
		s = submatch(bearer(), s, func(m []string) string { return m[1] + secret(m[2]) })
	}
	named := func(m []string) string {
		if !secretAssignment(m[1], m[2], m[3]) {
			return m[0]
		}
		return m[1] + m[2] + secret(m[3])
	}
	if hasAny(s, "=", ":") {
		s = submatch(assignment(), s, named)
	}
	if strings.Contains(s, "--") {
		s = submatch(option(), s, named)
	}
	return s
}

// replaceIdentifiers replaces mail addresses, UUIDs, GUIDs and MAC addresses.
func (r *Redactor) replaceIdentifiers(s string) string {
	if strings.Contains(s, "@") {
		s = mail().ReplaceAllStringFunc(s, func(found string) string {
			if notMail(found) {
				return found
			}
			return r.pseudonym("email", found)
		})
	}
	if !hasAny(s, "-", ":") {
		return s
	}
	s = uuid().ReplaceAllStringFunc(s, r.uuidFor)
	if hasAny(s, "GPU-", "MIG-") {
		s = submatch(shortUUID(), s, func(m []string) string { return m[1] + r.abbreviated(m[2]) })
	}
	if len(s) < len("00:00:00:00:00:00") {
		return s
	}
	s = mac().ReplaceAllStringFunc(s, func(found string) string {
		if flat := strings.ToLower(strings.ReplaceAll(found, "-", ":")); !strings.HasPrefix(flat, "02:00:00:") && strings.Trim(flat, "0:") != "" && strings.Trim(flat, "f:") != "" {
			return r.pseudonym("mac", flat)
		}
		return found
	})
	return guid().ReplaceAllStringFunc(s, func(found string) string {
		if strings.HasPrefix(found, "0200:0000:") || strings.Trim(found, "0:") == "" {
			return found
		}
		return r.pseudonym("guid", strings.ToLower(found))
	})
}

// uuidFor returns the pseudonym of a UUID.
func (r *Redactor) uuidFor(found string) string {
	if strings.HasSuffix(found, "-0000-0000-0000-000000000000") {
		return found
	}
	return r.pseudonym("uuid", strings.ToLower(found))
}

// abbreviated returns the beginning of a pseudonym for the beginning of a
// UUID. Eight digits tell the pseudonyms apart.
func (r *Redactor) abbreviated(head string) string {
	if strings.HasPrefix(head, "0000") && strings.Trim(head[min(8, len(head)):], "-0") == "" {
		return head
	}
	name := ""
	for full, of := range r.pseudonyms["uuid"] {
		if strings.HasPrefix(full, head) && (name == "" || of < name) {
			name = of
		}
	}
	if name == "" {
		name = r.pseudonym("uuid", head)
	}
	return name[:max(len(head), 8)]
}

// notMail reports whether a match is a unit of systemd, a file or the login of
// a git server.
func notMail(s string) bool {
	local, domain, _ := strings.Cut(s, "@")
	switch domain[strings.LastIndexByte(domain, '.')+1:] {
	case "service", "socket", "timer", "mount", "slice", "scope", "target", "device", "swap", "path", "so", "py", "json", "txt", "whl":
		return true
	}
	return local == "git"
}
