// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// host reads the only host block.
func (l *loader) host() {
	head := *l.orEmpty("host")
	head.Body = l.moved(head.Body)
	s := l.section(hostBlock(), &head)
	_, l.hostTimeout = s.attrs["timeout"]
	l.cfg.Host = Host{
		LogLevel:   s.text("log_level"),
		Audit:      s.text("audit"),
		Timeout:    s.duration("timeout"),
		Cache:      s.flag("cache"),
		PluginDirs: s.paths("plugin_dirs"),
		Range:      rangeOf(s.at),
	}
}

func (l *loader) plugins() {
	for _, b := range l.blocks["plugin"] {
		name, ok := l.label(b, "plugin")
		s := l.section(pluginBlock(), b)
		p := &Plugin{
			Name:    name,
			Source:  s.text("source"),
			Version: s.version(),
			Digest:  s.digest(),
			Timeout: s.duration("timeout"),
			Secrets: l.secrets(name, s.blocks.OfType("secret")),
			Range:   rangeOf(b.DefRange),
		}
		p.Grants, p.GrantRanges = s.grants()
		s.origin(p)
		if inner := l.only(s.blocks.OfType("sandbox")); inner != nil {
			l.pluginSandbox(p, inner)
		}
		if ok {
			l.cfg.Plugins = append(l.cfg.Plugins, p)
		}
	}
}

// pluginSandbox reads the sandbox of one plugin.
func (l *loader) pluginSandbox(p *Plugin, b *hcl.Block) {
	own := l.sandboxFrom(b)
	p.Sandbox = &own
	l.raises(p)
	if timeout := own.Limits.CallTimeout; timeout > 0 {
		p.Timeout = l.oneTimeout("the plugin's timeout", p.Timeout > 0, timeout, p.Timeout, b)
	}
}

// grants reads the entries that narrow a plugin, with their places.
func (s section) grants() ([]string, []Range) {
	entries := s.texts("grants")
	ranges := make([]Range, len(entries))
	elements := []hcl.Expression{}
	if a, ok := s.attrs["grants"]; ok {
		elements, _ = hcl.ExprList(a.Expr)
	}
	for i, entry := range entries {
		at := s.rangeFor("grants")
		if len(elements) == len(entries) {
			at = elements[i].Range()
		}
		ranges[i] = rangeOf(at)
		if err := manifest.CheckEntry(entry); err != nil {
			s.l.errorf(at, "Invalid grant", "A grant is named by its path, name or address, as `bulkhead plugin grants` shows it; of %q, %v.",
				shorten(entry), err)
		}
	}
	return entries, ranges
}

// isDrivePath reports a Windows path such as C:\x.
func isDrivePath(p string) bool {
	return len(p) > 2 && p[1] == ':' && (p[2] == '\\' || p[2] == '/')
}

func (s section) version() string {
	text := s.text("version")
	if text == "" {
		return ""
	}
	if _, err := parseConstraint(text); err != nil {
		s.l.errorf(s.rangeFor("version"), "Invalid version constraint", "%v.", err)
		return ""
	}
	return text
}

var digestPattern = pattern.Lazy(`^sha256:[0-9a-f]{64}$`)

func (s section) digest() string {
	text := strings.ToLower(s.text("digest"))
	if text == "" || digestPattern().MatchString(text) {
		return text
	}
	s.l.errorf(s.rangeFor("digest"), "Invalid digest",
		"A digest is sha256: and 64 hexadecimal digits; sha256sum FILE prints them.")
	return ""
}

var codePattern = pattern.Lazy(`^[a-z0-9][a-z0-9_-]*\.[a-z0-9][a-z0-9_-]*$`)

func (l *loader) checks() {
	for _, b := range l.blocks["check"] {
		code := b.Labels[0]
		s := l.section(checkBlock(), b)
		c := &Check{
			Code:     code,
			Enabled:  s.flag("enabled"),
			Severity: Severity(s.text("severity")),
			Reason:   s.text("reason"),
			Range:    rangeOf(b.DefRange),
			config:   s.config(),
		}
		if !codePattern().MatchString(code) {
			l.errorf(b.LabelRanges[0], "Invalid code",
				"%q is not the code of a check, such as \"torch.cpu-wheel-on-gpu-host\".", shorten(code))
			continue
		}
		if l.declare("check", fold(code), b.DefRange) {
			l.cfg.Checks = append(l.cfg.Checks, c)
		}
	}
}

func (l *loader) requires() {
	for _, b := range l.blocks["require"] {
		name, ok := l.label(b, "require")
		s := l.section(requireBlock(), b)
		condition, message := s.attrs["condition"], s.attrs["message"]
		if !ok || condition == nil || message == nil {
			continue
		}
		r := &Require{
			Name:      name,
			Severity:  Severity(s.text("severity")),
			Range:     rangeOf(b.DefRange),
			condition: condition.Expr,
			message:   message.Expr,
			scope:     l.scope,
			sources:   l.cfg.sources,
		}
		l.add(r.checkNames()...)
		l.cfg.Requires = append(l.cfg.Requires, r)
	}
}

func (l *loader) suites() {
	for _, b := range l.blocks["suite"] {
		name, ok := l.label(b, "suite")
		s := l.section(suiteBlock(), b)
		suite := &Suite{
			Name: name, Run: s.selectors("run"), Skip: s.selectors("skip"), Skips: l.skips(s.blocks.OfType("skip")),
			Severities: s.severities(), Range: rangeOf(b.DefRange),
		}
		if ok {
			l.cfg.Suites = append(l.cfg.Suites, suite)
		}
	}
}

func (l *loader) pipelines() {
	for _, b := range l.blocks["pipeline"] {
		name, ok := l.label(b, "pipeline")
		s := l.section(pipelineBlock(), b)
		p := s.pipeline(name)
		p.Preflight = l.preflight(s.names("preflight", "suite.NAME or require.NAME"))
		sp := l.newSpace(l.scope)
		sp.outer, sp.within, sp.where = l.top, "pipeline "+name+" ", fmt.Sprintf("in pipeline %q", name)
		own := map[string]hcl.Blocks{}
		for _, inner := range s.blocks {
			own[inner.Type] = append(own[inner.Type], inner)
		}
		sp.read(own)
		if ok {
			l.owned[p] = sp
			l.cfg.Pipelines = append(l.cfg.Pipelines, p)
		}
	}
}

// pipeline reads the attributes of a pipeline.
func (s section) pipeline(name string) *Pipeline {
	p := &Pipeline{
		Name: name, Description: s.text("description"), Cache: s.flag("cache"), BatchRows: int(s.whole("batch_rows")), Range: rangeOf(s.at),
	}
	for i, field := range []*uint64{&p.MaxMemory, &p.MaxSpill, &p.BatchBytes} {
		*field = s.size(pipelineSizes[i])
	}
	return p
}
