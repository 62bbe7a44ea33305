// SPDX-License-Identifier: Apache-2.0

package table

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	_ "time/tzdata" // a sandbox has no zones of its own
)

// maxZone is the length of a time zone's name in bytes; the longest of the IANA
// database has 32.
const maxZone = 64

// zones remembers the time zones that this machine knows: to look one up reads
// a file, and every schema from the wire asks.
var zones = zoneCache{names: map[string]bool{}}

type zoneCache struct {
	mu    sync.RWMutex
	names map[string]bool
}

// maxZones bounds what strangers can make the cache hold; the IANA database has
// about 600 names.
const maxZones = 2048

func (c *zoneCache) known(name string) bool {
	c.mu.RLock()
	known := c.names[name]
	c.mu.RUnlock()
	if known {
		return true
	}
	if _, err := (&arrow.TimestampType{TimeZone: name}).GetZone(); err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) < maxZones {
		c.names[name] = true
	}
	return true
}
