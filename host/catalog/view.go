// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"github.com/bulkhead-ml/bulkhead/host/target"
)

// View is what a plugin may see and do, without starting it.
func (l *Launcher) View(name string) (target.View, error) {
	s, err := l.slot(name)
	if err != nil {
		return target.View{}, err
	}
	return s.view, nil
}
