// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// lies are said on the lane after everything went right up to there.
var lies = map[string]struct {
	says string
	lie  func(l *liar, n int) error
}{
	"beyond the arena": {"of an arena of", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, At: 1 << 40, Bytes: 64, Rows: 10})
	}},
	"overflow": {"of an arena of", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, At: 64, Bytes: 1<<64 - 32, Rows: 10})
	}},
	"across the end": {"of an arena of", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, At: uint64(len(l.output.Bytes()) - 64), Bytes: 128, Rows: 10})
	}},
	"odd place": {"of an arena of", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, At: 3, Bytes: uint64(n), Rows: 10})
	}},
	"no table of buffers": {"output batch 1", func(l *liar, n int) error { return l.say(arena.Message{Kind: arena.Batch, Bytes: 8, Rows: 10}) }},
	"other rows":          {"output batch 1", func(l *liar, n int) error { return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 11}) }},
	"many rows": {"output batch 1", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 1<<63 + 10})
	}},
	"garbage": {"output batch 1", func(l *liar, n int) error {
		clear(l.output.Bytes()[:n])
		l.output.Bytes()[0] = 9
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10})
	}},
	"same of nothing": {"there is not", func(l *liar, n int) error {
		l.output.Bytes()[0] = 2
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10})
	}},
	"same of another": {"was never sent", func(l *liar, n int) error {
		l.output.Bytes()[0] = 2
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10, Same: 77})
	}},
	"same of what is done": {"which is done", func(l *liar, n int) error {
		l.output.Bytes()[0] = 2
		return errors.Join(l.say(arena.Message{Kind: arena.Done, Seq: 1}), l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10, Same: 1}))
	}},
	"same of no column": {"of an input of 1", func(l *liar, n int) error {
		l.output.Bytes()[0], l.output.Bytes()[4] = 2, 200
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10, Same: 1})
	}},
	"same of other rows": {"has 10 rows and not 9", func(l *liar, n int) error {
		l.output.Bytes()[0] = 2
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 9, Same: 1})
	}},
	"done twice": {"which it does not have", func(l *liar, n int) error {
		return errors.Join(l.say(arena.Message{Kind: arena.Done, Seq: 1}), l.say(arena.Message{Kind: arena.Done, Seq: 1}))
	}},
	"done of nothing": {"which it does not have", func(l *liar, n int) error { return l.say(arena.Message{Kind: arena.Done, Seq: 1 << 60}) }},
	"another call": {"a message of call 9", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, Call: 9, Bytes: uint64(n), Rows: 10})
	}},
	"a message of the host": {"a message of kind 9", func(l *liar, n int) error { return l.say(arena.Message{Kind: arena.Free}) }},
	"an unknown message":    {"not a message", func(l *liar, n int) error { return l.say(arena.Message{Kind: 99}) }},
	"origins beyond": {"of an arena of", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10, Origins: arena.Listed, Origin: 1 << 50})
	}},
	"origins out of range": {"origins rise", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10, Origins: arena.Consecutive, Origin: 1<<64 - 5})
	}},
	"rows from nowhere": {"10 were sent", func(l *liar, n int) error {
		return l.say(arena.Message{Kind: arena.Batch, Bytes: uint64(n), Rows: 10, Origins: arena.Consecutive, Origin: 5})
	}},
	"the result before all": {"before the end of the output", func(l *liar, n int) error { return l.result(&pluginv1.Result{RowsIn: 10}) }},
	"a lane that is closed": {"before the end of the output", func(l *liar, n int) error {
		_ = l.lane.Close()
		time.Sleep(50 * time.Millisecond)
		return l.result(&pluginv1.Result{RowsIn: 10})
	}},
	"rows that do not arrive": {"wrote 10 rows, and 0 arrived", func(l *liar, n int) error {
		return errors.Join(l.say(arena.Message{Kind: arena.Done, Seq: 1}), l.say(arena.Message{Kind: arena.End}), l.result(&pluginv1.Result{RowsIn: 10, RowsOut: 10}))
	}},
}

// TestNoise: messages of random content, in memory of random content, end a call
// with an error or are right by chance.
func TestNoise(t *testing.T) {
	for round := range uint64(300) {
		random := rand.New(rand.NewPCG(5, round))
		small := func() uint64 {
			return []uint64{0, 1, 8, 10, 64, 4096, uint64(random.IntN(1 << 20)), random.Uint64()}[random.IntN(8)]
		}
		k := serveLiar(t, dataplane.Options{}, func(l *liar) error {
			if err := errors.Join(l.tell(), l.until(arena.End)); err != nil {
				return err
			}
			l.put(10)
			for range random.IntN(5) {
				l.output.Bytes()[random.IntN(200)] = byte(random.IntN(256))
			}
			for range 20 {
				m := arena.Message{Kind: arena.Kind(1 + random.IntN(10)), Origins: arena.Origins(random.IntN(3)), Call: l.call,
					Seq: small(), At: small() &^ 7, Bytes: small(), Rows: small(), Origin: small(), Same: small()}
				if random.IntN(2) == 0 {
					m.Kind = arena.Batch
				}
				if err := l.say(m); err != nil {
					return err
				}
			}
			return errors.New("said all")
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		var h harvest
		_, err := k.Transform(ctx, dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 10, nil), h.output())
		cancel()
		_, lied := errors.AsType[*dataplane.ProtocolError](err)
		_, lost := errors.AsType[*dataplane.TransportError](err)
		if !lied && !lost {
			t.Fatalf("error %v of type %T", err, err)
		}
	}
}
