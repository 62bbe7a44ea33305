// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Registry is a place that plugins come from, and what it is trusted by.
type Registry struct {
	Name string
	// Address is an https, file or oci address, or a directory's absolute path.
	Address string
	// Root is the file of the first root of trust, which came by another way than
	// the registry itself.
	Root Path
	// LogKey verifies the transparency log: NAME+HASH+KEY.
	LogKey string
	// OfflineGrace is for how long after their expiry metadata are still taken
	// when the registry cannot be reached; zero is not at all.
	OfflineGrace time.Duration
	// CAFile has further certificates that the server may be known by.
	CAFile Path
	// Token is sent to the server; nil without one.
	Token *SecretSource
	Range Range
}

// registrySchemes are the schemes of addresses.
const registrySchemes = "https://, file://, oci:// or, on this machine, http://"

func registryBlock() BlockSchema {
	token := secretBlock()
	token.Type, token.Labels, token.Repeats = "token", nil, false
	token.Description = "Where the bearer token stands that the server asks for."
	return BlockSchema{
		Type: "registry", Labels: []string{"name"}, Repeats: true,
		Description: "A registry that plugins are installed from, and what it is trusted by.",
		Attributes: []AttributeSchema{
			{Name: "address", Type: TypeString, Required: true,
				Description: "Where its files are: an address that begins with " + registrySchemes + ", or a directory that starts with ./, ../ or /."},
			{Name: "root", Type: TypePath, Required: true,
				Description: "File of the first root of trust, as `bulkhead registry init` wrote it. Get it from the people behind the registry, not from its server."},
			{Name: "log_key", Type: TypeString, Required: true, Description: "Key of its transparency log, as `bulkhead registry init` printed it."},
			{Name: "offline_grace", Type: TypeDuration,
				Description: "For how long expired metadata are still taken when the registry cannot be reached. Without it they are refused at once."},
			{Name: "ca_file", Type: TypePath, Description: "Certificates in PEM that the server may be known by, beside those of the system."},
		},
		Blocks: []BlockSchema{token},
	}
}

// registries reads the registry blocks.
func (l *loader) registries() {
	for _, b := range l.blocks["registry"] {
		name, ok := l.label(b, "registry")
		s := l.section(registryBlock(), b)
		r := &Registry{
			Name: name, Address: s.registryAddress(), Root: s.path("root"), LogKey: s.logKey(),
			OfflineGrace: s.duration("offline_grace"), CAFile: s.path("ca_file"), Range: rangeOf(b.DefRange),
		}
		if inner := l.only(s.blocks.OfType("token")); inner != nil {
			r.Token = l.token(inner)
		}
		if ok {
			l.cfg.Registries = append(l.cfg.Registries, r)
		}
	}
}

// token reads where a token stands.
func (l *loader) token(b *hcl.Block) *SecretSource {
	named := *b
	named.Labels, named.LabelRanges = []string{"token"}, []hcl.Range{b.DefRange}
	schema := secretBlock()
	schema.Type = "token"
	source, ok := l.secretSource(schema, &named)
	if !ok {
		return nil
	}
	return &source
}

// registryAddress reads an address or a directory.
func (s section) registryAddress() string {
	text := s.text("address")
	if text == "" {
		return ""
	}
	if isPath(text) {
		return s.path("address").Absolute
	}
	if problem := checkRegistryAddress(text); problem != "" {
		s.l.errorf(s.rangeFor("address"), "Invalid address", "%q takes %s: %s.", "address", "an address that begins with "+registrySchemes+", or a directory that starts with ./, ../ or /", problem)
		return ""
	}
	return text
}

// checkRegistryAddress says what is wrong with an address; empty when nothing is.
func checkRegistryAddress(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsFunc(text, isControl):
		return "this one cannot be read"
	case u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return ""
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "whoever is on the way could hold back what this one sends, since it is http"
	case u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "oci":
		return "this one begins with none of them"
	case u.Hostname() == "":
		return "it names no host"
	case u.User != nil:
		return "it holds a name or a password; use a token block"
	case u.Fragment != "" || u.RawQuery != "":
		return "nothing may stand after ? or #"
	}
	return ""
}

