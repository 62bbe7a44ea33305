// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"unicode"
)

// kindOfKey tells what the values of a key are.
func kindOfKey(key string) string {
	switch strings.ToLower(key) {
	case "user", "username", "user_name", "login", "logname", "sudo_user":
		return "user"
	case "hostname", "host_name", "nodename", "node_name", "fqdn", "computername", "domain", "master_addr":
		return "host"
	case "serial", "serial_number", "board_serial", "product_serial", "chassis_serial", "machine_id", "boot_id", "asset_tag", "instance_id", "account_id", "board_id":
		return "serial"
	}
	if secretKey(key) {
		return "secret"
	}
	return ""
}

// secretAssignment reports whether "name sep value" gives a secret away.
func secretAssignment(name, sep, value string) bool {
	if !secretKey(name) || isPseudonym(value) || strings.HasPrefix(value, "$") || strings.HasPrefix(value, "=") {
		return false
	}
	if strings.ContainsAny(sep, `="'`) || strings.HasPrefix(name, "--") {
		return !isPathLike(value) && !isState(value)
	}
	return looksSecret(value) && strings.ContainsAny(value, "0123456789")
}

// looksSecret reports whether a value can be a secret rather than what is said
// about one.
func looksSecret(s string) bool {
	return len(s) >= 8 && !strings.ContainsAny(s, " \n") && !isPathLike(s) && !isState(s)
}

func isPathLike(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~") || strings.HasPrefix(s, ".") || strings.Contains(s, `:\`) || strings.Contains(s, "://")
}

// isState reports whether a value says something about a secret.
func isState(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "none", "null", "unset", "set", "present", "missing", "absent", "empty", "invalid", "expired", "unreadable", "0", "1":
		return true
	}
	return false
}

// secretKey reports whether a name is that of a secret. Names of files and
// places of secrets are not.
func secretKey(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(splitCamel(name)), func(c rune) bool { return c == '_' || c == '-' || c == '.' })
	if len(words) == 0 || placeWords[words[len(words)-1]] {
		return false
	}
	for i, w := range words {
		if secretWords[w] || w == "key" && i > 0 && keyWords[words[i-1]] {
			return true
		}
	}
	return false
}

var (
	secretWords = set("token secret password passwd passphrase pwd apikey credential credentials signature sig pat authkey privatekey auth")
	keyWords    = set("api access private secret account auth encryption")
	placeWords  = set("path file dir name url endpoint type length count expires ttl helper store found present state")
)

// splitCamel writes "apiKey" as "api_Key".
func splitCamel(s string) string {
	var b strings.Builder
	lower := false
	for _, c := range s {
		if lower && unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		lower = unicode.IsLower(c)
		b.WriteRune(c)
	}
	return b.String()
}
