// SPDX-License-Identifier: Apache-2.0

package report

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// What is recognised by its form.
var (
	privateKey = pattern.Lazy(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
	urlLogin   = pattern.Lazy(`(://)([^\s/?#"'<>]+)@`)
	urlHost    = pattern.Lazy(`://(?:[^\s/?#"']*@)?([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)`)
	token      = pattern.Lazy(`\b(?:hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[\w-]{20,}|` +
		`(?:AKIA|ASIA)[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|` +
		`nvapi-[\w-]{20,}|r8_[A-Za-z0-9]{30,}|dckr_pat_[\w-]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)`)
	bearer     = pattern.Lazy(`(?i)\b(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+|bearer\s+)([^\s"',;<]{8,})`)
	assignment = pattern.Lazy(`([A-Za-z][\w.-]*)(["']?\s*[=:]\s*["']?)([^\s"'&;,<>]+)`)
	option     = pattern.Lazy(`(--[A-Za-z][\w-]*)(\s+["']?)([^\s"'<>-][^\s"'<>]*)`)
	mail       = pattern.Lazy(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	uuid       = pattern.Lazy(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	shortUUID  = pattern.Lazy(`\b(GPU-|MIG-)([0-9a-f]{2,8}(?:-[0-9a-f]{1,4}){0,3}(?:-[0-9a-f]{1,11})?)`)
	mac        = pattern.Lazy(`(?i)\b[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5,19}|(?:-[0-9a-f]{2}){5})\b`)
	guid       = pattern.Lazy(`(?i)\b[0-9a-f]{4}(?::[0-9a-f]{4}){3}\b`)
	ipv6       = pattern.Lazy(`(?i)[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*[0-9a-f]`)
	ipv4       = pattern.Lazy(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}`)
	homeOwner  = pattern.Lazy(`(?i)(?:/home/|/users/|\b[a-z]:[\\/]users[\\/]|/run/media/)([^/\\\s"':;,<>()\[\]{}*$]+)`)
	loginName  = pattern.Lazy(`\b(?:USER|LOGNAME|USERNAME|SUDO_USER)=([^\s"':;,<>]+)`)
	hostAssign = pattern.Lazy(`\b(?:HOST|HOSTNAME|COMPUTERNAME|SLURMD_NODENAME|SLURM_NODELIST|MASTER_ADDR)=([A-Za-z0-9][A-Za-z0-9.-]*)`)
	hostForm   = pattern.Lazy(`^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	serialText = pattern.Lazy(`(?i)\bserial(?:[ _]?(?:number|no\.?))?\s*[:=]\s*([A-Za-z0-9][A-Za-z0-9-]{4,})`)
)

// Contexts of four numbers with full stops: what precedes and what follows a
// version, and what precedes and follows an address.
var (
	beforeVersion = pattern.Lazy(`(?i)(?:[=<>~!]=\s*|[<>]\s*|\.so\.|\bv|[a-z0-9][-_][\w-]*[a-z]\w*[ -]|\b(?:version|release|cuda|cudnn|nccl|toolkit|driver|build|wants|needs|requires|has)\s+)$`)
	afterVersion  = pattern.Lazy(`(?i)^(?:\.dist-info|\.egg-info|-py\d|-cp\d|\.tar\.|\.whl|\+[a-z]| or (?:newer|older|later))`)
	beforeAddress = pattern.Lazy(`(?i)(?://|@|[a-z_]=|\b(?:ip|inet|address|host|from|to|via|gateway|nameserver)[ :]+)$`)
	afterAddress  = pattern.Lazy(`^(?::[0-9]{2,5}\b|/[0-9]{1,2}\b)`)
)

// matches returns the groups of each match in a text that holds one of the
// marks: most texts hold none, and looking for a mark is cheap.
func matches(re func() *regexp.Regexp, s string, marks ...string) [][]string {
	if !hasAny(s, marks...) {
		return nil
	}
	return re().FindAllStringSubmatch(s, -1)
}

func hasAny(s string, marks ...string) bool {
	return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(s, mark) })
}

// submatch replaces each match by what f makes of its groups.
func submatch(re *regexp.Regexp, s string, f func([]string) string) string {
	return re.ReplaceAllStringFunc(s, func(found string) string {
		m := re.FindStringSubmatch(found)
		if m == nil { // a match that needs what stands around it
			return found
		}
		return f(m)
	})
}

// replaceAt replaces each match by what f makes of its place.
func replaceAt(re *regexp.Regexp, s string, f func(from, to int) string) string {
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringIndex(s, -1) {
		b.WriteString(s[last:m[0]])
		b.WriteString(f(m[0], m[1]))
		last = m[1]
	}
	b.WriteString(s[last:])
	return b.String()
}
