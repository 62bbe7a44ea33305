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

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// maxDescribed bounds what one plugin may offer.
const maxDescribed = 10_000

var slug = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$`)

// describe asks a running plugin what it offers and checks the answer.
func describe(ctx context.Context, r *Running) (*pluginv1.DescribeResponse, error) {
	d, err := pluginv1.NewPluginServiceClient(r.Conn()).Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return nil, fmt.Errorf("plugin %q did not describe itself: %w", r.Entry.Name, r.CallError(err))
	}
	if err := checkDescription(r.Entry, d); err != nil {
		return nil, fmt.Errorf("plugin %q describes itself wrongly: %w", r.Entry.Name, err)
	}
	return d, nil
}

// checkDescription refuses what would mislead the user: another name or
// version than the manifest's, and codes that are not slugs.
func checkDescription(e *Entry, d *pluginv1.DescribeResponse) error {
	var errs []error
	if m := e.Manifest; m.Version != "" && (m.Name != d.GetName() || m.Version != d.GetVersion()) {
		errs = append(errs, fmt.Errorf("it says %q %s, and its manifest says %q %s",
			d.GetName(), d.GetVersion(), m.Name, m.Version))
	}
	if len(d.GetChecks())+len(d.GetKernels())+len(d.GetCollectors()) > maxDescribed {
		return fmt.Errorf("it offers more than %d things", maxDescribed)
	}
	for _, c := range d.GetChecks() {
		if !slug.MatchString(c.GetCode()) || !strings.Contains(c.GetCode(), ".") {
			errs = append(errs, fmt.Errorf("check code %q is not GROUP.NAME in lower-case letters, digits and dashes", c.GetCode()))
		}
	}
	return errors.Join(errs...)
}

// Describe returns what a plugin offers, from the cache when this very
// executable described itself before, else by starting it.
func (l *Launcher) Describe(ctx context.Context, name string) (*pluginv1.DescribeResponse, error) {
	if e, ok := l.Catalog.Entry(name); ok && e.Digest != "" {
		if d := l.recall(e.Digest); d != nil && checkDescription(e, d) == nil {
			return d, nil
		}
	}
	r, err := l.Start(ctx, name)
	if err != nil {
		return nil, err
	}
	return r.Description, nil
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
