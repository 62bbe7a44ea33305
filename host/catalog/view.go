// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/host/target"
)

// View is what a plugin may see and do, without starting it.
func (l *Launcher) View(name string) (target.View, error) {
	e, ok := l.Catalog.Entry(name)
	if !ok {
		return target.View{}, fmt.Errorf("no plugin %q is installed; `bulkhead plugin list` shows those that are", name)
	}
	s, err := l.slot(e)
	if err != nil {
		return target.View{}, err
	}
	return s.view, nil
}
