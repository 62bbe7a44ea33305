// SPDX-License-Identifier: Apache-2.0

package report

import (
	"regexp"
	"slices"
	"strings"
)

// What is recognised by its form.
var (
	privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
	urlLogin   = regexp.MustCompile(`(://)([^\s/?#"'<>]+)@`)
	urlHost    = regexp.MustCompile(`://(?:[^\s/?#"']*@)?([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)`)
	token      = regexp.MustCompile(`\b(?:hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[\w-]{20,}|` +
		`(?:AKIA|ASIA)[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|` +
		`nvapi-[\w-]{20,}|r8_[A-Za-z0-9]{30,}|dckr_pat_[\w-]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)`)
	bearer     = regexp.MustCompile(`(?i)\b(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+|bearer\s+)([^\s"',;<]{8,})`)
	assignment = regexp.MustCompile(`([A-Za-z][\w.-]*)(["']?\s*[=:]\s*["']?)([^\s"'&;,<>]+)`)
	option     = regexp.MustCompile(`(--[A-Za-z][\w-]*)(\s+["']?)([^\s"'<>-][^\s"'<>]*)`)
	mail       = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	uuid       = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	shortUUID  = regexp.MustCompile(`\b(GPU-|MIG-)([0-9a-f]{2,8}(?:-[0-9a-f]{1,4}){0,3}(?:-[0-9a-f]{1,11})?)`)
	mac        = regexp.MustCompile(`(?i)\b[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5,19}|(?:-[0-9a-f]{2}){5})\b`)
	guid       = regexp.MustCompile(`(?i)\b[0-9a-f]{4}(?::[0-9a-f]{4}){3}\b`)
	ipv6       = regexp.MustCompile(`(?i)[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*[0-9a-f]`)
	ipv4       = regexp.MustCompile(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}`)
	homeOwner  = regexp.MustCompile(`(?i)(?:/home/|/users/|\b[a-z]:[\\/]users[\\/]|/run/media/)([^/\\\s"':;,<>()\[\]{}*$]+)`)
	loginName  = regexp.MustCompile(`\b(?:USER|LOGNAME|USERNAME|SUDO_USER)=([^\s"':;,<>]+)`)
	hostAssign = regexp.MustCompile(`\b(?:HOST|HOSTNAME|COMPUTERNAME|SLURMD_NODENAME|SLURM_NODELIST|MASTER_ADDR)=([A-Za-z0-9][A-Za-z0-9.-]*)`)
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	serialText = regexp.MustCompile(`(?i)\bserial(?:[ _]?(?:number|no\.?))?\s*[:=]\s*([A-Za-z0-9][A-Za-z0-9-]{4,})`)
)

// Contexts of four numbers with full stops: what precedes and what follows a
// version, and what precedes and follows an address.
var (
	beforeVersion = regexp.MustCompile(`(?i)(?:[=<>~!]=\s*|[<>]\s*|\.so\.|\bv|[a-z0-9][-_][\w-]*[a-z]\w*[ -]|\b(?:version|release|cuda|cudnn|nccl|toolkit|driver|build|wants|needs|requires|has)\s+)$`)
	afterVersion  = regexp.MustCompile(`(?i)^(?:\.dist-info|\.egg-info|-py\d|-cp\d|\.tar\.|\.whl|\+[a-z]| or (?:newer|older|later))`)
	beforeAddress = regexp.MustCompile(`(?i)(?://|@|[a-z_]=|\b(?:ip|inet|address|host|from|to|via|gateway|nameserver)[ :]+)$`)
	afterAddress  = regexp.MustCompile(`^(?::[0-9]{2,5}\b|/[0-9]{1,2}\b)`)
)

// matches returns the groups of each match in a text that holds one of the
// marks: most texts hold none, and looking for a mark is cheap.
func matches(re *regexp.Regexp, s string, marks ...string) [][]string {
	if !hasAny(s, marks...) {
		return nil
	}
	return re.FindAllStringSubmatch(s, -1)
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
