// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Telemetry says who is told of runs. Nothing leaves the machine without it.
type Telemetry struct {
	// OTLP is the address of an OpenTelemetry collector that takes OTLP over
	// HTTP, without the paths of signals; empty for none.
	OTLP string
	// Prometheus is the address to serve metrics at, as HOST:PORT; empty for
	// none. Port 0 is any free one.
	Prometheus string
	// Lineage is where OpenLineage events go; nil for none.
	Lineage *Lineage

	headers []header
}

// Lineage is a file that events are appended to, or an address that they are
// sent to: exactly one of them.
type Lineage struct {
	File Path
	// URL is an absolute address of scheme http or https, without credentials.
	URL string
}

// header is one header of requests to the collector. Its value is a function, so
// that no printing of the configuration shows it.
type header struct {
	name string
	read func(lookup func(string) (string, bool)) (SecretValue, error)
}

// Headers reads the headers that requests to the collector carry, by their name
// in lower case. Those with a block are read now: lookup finds variables, as
// os.LookupEnv does. All values are taken to be secret.
func (t *Telemetry) Headers(lookup func(string) (string, bool)) (map[string]SecretValue, error) {
	out := map[string]SecretValue{}
	for _, h := range t.headers {
		value, err := h.read(lookup)
		if err != nil {
			return nil, err
		}
		if !fieldValue(value.text) {
			return nil, fmt.Errorf("telemetry header %q: its value holds characters that no header may hold, such as a line end", h.name)
		}
		out[h.name] = value
	}
	return out, nil
}

func telemetryBlock() BlockSchema {
	return BlockSchema{
		Type: "telemetry", Description: "Who is told of runs. Without it nothing leaves the machine, and nothing listens.",
		Attributes: []AttributeSchema{
			{Name: "otlp", Type: TypeString, Description: "OpenTelemetry collector that gets traces and metrics, as the http or https address of OTLP over HTTP, such as \"http://localhost:4318\"."},
			{Name: "headers", Type: TypeMap, Description: "Headers of requests to the collector; a value may be sensitive."},
			{Name: "prometheus", Type: TypeString, Description: "Address to serve metrics at while a run lasts, such as \"127.0.0.1:9464\"."},
			{Name: "lineage", Type: TypePath, Description: "File that OpenLineage events are appended to, or the http or https address that they are sent to."},
		},
		Blocks: []BlockSchema{headerBlock()},
	}
}

func headerBlock() BlockSchema {
	b := secretBlock()
	b.Type, b.Description = "header", "A header of requests to the collector whose value stands elsewhere, and is read at the start of a run."
	return b
}

// telemetry reads the only telemetry block.
func (l *loader) telemetry() {
	b := l.only(l.blocks["telemetry"])
	if b == nil {
		return
	}
	s := l.section(telemetryBlock(), b)
	t := &Telemetry{OTLP: s.address("otlp"), Prometheus: s.listenAddress("prometheus"), Lineage: s.lineage()}
	t.headers = append(s.headers(), l.headerBlocks(s.blocks.OfType("header"))...)
	s.checkHeaders(t)
	l.cfg.Telemetry = t
}

