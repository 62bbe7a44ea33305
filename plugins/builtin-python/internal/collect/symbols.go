// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var symbolDescriptions = []fact.Description{
	field(observed.TorchABI, "list", "Extensions outside torch that want C++ symbols which this torch lacks: distribution, path, symbol, count."),
	field(observed.UnmetVersions, "list", "Symbol versions that extensions want of the system's libraries, which lack them: distribution, version, library, needed_by, newest."),
	field(observed.UndefinedSymbols, "list", "Symbols that a library wants of another one which lacks them: symbol, version, needed_by, library, owner, provider."),
}

// symbols records what libraries want of each other and do not get.
func (o *observer) symbols(ctx context.Context, inv *inventory, loader *elfdeps.Loader, loads []observed.Load) {
	var list []observed.UndefinedSymbol
	var evidence []fact.Evidence
	for _, load := range loads {
		for _, l := range load.Lacking {
			list = append(list, observed.UndefinedSymbol{
				Symbol: l.Symbol, Version: l.Version, NeededBy: l.NeededBy, Library: l.Library, Framework: load.Framework,
				Owner: inv.installerOf(l.NeededBy), Provider: inv.installerOf(l.Library), FromEnvironment: l.FromEnvironment,
			})
			evidence = append(evidence, fact.File(l.NeededBy, 0, l.Symbol))
		}
	}
	if len(list) > 0 {
		o.add(observed.UndefinedSymbols, list, evidence...)
	}
	o.torchABI(ctx, inv, loader)
	o.unmetVersions(ctx, inv, loader)
}

// installerOf names the distribution whose RECORD lists a library, "" for none.
func (inv *inventory) installerOf(file string) string {
	if d := inv.ownerOf(file); d != nil {
		return d.Name
	}
	return ""
}

func (inv *inventory) ownerOf(file string) *dist.Distribution {
	for _, d := range inv.all {
		name, ok := strings.CutPrefix(file, d.Site+"/")
		if ok && d.Record != nil && slices.ContainsFunc(d.Record.Natives, func(e dist.Entry) bool { return e.Path == name }) {
			return d
		}
	}
	return nil
}

// releases are the versions of the libraries that hijacks replace: NVIDIA's
// packages count as the files of its toolkits do.
func (inv *inventory) releases(hijacks []elfdeps.Hijack) map[string]string {
	out := map[string]string{}
	for _, h := range hijacks {
		if d := inv.ownerOf(h.Bundled); d != nil {
			out[h.Bundled] = d.Version
		}
	}
	return out
}

// maxExtensions bounds the libraries that are compared with torch.
const maxExtensions = 256

// torchABI compares the extensions of other distributions with the symbols of
// the installed torch.
func (o *observer) torchABI(ctx context.Context, inv *inventory, loader *elfdeps.Loader) {
	site, ok := inv.module("torch")
	if !ok {
		return
	}
	escaped := escapeGlob(site)
	torch := append(o.target.Glob(path.Join(escaped, "torch/lib/*.so")), o.target.Glob(path.Join(escaped, "torch/_C.*.so"))...)
	if !slices.ContainsFunc(torch, func(file string) bool { return path.Base(file) == "libc10.so" }) {
		return // a torch without libraries has no symbols to compare with
	}
	extensions := torchExtensions(inv)
	missed := make([]*observed.ABIMiss, len(extensions))
	parallel(ctx, len(extensions), func(i int) { missed[i] = extensions[i].compare(loader, torch) })
	var list []observed.ABIMiss
	var evidence []fact.Evidence
	for _, m := range missed {
		if m != nil {
			list = append(list, *m)
			evidence = append(evidence, fact.File(m.Path, 0, m.Symbol))
		}
	}
	if len(list) > 0 {
		o.add(observed.TorchABI, list, evidence...)
	}
}

// extension is a shared library of a distribution outside torch.
type extension struct {
	dist *dist.Distribution
	file string
}

// torchExtensions lists the libraries that may be built against torch: those of
// distributions that require it, and those directly in a directory of packages,
// which is where torch's builder of extensions puts them.
func torchExtensions(inv *inventory) []extension {
	return inv.extensions(requiresTorch)
}

// extensions lists the libraries of the distributions that wanted selects, and
// those that lie directly in a directory of packages.
func (inv *inventory) extensions(wanted func(*dist.Distribution) bool) []extension {
	var out []extension
	for _, d := range inv.all {
		if d.Key == "torch" || d.Record == nil || len(d.Record.Natives) == 0 {
			continue
		}
		requires := wanted(d)
		for _, e := range d.Record.Natives {
			inTree := !strings.HasPrefix(e.Path, "../") && !strings.HasPrefix(e.Path, "/")
			if inTree && (requires || !strings.Contains(e.Path, "/")) && len(out) < maxExtensions {
				out = append(out, extension{d, path.Join(d.Site, e.Path)})
			}
		}
	}
	return out
}

func requiresTorch(d *dist.Distribution) bool {
	return slices.ContainsFunc(d.Metadata.RequiresDist, func(line string) bool {
		end := strings.IndexFunc(line, func(r rune) bool { return strings.ContainsRune(" ;[(<>=!~@", r) })
		if end < 0 {
			end = len(line)
		}
		return pep508.Normalize(line[:end]) == "torch"
	})
}

// compare returns what the extension lacks, nil when it lacks nothing or is not
// linked to torch.
func (x extension) compare(loader *elfdeps.Loader, torch []string) *observed.ABIMiss {
	needed, err := loader.Needed(x.file)
	if err != nil || !slices.ContainsFunc(needed, isTorchLibrary) {
		return nil
	}
	var siblings []string
	for _, e := range x.dist.Record.Natives {
		siblings = append(siblings, path.Join(x.dist.Site, e.Path))
	}
	missing, err := loader.Unprovided(x.file, isTorchSymbol, torch, siblings)
	if err != nil || len(missing) == 0 {
		return nil
	}
	return &observed.ABIMiss{Distribution: x.dist.Name, Path: x.file, Symbol: missing[0], Count: len(missing)}
}

func isTorchLibrary(name string) bool {
	return strings.HasPrefix(name, "libtorch") || strings.HasPrefix(name, "libc10")
}

// torchNamespaces are the mangled names of torch's namespaces.
var torchNamespaces = [][]byte{[]byte("3c10"), []byte("2at"), []byte("5torch"), []byte("6caffe2")}

// isTorchSymbol recognises symbols in a namespace of torch, and those of its C
// interfaces. Mangled names start with _Z, then N for a nested name, K for a
// const method, TV and TI for tables of types.
func isTorchSymbol(name []byte) bool {
	rest, mangled := bytes.CutPrefix(name, []byte("_Z"))
	if !mangled {
		return bytes.HasPrefix(name, []byte("aoti_torch_")) || bytes.HasPrefix(name, []byte("THPVariable"))
	}
	for _, table := range []string{"TV", "TI", "TS", "TT", "GV"} {
		if after, ok := bytes.CutPrefix(rest, []byte(table)); ok {
			rest = after
			break
		}
	}
	if rest, mangled = bytes.CutPrefix(rest, []byte("N")); !mangled {
		return false
	}
	rest = bytes.TrimLeft(rest, "KVrRO")
	return slices.ContainsFunc(torchNamespaces, func(space []byte) bool { return bytes.HasPrefix(rest, space) })
}
