// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/upgrade"
)

// recovered finishes a change of the project's plugins whose host died before it
// had edited the configuration, and reads the configuration again when it has
// edited some of it.
func (s *session) recovered(ctx context.Context, paths []string) error {
	dir := projectDir(s.cfg)
	if dir == "" {
		return nil
	}
	store, err := pluginStore()
	if err != nil {
		return nil // there is no place where anything could have been left
	}
	scope, err := store.Scope(dir)
	if err != nil {
		return nil // whoever needs the scope says so
	}
	edited, err := upgrade.Recover(scope)
	if err != nil {
		s.app.warn("a bulkhead that died has changed the plugins of this project and not its configuration: %v", err)
	}
	if len(edited) == 0 {
		return nil
	}
	s.app.warn("a bulkhead that died had changed the plugins of this project; its configuration was brought up to that: %s", strings.Join(edited, ", "))
	s.notes = nil
	return s.load(ctx, paths)
}
