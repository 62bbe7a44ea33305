// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// What one plugin may offer: so many collectors, checks and kernels, in so many
// bytes.
const (
	maxDescribed      = 10_000
	maxDescribedBytes = 4 << 20
)

// The forms of names; the contract suite asks for the same ones.
var (
	nameForm    = pattern.Lazy(`^[a-z][a-z0-9-]{0,62}$`)
	versionForm = pattern.Lazy(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`)
	codeForm    = pattern.Lazy(`^[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+$`)
	kernelForm  = pattern.Lazy(`^[a-z][a-z0-9_]*$`)
	addressForm = pattern.Lazy(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)
)

// describe asks a running plugin what it offers and checks the answer.
func describe(ctx context.Context, r *Running, patience time.Duration) (*pluginv1.DescribeResponse, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := pluginv1.NewPluginServiceClient(r.Conn()).Describe(bounded, &pluginv1.DescribeRequest{})
	switch {
	case err != nil && ctx.Err() == nil && bounded.Err() != nil:
		return nil, fmt.Errorf("plugin %q did not describe itself within %v; a description must wait for nothing, so report this to its author", r.Entry.Name, patience)
	case err != nil: // the connection has put in the cause of a death
		return nil, fmt.Errorf("plugin %q did not describe itself: %w", r.Entry.Name, plainly(err))
	}
	if err := checkDescription(r.Entry, d); err != nil {
		return nil, fmt.Errorf("plugin %q describes itself wrongly: %w; report this to its author", r.Entry.Name, err)
	}
	cleanDescription(d.ProtoReflect())
	return d, nil
}

// plainly is a failed call in the words of its status, without gRPC's own.
func plainly(err error) error {
	s, ok := status.FromError(err)
	if !ok || s.Message() == "" {
		return err
	}
	if _, died := errors.AsType[*plugin.CallFailure](err); s.Code() == codes.Unavailable && !died {
		return &callError{"it broke off the connection (" + s.Message() + ")", err}
	}
	return &callError{s.Message(), err}
}

// callError is a failed call in plain words.
type callError struct {
	words string
	err   error
}

// Error gives the words.
func (e *callError) Error() string { return e.words }

// Unwrap gives the error of the call.
func (e *callError) Unwrap() error { return e.err }

// checkDescription refuses what would mislead the user: another name or
// version than the manifest's, and names that are not what their kind has.
func checkDescription(e *Entry, d *pluginv1.DescribeResponse) error {
	if n := proto.Size(d); n > maxDescribedBytes {
		return fmt.Errorf("the description has %d bytes, and at most %d are taken", n, maxDescribedBytes)
	}
	if len(d.GetChecks())+len(d.GetKernels())+len(d.GetCollectors()) > maxDescribed {
		return fmt.Errorf("it offers more than %d things", maxDescribed)
	}
	if m := e.Manifest; m.Version != "" && (m.Name != d.GetName() || m.Version != d.GetVersion()) {
		return fmt.Errorf("it says %q %s, and its manifest says %q %s", d.GetName(), d.GetVersion(), m.Name, m.Version)
	}
	return checkNames(d)
}

// checkNames reports the first few names of a wrong form.
func checkNames(d *pluginv1.DescribeResponse) error {
	const most = 5
	var errs []error
	want := func(form func() *regexp.Regexp, what, name, rule string) {
		if len(errs) < most && !form().MatchString(name) {
			errs = append(errs, fmt.Errorf("%s %.80q is not %s", what, name, rule))
		}
	}
	want(nameForm, "its name", d.GetName(), "lower-case letters, digits and dashes")
	want(versionForm, "its version", d.GetVersion(), "MAJOR.MINOR.PATCH")
	for _, c := range d.GetChecks() {
		want(codeForm, "check code", c.GetCode(), "GROUP.NAME in lower-case letters, digits and dashes")
	}
	for _, k := range d.GetKernels() {
		want(kernelForm, "kernel name", k.GetName(), "lower-case letters, digits and underscores")
	}
	for _, c := range d.GetCollectors() {
		for _, f := range c.GetFacts() {
			want(addressForm, "fact address", f.GetAddress(), "dotted words of lower-case letters, digits and underscores")
		}
	}
	return errors.Join(errs...)
}

// cleanDescription takes out of every text what a terminal would obey.
func cleanDescription(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsList() && field.Kind() == protoreflect.StringKind:
			for i := range value.List().Len() {
				value.List().Set(i, protoreflect.ValueOfString(report.Clean(value.List().Get(i).String())))
			}
		case field.IsList() && field.Kind() == protoreflect.MessageKind:
			for i := range value.List().Len() {
				cleanDescription(value.List().Get(i).Message())
			}
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(report.Clean(value.String())))
		case field.Kind() == protoreflect.MessageKind:
			cleanDescription(value.Message())
		}
		return true
	})
}

// Describe returns what a plugin offers, from the cache when this very
// executable described itself before, else by starting it. Nobody may change it.
func (l *Launcher) Describe(ctx context.Context, name string) (*pluginv1.DescribeResponse, error) {
	if e, ok := l.Catalog.Entry(name); ok {
		if d := l.known(e); d != nil {
			return d, nil
		}
	}
	r, err := l.Start(ctx, name)
	if err != nil {
		return nil, err
	}
	return r.Description, nil
}

// known returns what the executable of a pinned digest said about itself before;
// nil when it must be asked. It is read once.
func (l *Launcher) known(e *Entry) *pluginv1.DescribeResponse {
	if e.Digest == "" {
		return nil
	}
	l.mu.Lock()
	d := l.described[e]
	l.mu.Unlock()
	if d != nil {
		return d
	}
	if d = l.recall(e.Digest); d == nil || checkDescription(e, d) != nil {
		return nil
	}
	l.knows(e, d)
	return d
}

// knows remembers the description of an entry for this launcher.
func (l *Launcher) knows(e *Entry, d *pluginv1.DescribeResponse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.described == nil {
		l.described = map[*Entry]*pluginv1.DescribeResponse{}
	}
	l.described[e] = d
}

// description is what a running plugin offers. One whose digest was pinned, and
// held against what runs, is not asked again what it has said before.
func (l *Launcher) description(ctx context.Context, r *Running, patience time.Duration) (*pluginv1.DescribeResponse, error) {
	if d := l.known(r.Entry); d != nil && r.Digest() == r.Entry.Digest {
		return d, nil
	}
	d, err := describe(ctx, r, patience)
	if err == nil && r.Entry.Digest != "" {
		l.knows(r.Entry, d)
	}
	if err == nil {
		l.remember(r.Digest(), d)
	}
	return d, err
}

func (l *Launcher) cache(part string) string {
	if l.CacheDir == "" {
		return ""
	}
	return filepath.Join(l.CacheDir, part)
}

func (l *Launcher) descriptionFile(digest string) string {
	return filepath.Join(l.cache("descriptions"), strings.ReplaceAll(digest, ":", "-")+".pb")
}

// recall reads a cached description; nil when there is none that can be read.
func (l *Launcher) recall(digest string) *pluginv1.DescribeResponse {
	if l.CacheDir == "" {
		return nil
	}
	data, err := os.ReadFile(l.descriptionFile(digest))
	if err != nil {
		return nil
	}
	var d pluginv1.DescribeResponse
	if proto.Unmarshal(data, &d) != nil {
		return nil
	}
	return &d
}

// remember caches a description. A cache that cannot be written costs time
// later and nothing else, so it is only logged.
func (l *Launcher) remember(digest string, d *pluginv1.DescribeResponse) {
	if l.CacheDir == "" || digest == "" || l.recall(digest) != nil {
		return
	}
	if err := writeAtomic(l.descriptionFile(digest), d); err != nil && l.Logger != nil {
		l.Logger.Debug("description not cached", "error", err)
	}
}

func writeAtomic(name string, d *pluginv1.DescribeResponse) error {
	data, err := proto.Marshal(d)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".description-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
