// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Chain finds keys by their ID in several places, and opens each at most once.
// It is safe for concurrent use.
type Chain struct {
	mu     sync.Mutex
	open   map[string]*Key
	places []func(id string) (*Key, error)
	names  []string
}

// NewChain is a chain of keys that are open. It takes them over: Close wipes them.
func NewChain(open ...*Key) *Chain {
	c := &Chain{open: map[string]*Key{}}
	for _, k := range open {
		c.Add(k)
	}
	return c
}

// Add gives the chain a key that is open, and takes it over.
func (c *Chain) Add(k *Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[k.Public().ID()] = k
}

// AddStore makes the chain look in a store, after the places that it has.
func (c *Chain) AddStore(s Store) {
	c.add(s.String(), func(id string) (*Key, error) {
		list, err := s.List()
		for _, p := range list {
			if p.ID() == id {
				return s.Load(p.Name)
			}
		}
		return nil, err
	})
}

// AddFile makes the chain look at a key file. It is read now, and opened when its
// key is asked for.
func (c *Chain) AddFile(name string, pass Passphrase) (Public, error) {
	public, err := ReadPublic(name)
	if err != nil {
		return Public{}, err
	}
	c.add(name, func(id string) (*Key, error) {
		if public.ID() != id {
			return nil, nil
		}
		return LoadFile(name, pass)
	})
	return public, nil
}

func (c *Chain) add(name string, find func(string) (*Key, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names, c.places = append(c.names, name), append(c.places, find)
}

// Find gives the key with an ID; ErrNotExist when no place has it. The chain keeps
// the key: do not wipe it.
func (c *Chain) Find(id string) (*Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.open[id]; k != nil {
		return k, nil
	}
	var failures []error
	for _, find := range c.places {
		k, err := find(id)
		if k != nil && k.Public().ID() != id { // it was replaced after it was listed
			err = fmt.Errorf("the key %s was replaced by another one meanwhile; run the command again", k.Public().Name)
			k.Wipe()
			k = nil
		}
		if k != nil {
			c.open[id] = k
			return k, nil
		}
		failures = append(failures, err)
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the key %.12s is in none of the places (%s): %w", id, strings.Join(c.names, ", "), ErrNotExist)
}

// Close wipes the keys that were opened.
func (c *Chain) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, k := range c.open {
		k.Wipe()
		delete(c.open, id)
	}
}
