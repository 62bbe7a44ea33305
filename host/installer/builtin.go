// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/embedded"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// builtinName is the name of the embedded registry in its lock file.
const builtinName = "builtin"

// BuiltinScope is where the plugins of an embedded registry are locked: a scope of
// their own, one for each build of the host.
func BuiltinScope(store *install.Store, r embedded.Registry) (*install.Scope, error) {
	root, _, err := r.Trust()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(store.Root(), builtinName, fmt.Sprintf("%.16x", sha256.Sum256(root)))
	if err := durable.MakeDir(dir); err != nil {
		return nil, err
	}
	return store.Scope(dir)
}

// Builtin installs the plugins of the embedded registry, unless they are installed
// already. To run the host is to agree to what its own plugins ask for.
func Builtin(ctx context.Context, store *install.Store, r embedded.Registry, host Installer) (*install.Scope, error) {
	scope, err := BuiltinScope(store, r)
	if err != nil {
		return nil, err
	}
	i := &Installer{Store: store, Scope: scope, Host: host.Host, Protocols: host.Protocols}
	current, _, err := scope.Current()
	if err == nil && len(current.Plugins) > 0 && i.complete(current.Plugins) {
		return scope, nil
	}
	if i, err = OfHost(store, r, host); err != nil {
		return nil, err
	}
	ids, err := i.Registries.Plugins(ctx, builtinName)
	if err != nil {
		return nil, err
	}
	var wants []Want
	for _, id := range ids {
		wants = append(wants, Want{ID: id.String(), Registry: builtinName, From: "this host"})
	}
	plan, err := i.Plan(ctx, Request{Wants: wants, Online: true})
	if err != nil {
		return nil, err
	}
	plan.consented = true
	if _, err := i.Fetch(ctx, plan); err != nil {
		return nil, err
	}
	_, err = i.Commit(ctx, plan, "the plugins of this host")
	if _, ok := errors.AsType[*install.ChangedError](err); ok {
		return i.beaten(err)
	}
	return scope, err
}

// OfHost is the installer of the plugins of the embedded registry, which knows that
// registry and no other.
func OfHost(store *install.Store, r embedded.Registry, host Installer) (*Installer, error) {
	scope, err := BuiltinScope(store, r)
	if err != nil {
		return nil, err
	}
	registries, err := embeddedRegistries(r, scope)
	if err != nil {
		return nil, err
	}
	return &Installer{Registries: registries, Store: store, Scope: scope, Host: host.Host, Protocols: host.Protocols}, nil
}

// beaten is the scope when another host of the same build installed its plugins
// first, which are the same ones.
func (i *Installer) beaten(by error) (*install.Scope, error) {
	current, _, err := i.Scope.Current()
	if err != nil || len(current.Plugins) == 0 || !i.complete(current.Plugins) {
		return nil, by
	}
	return i.Scope, nil
}

// embeddedRegistries knows the embedded registry and no other.
func embeddedRegistries(r embedded.Registry, scope *install.Scope) (*Registries, error) {
	root, key, err := r.Trust()
	if err != nil {
		return nil, err
	}
	made, err := r.Made()
	if err != nil {
		return nil, err
	}
	c, err := trust.Open(trust.Options{
		Name: builtinName, Source: r, Root: root, LogKey: key, StateDir: filepath.Join(scope.Project(), "state"), Now: func() time.Time { return made },
	})
	if err != nil {
		return nil, err
	}
	return &Registries{
		Declared: []*config.Registry{{Name: builtinName}}, clients: map[string]*client{builtinName: {Client: c}},
	}, nil
}
