// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/upgrade"
)

// recovered finishes changes of the user's and the project's plugins whose host died
// behind their switch, and reads the configuration again when it has edited some of it.
func (s *session) recovered(ctx context.Context, paths []string) error {
	store, err := pluginStore()
	if err != nil {
		return nil // there is no place where anything could have been left
	}
	var edited []string
	for _, dir := range slices.Compact([]string{"", projectDir(s.cfg)}) {
		scope, err := store.Scope(dir)
		if err != nil {
			continue // whoever needs the scope says so
		}
		files, err := upgrade.Recover(scope, s.auditLog)
		if err != nil {
			s.app.warn("a bulkhead that died had changed what %s locks, and not all that belongs to it: %v", scope.Lock(), err)
		}
		edited = append(edited, files...)
	}
	if len(edited) == 0 {
		return nil
	}
	s.app.warn("a bulkhead that died had changed the plugins of this project; its configuration was brought up to that: %s", strings.Join(edited, ", "))
	s.notes = nil
	return s.load(ctx, paths)
}
