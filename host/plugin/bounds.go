// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// Defaults of the bounds in Spec and Options.
const (
	DefaultStartTimeout = 30 * time.Second
	DefaultCallTimeout  = 60 * time.Second
	DefaultDrainTimeout = 5 * time.Second
	DefaultMessageBytes = 16 << 20
	DefaultLogBytes     = 1 << 20
	DefaultLogRate      = 64 << 10
)

// Defaults of the limits that causes of death are told with. They are those of
// package sandbox, written out because a cause names the limit that was met.
const (
	defaultDataBytes  = 512 << 20
	defaultGroupBytes = 1 << 30
	defaultFileBytes  = 16 << 20
	defaultProcesses  = 64
	defaultOpenFiles  = 256
)

// minMessage leaves room for the messages that every plugin has, such as its
// description.
const minMessage = 64 << 10

// checkBounds fills in the defaults and refuses bounds that make no sense.
func (s *Spec) checkBounds() error {
	if s.StartTimeout < 0 || s.CallTimeout < 0 || s.LifeTime < 0 {
		return fmt.Errorf("plugin %q: a time limit is negative; use 0 for the default", s.Name)
	}
	s.StartTimeout = cmp.Or(s.StartTimeout, DefaultStartTimeout)
	s.CallTimeout = cmp.Or(s.CallTimeout, DefaultCallTimeout)
	s.MessageBytes = cmp.Or(s.MessageBytes, DefaultMessageBytes)
	s.LogBytes = cmp.Or(s.LogBytes, DefaultLogBytes)
	s.LogRate = cmp.Or(s.LogRate, DefaultLogRate)
	if s.MessageBytes < minMessage || s.MessageBytes > math.MaxInt32 {
		return fmt.Errorf("plugin %q: messages of %d bytes: choose a limit from 64 KiB to 2 GiB - 1", s.Name, s.MessageBytes)
	}
	l := &s.Limits
	l.DataBytes = cmp.Or(l.DataBytes, defaultDataBytes)
	l.GroupMemoryBytes = cmp.Or(l.GroupMemoryBytes, defaultGroupBytes)
	l.FileBytes = cmp.Or(l.FileBytes, defaultFileBytes)
	l.Processes = cmp.Or(l.Processes, defaultProcesses)
	l.OpenFiles = cmp.Or(l.OpenFiles, defaultOpenFiles)
	return nil
}
