// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/pkgindex"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var indexCollector = fact.Collector{
	Name:    "package-index",
	Summary: "package indexes that pip and uv are told to use, without passwords",
	Facts: []fact.Description{
		{Address: "net.package_indexes", Summary: "settings of pip and uv: {tool, origin, line, key, value}; the origin is a file or a variable, and user, password and query are taken out of the value", Type: "list"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		var (
			out      []indexSetting
			evidence []fact.Evidence
		)
		for _, f := range indexFiles(t) {
			data, err := t.ReadFile(f.path)
			if err != nil {
				continue
			}
			for _, s := range f.parse(data) {
				out = append(out, indexSetting{Tool: f.tool, Origin: f.path, Setting: s})
				evidence = append(evidence, fact.File(f.path, s.Line, s.Key+" = "+s.Value))
			}
		}
		for _, s := range indexVariables(t) {
			out = append(out, s)
			evidence = append(evidence, fact.Call("environment", s.Origin+"="+s.Value))
		}
		if out != nil {
			r.Add("net.package_indexes", out, evidence...)
		}
		return nil
	},
}

// indexSetting is an element of net.package_indexes.
type indexSetting struct {
	// Tool is pip or uv.
	Tool string `json:"tool"`
	// Origin is the path of a file or the name of a variable.
	Origin string `json:"origin"`
	pkgindex.Setting
}

type indexFile struct {
	tool, path string
	parse      func([]byte) []pkgindex.Setting
}

// indexFiles lists the configuration files of pip and uv on Linux and macOS.
func indexFiles(t *fact.Target) []indexFile {
	uv := func(data []byte) []pkgindex.Setting { return pkgindex.UV(data, "") }
	out := []indexFile{{"pip", "/etc/pip.conf", pkgindex.Pip}, {"uv", "/etc/uv/uv.toml", uv}}
	if path.IsAbs(t.Home) {
		config := path.Join(t.Home, ".config")
		if xdg := t.Env["XDG_CONFIG_HOME"]; path.IsAbs(xdg) {
			config = xdg
		}
		out = append(out, indexFile{"pip", path.Join(config, "pip/pip.conf"), pkgindex.Pip},
			indexFile{"pip", path.Join(t.Home, ".pip/pip.conf"), pkgindex.Pip},
			indexFile{"uv", path.Join(config, "uv/uv.toml"), uv})
	}
	for _, v := range []indexFile{{"pip", "PIP_CONFIG_FILE", pkgindex.Pip}, {"uv", "UV_CONFIG_FILE", uv}} {
		if name := t.Env[v.path]; path.IsAbs(name) {
			out = append(out, indexFile{v.tool, name, v.parse})
		}
	}
	if env := t.Env["VIRTUAL_ENV"]; path.IsAbs(env) {
		out = append(out, indexFile{"pip", path.Join(env, "pip.conf"), pkgindex.Pip})
	}
	if path.IsAbs(t.ProjectDir) {
		out = append(out, indexFile{"uv", path.Join(t.ProjectDir, "uv.toml"), uv})
	}
	return out
}

// indexNames are the variables and the settings that they stand for.
var indexNames = []struct{ tool, name, key string }{
	{"pip", "PIP_INDEX_URL", "index-url"}, {"pip", "PIP_EXTRA_INDEX_URL", "extra-index-url"},
	{"pip", "PIP_FIND_LINKS", "find-links"}, {"pip", "PIP_NO_INDEX", "no-index"},
	{"uv", "UV_DEFAULT_INDEX", "default-index"}, {"uv", "UV_INDEX", "index"}, {"uv", "UV_INDEX_URL", "index-url"},
	{"uv", "UV_EXTRA_INDEX_URL", "extra-index-url"}, {"uv", "UV_FIND_LINKS", "find-links"},
}

func indexVariables(t *fact.Target) []indexSetting {
	var out []indexSetting
	for _, v := range indexNames {
		for _, value := range strings.Fields(t.Env[v.name]) {
			out = append(out, indexSetting{Tool: v.tool, Origin: v.name, Setting: pkgindex.Setting{Key: v.key, Value: pkgindex.WithoutUser(value)}})
		}
	}
	return out
}
