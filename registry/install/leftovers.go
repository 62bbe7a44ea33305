// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// unfinished matches the names that durable.Temp makes. A project's directory
// holds files of others, so the beginning of a name is not enough.
var unfinished = pattern.Lazy(`^` + durable.TempPrefix + `[A-Z2-7]{26}$`)

// sweepUnfinished removes files that a process did not come to rename before it
// died, when they are old enough that no other one will.
func sweepUnfinished(dir string, now time.Time) error {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range list {
		if unfinished().MatchString(e.Name()) && e.Type().IsRegular() && durable.Abandoned(e, now) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
