// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/report"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Started is a plugin that was launched.
type Started struct {
	Conn grpc.ClientConnInterface
	// Target is the machine as this plugin sees it.
	Target *pluginv1.Target
	// Sandbox is what stands around it, for the report.
	Sandbox report.Sandbox
	// Private says that it sees nothing of the machine but what it was granted;
	// without a private root it may look at more.
	Private bool
}

// launches remembers the plugins of one diagnosis that were needed, and of which
// the facts were kept from before.
type launches struct {
	mu      sync.Mutex
	running map[string]Started
	kept    map[string]kept
}

// kept tells of an answer that was kept from before.
type kept struct {
	// sandbox stood around the plugin when it gave it.
	sandbox report.Sandbox
	// facts: it was facts, of that age, rather than findings.
	facts bool
	age   time.Duration
}

func newLaunches() *launches {
	return &launches{running: map[string]Started{}, kept: map[string]kept{}}
}

// start returns the running plugin. One that was launched before the diagnosis
// has its connection already.
func (l *launches) start(ctx context.Context, p Plugin) (Started, error) {
	if p.Start == nil {
		return Started{Conn: p.Conn, Target: p.Target, Sandbox: p.Sandbox}, nil
	}
	s, err := p.Start(ctx)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running[p.Name] = s
	}
	return s, err
}

// keeps notes that an answer of a plugin was kept from before.
func (l *launches) keeps(p Plugin, k kept) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept[p.Name] = k
}

// describe fills in what stands around a plugin, or stood when it gave the answer
// that was kept. It reports whether the plugin took part.
func (l *launches) describe(p Plugin, out *report.Plugin) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k, cached := l.kept[p.Name]
	s, running := l.running[p.Name]
	switch {
	case running:
		out.Sandbox = s.Sandbox
	case cached && out.Sandbox.Level == "":
		out.Sandbox = k.sandbox
	}
	if k.facts {
		out.Cached, out.CachedAgeMS = true, milliseconds(k.age)
	}
	return running || cached
}
