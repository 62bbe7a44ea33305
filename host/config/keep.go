// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// Cache bounds the store of outcomes: tables and states that kernels made, kept
// to be used again. Which of them are kept is for Pipeline.Caches to say.
type Cache struct {
	// MaxSize of all that is kept, in bytes; the least recently used goes first.
	MaxSize uint64
	// MaxAge since an outcome was last used.
	MaxAge time.Duration
	// Range of the block; zero when there is none.
	Range Range
}

// cacheSizes has the one bound of the store in bytes.
var cacheSizes = []sizeLimit{{name: "max_size", least: "1MiB", fallback: "10GiB",
	description: "Disk that the outcomes which are kept take together; the least recently used go first."}}

func cacheBlock() BlockSchema {
	return BlockSchema{
		Type: "cache", Description: "Bounds of what is kept of the work of pipelines, to be used again.",
		Attributes: append(sizeAttributes(cacheSizes),
			AttributeSchema{Name: "max_age", Type: TypeDuration, Default: "720h", Description: "Time without use after which an outcome goes."}),
	}
}

// cache reads the only cache block, or takes its defaults.
func (l *loader) cache() {
	s := l.section(cacheBlock(), l.orEmpty("cache"))
	l.cfg.Cache = Cache{MaxSize: s.size(cacheSizes[0]), MaxAge: s.duration("max_age"), Range: rangeOf(s.at)}
}