// logKey reads the key of a log.
func (s section) logKey() string {
	text := s.text("log_key")
	if text == "" {
		return ""
	}
	if _, err := note.NewVerifier(text); err != nil {
		s.l.errorf(s.rangeFor("log_key"), "Invalid key", "The key of a log looks like NAME+HASH+KEY, as `bulkhead registry init` printed it; this one cannot be read.")
		return ""
	}
	return text
}

// isPath reports a text that names a file by where it stands.
func isPath(text string) bool {
	for _, prefix := range []string{"./", "../", "/", `.\`, `..\`} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return isDrivePath(text)
}

// The kinds of sources of a plugin that are no paths.
var (
	builtinSource   = pattern.Lazy(`^builtin/[a-z0-9][a-z0-9-]*$`)
	installedSource = pattern.Lazy(`^installed/[a-z0-9][a-z0-9-]*$`)
	registrySource  = pattern.Lazy(`^[a-z][a-z0-9-]{0,38}/[a-z][a-z0-9-]{0,62}$`)
)

// fromRegistry reports a source NAMESPACE/NAME.
func fromRegistry(source string) bool {
	return registrySource().MatchString(source) && !builtinSource().MatchString(source) && !installedSource().MatchString(source)
}

// origin reads where a plugin comes from: the path of an executable, or its name
// in a registry.
func (s section) origin(p *Plugin) {
	_, chosen := s.attrs["registry"]
	switch {
	case fromRegistry(p.Source):
		p.ID, p.Registry, p.Prerelease = p.Source, s.registry(), s.flag("prerelease")
		return
	case p.Source == "" || builtinSource().MatchString(p.Source) || installedSource().MatchString(p.Source):
	case isPath(p.Source):
		p.Executable = s.path("source")
	default:
		s.l.errorf(s.rangeFor("source"), "Invalid source",
			"%q is none of builtin/NAME, installed/NAME, NAMESPACE/NAME in a registry, and a path that starts with ./, ../ or /.", shorten(p.Source))
	}
	if chosen {
		s.l.errorf(s.rangeFor("registry"), "Registry without a use", "Only a source NAMESPACE/NAME comes from a registry, and this is %q. Remove the line.", shorten(p.Source))
	}
}

// registry is the name of the registry of a plugin: the one that it names, or else
// the only one. Without any it is one of the user's own, of which a configuration
// knows nothing.
func (s section) registry() string {
	if name := s.text("registry"); name != "" {
		return name
	}
	declared := s.l.cfg.Registries
	if len(declared) > 1 {
		s.l.errorf(s.rangeFor("source"), "Registry missing", "Several registries are declared. Say which one this comes from: registry = %q.", declared[0].Name)
	}
	if len(declared) == 0 {
		return ""
	}
	return declared[0].Name
}

// CheckRegistry says what is wrong with a registry that stands in no file: its
// name, its address or its key. A directory becomes absolute.
func CheckRegistry(r *Registry) error {
	if !validLabel().MatchString(r.Name) {
		return fmt.Errorf("the name %q cannot be referred to; names have letters, digits, dashes and underscores, and start with a letter", shorten(r.Name))
	}
	if _, err := note.NewVerifier(r.LogKey); err != nil {
		return errors.New("the key of a log looks like NAME+HASH+KEY, as `bulkhead registry init` printed it; this one cannot be read")
	}
	if isPath(r.Address) {
		abs, err := filepath.Abs(r.Address)
		r.Address = abs
		return err
	}
	if problem := checkRegistryAddress(r.Address); problem != "" {
		return fmt.Errorf("an address begins with %s, or is a directory that starts with ./, ../ or /: %s", registrySchemes, problem)
	}
	return nil
}
