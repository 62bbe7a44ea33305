// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// maxRoot bounds the file of a first root, in bytes.
const maxRoot = 512 << 10

// Registries are those that a project and its user trust, opened when they are
// first asked. It is safe for concurrent use.
type Registries struct {
	// Declared by the configuration, and the User's own, which those hide.
	Declared, User []*config.Registry
	// StateDir keeps what was last known of each.
	StateDir string
	// LookupEnv finds tokens, as os.LookupEnv does.
	LookupEnv func(string) (string, bool)
	// Progress is told how far refreshes and downloads are; nil tells nobody.
	Progress func(trust.Event)
	// Meet is asked about a registry that only the project declares; nil, where
	// nobody can be asked, agrees.
	Meet Meet

	mu      sync.Mutex
	clients map[string]*client
}

// client is one registry that was opened.
type client struct {
	*trust.Client
	mu        sync.Mutex // held while it is refreshed
	refreshed bool
	freshness *trust.Freshness
}

// find is the registry of a name; "" is the only one there is.
func (r *Registries) find(name string) (*config.Registry, error) {
	all := slices.Concat(r.Declared, r.User)
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
	}
	switch {
	case name != "" && len(all) > 0:
		return nil, fmt.Errorf("no registry %q is declared; there are %s", name, strings.Join(r.names(), ", "))
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "" && len(all) > 1:
		return nil, fmt.Errorf("several registries are known (%s); say which one with registry = \"NAME\" in the plugin's block, or --registry", strings.Join(r.names(), ", "))
	}
	return nil, errors.New("no registry is known; declare one in a registry block of the configuration, or trust one for all projects with `bulkhead registry trust`")
}

func (r *Registries) names() []string {
	var out []string
	for _, c := range slices.Concat(r.Declared, r.User) {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Name is the name of the registry that a plugin comes from, which may not say so.
func (r *Registries) Name(name string) (string, error) {
	c, err := r.find(name)
	if err != nil {
		return "", err
	}
	return c.Name, nil
}

// open returns the client of a registry.
func (r *Registries) open(ctx context.Context, name string) (*client, error) {
	declared, err := r.find(name)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[declared.Name]; c != nil {
		return c, nil
	}
	opened, err := r.connect(ctx, declared)
	if err != nil {
		return nil, fmt.Errorf("registry %q (%s): %w", declared.Name, declared.Range, err)
	}
	if r.clients == nil {
		r.clients = map[string]*client{}
	}
	c := &client{Client: opened}
	r.clients[declared.Name] = c
	return c, nil
}

func (r *Registries) connect(ctx context.Context, c *config.Registry) (*trust.Client, error) {
	root, err := readRoot(c.Root.Absolute)
	if err != nil {
		return nil, err
	}
	if err := r.meet(ctx, c, root); err != nil {
		return nil, err
	}
	options := files.Options{CAFile: c.CAFile.Absolute}
	if c.Token != nil {
		token, err := c.Token.Read(r.LookupEnv)
		if err != nil {
			return nil, err
		}
		options.Token = token.Reveal()
	}
	source, err := files.OpenSource(c.Address, options)
	if err != nil {
		return nil, err
	}
	return trust.Open(trust.Options{
		Name: c.Name, Source: source, Root: root, LogKey: c.LogKey, StateDir: r.StateDir, Offline: c.OfflineGrace,
		Progress: r.Progress,
	})
}

// readRoot reads the file of a first root.
func readRoot(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("its first root of trust is not there: %w; get it from the people behind the registry", err)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("its first root of trust is no regular file: %s", name) // a pipe would make us wait
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRoot+1))
	if len(data) > maxRoot {
		err = fmt.Errorf("%s has more than %d bytes, so it is no root of trust", name, maxRoot)
	}
	return data, err
}

// Refresh brings what is known of a registry up to date, once.
func (r *Registries) Refresh(ctx context.Context, name string) (*trust.Freshness, error) {
	c, err := r.open(ctx, name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refreshed {
		return c.freshness, nil
	}
	if c.freshness, err = c.Refresh(ctx); err == nil {
		c.refreshed = true
	}
	return c.freshness, err
}

// Releases are those of a plugin, newest first.
func (r *Registries) Releases(ctx context.Context, registry string, id release.ID) ([]release.Known, error) {
	if _, err := r.Refresh(ctx, registry); err != nil {
		return nil, err
	}
	c, err := r.open(ctx, registry)
	if err != nil {
		return nil, err
	}
	list, err := c.Releases(ctx, id)
	slices.SortFunc(list, func(a, b release.Known) int { return release.Compare(b.Version, a.Version) })
	return list, err
}

// Plugins are all that a registry has, in order.
func (r *Registries) Plugins(ctx context.Context, registry string) ([]release.ID, error) {
	if _, err := r.Refresh(ctx, registry); err != nil {
		return nil, err
	}
	c, err := r.open(ctx, registry)
	if err != nil {
		return nil, err
	}
	list, err := c.Plugins(ctx)
	slices.SortFunc(list, func(a, b release.ID) int { return cmp.Compare(a.String(), b.String()) })
	return list, err
}

// fetch brings the archive of a release into a directory.
func (r *Registries) fetch(ctx context.Context, k release.Known, platform, dir string) (*trust.Fetched, error) {
	c, err := r.open(ctx, k.Registry)
	if err != nil {
		return nil, err
	}
	return c.Fetch(ctx, k, platform, dir)
}

// prove says how a release is known, of which the files are here already.
func (r *Registries) prove(ctx context.Context, k release.Known) ([]trust.Evidence, error) {
	c, err := r.open(ctx, k.Registry)
	if err != nil {
		return nil, err
	}
	return c.Prove(ctx, k)
}