// checkHeaders reports headers for nobody, and those that everybody could read.
func (s section) checkHeaders(t *Telemetry) {
	if len(t.headers) == 0 {
		return
	}
	u, err := url.Parse(t.OTLP)
	switch {
	case err != nil || s.attrs["otlp"] == nil:
		s.l.errorf(s.rangeFor("headers"), "Headers without an address", "Headers go to the collector that \"otlp\" names. Add it, or remove the headers.")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		s.l.add(warningAt(s.rangeFor("otlp"), "Headers in plain text",
			"Whoever is between here and %s can read the headers, since the address is http. Use https.", u.Host))
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// address reads an http or https address; empty when there is none.
func (s section) address(name string) string {
	text := s.text(name)
	if _, ok := s.attrs[name]; !ok || text == "" && s.l.diags.HasErrors() {
		return ""
	}
	if problem := checkAddress(text); problem != "" {
		s.l.errorf(s.rangeFor(name), "Invalid address", "%q takes an address such as \"https://host/path\": %s.", name, problem)
		return ""
	}
	return text
}

// checkAddress says what is wrong with an address; empty when nothing is.
func checkAddress(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsFunc(text, isControl):
		return "this one cannot be read"
	case u.Scheme != "http" && u.Scheme != "https":
		return "it starts with http:// or https://"
	case u.Hostname() == "":
		return "it names no host"
	case u.User != nil:
		return "it holds a name or a password, which plans and reports would show"
	case u.Fragment != "":
		return "what stands after # is never sent"
	}
	return ""
}

func isControl(r rune) bool { return r <= ' ' || r == 0x7f }

// listenAddress reads HOST:PORT; empty when there is none.
func (s section) listenAddress(name string) string {
	text := s.text(name)
	if _, ok := s.attrs[name]; !ok || text == "" && s.l.diags.HasErrors() {
		return ""
	}
	host, port, err := net.SplitHostPort(text)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || strings.ContainsFunc(host, isControl) {
		s.l.errorf(s.rangeFor(name), "Invalid address", "%q takes HOST:PORT such as \"127.0.0.1:9464\", not %q.", name, shorten(text))
		return ""
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10))
}

// lineage reads an address or a path.
func (s section) lineage() *Lineage {
	text := s.text("lineage")
	if _, ok := s.attrs["lineage"]; !ok {
		return nil
	}
	if strings.Contains(text, "://") {
		return &Lineage{URL: s.address("lineage")}
	}
	return &Lineage{File: s.path("lineage")}
}

// headers reads the map of headers, whose values may be sensitive: it is the one
// attribute that plans never show.
func (s section) headers() []header {
	attr, ok := s.attrs["headers"]
	if !ok {
		return nil
	}
	v, diags := s.scope.eval(attr.Expr)
	s.l.add(diags...)
	if diags.HasErrors() {
		return nil
	}
	v, _ = v.UnmarkDeep()
	if !v.CanIterateElements() || !v.Type().IsMapType() && !v.Type().IsObjectType() {
		s.l.errorf(attr.Expr.Range(), "Wrong type", "\"headers\" takes a map of texts, such as { \"x-team\" = \"vision\" }.")
		return nil
	}
	var out []header
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		name := strings.ToLower(key.AsString())
		if value.Type() != cty.String || value.IsNull() || !value.IsKnown() {
			s.l.errorf(s.entryRange("headers", key.AsString()), "Wrong type", "The header %q is not a text.", shorten(name))
			continue
		}
		if s.l.headerName(name, s.entryRange("headers", key.AsString())) && s.headerValue(name, value.AsString()) {
			out = append(out, header{name, func(func(string) (string, bool)) (SecretValue, error) {
				return SecretValue{value.AsString()}, nil
			}})
		}
	}
	return out
}

func (s section) headerValue(name, text string) bool {
	if fieldValue(text) {
		return true
	}
	s.l.errorf(s.entryRange("headers", name), "Invalid header", "The value of %q holds characters that no header may hold, such as a line end.", name)
	return false
}

// fieldValue reports a text that can be the value of a header.
func fieldValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// headerBlocks reads the headers whose values stand elsewhere.
func (l *loader) headerBlocks(blocks hcl.Blocks) []header {
	var out []header
	for _, b := range blocks {
		name := strings.ToLower(b.Labels[0])
		source, ok := l.secretSource(headerBlock(), b)
		if ok && l.headerName(name, b.LabelRanges[0]) {
			out = append(out, header{name, source.Read})
		}
	}
	return out
}

var headerPattern = pattern.Lazy("^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$")

// ownHeaders are set by the exporter itself.
var ownHeaders = []string{"connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"}

// headerName checks the name of a header and that it is given once.
func (l *loader) headerName(name string, at hcl.Range) bool {
	if !headerPattern().MatchString(name) {
		l.errorf(at, "Invalid name", "%q is not the name of a header.", shorten(name))
		return false
	}
	if slices.Contains(ownHeaders, name) {
		l.errorf(at, "Header of the protocol", "%q is set by the request itself. Remove it.", name)
		return false
	}
	return l.declareIn("telemetry ", "header", name, at)
}
