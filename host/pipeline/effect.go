// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Effects keeps what nodes did outside of their outputs. Its methods are called by
// several goroutines; each returns when what it was told outlasts this process. An
// error is a warning of the run.
type Effects interface {
	// Did is called when the result of a transform has come, and before anything
	// follows from it.
	Did(e Effect) error
	// Compensates is called before all effects are taken back.
	Compensates() error
	// TookBack is called for each effect that was taken back, or with a problem could
	// not be.
	TookBack(node string, problem *Problem) error
	// Stay is called when every sink is in place: the effects stay.
	Stay() error
}

// Effect is what a node did outside of its output, so that another process can take
// it back. It has a JSON form. The settings of the node, which may be secret, are not
// in it.
type Effect struct {
	Node   string        `json:"node"`
	Plugin string        `json:"plugin"`
	Kernel string        `json:"kernel"`
	Seed   uint64        `json:"seed,string"`
	Budget time.Duration `json:"budget_ns,omitempty"`
	// Rollback is the policy of the node: it is taken back when the run does not come
	// to its end.
	Rollback bool `json:"rollback,omitempty"`
	// Schema of the input, as it travels; Token is the kernel's.
	Schema []byte `json:"schema"`
	Token  []byte `json:"token"`
}

// effect is what u needs in another process.
func (u *undoable) effect() (Effect, error) {
	schema, err := table.EncodeSchema(u.open.Schema)
	if err != nil {
		return Effect{}, err
	}
	bytes, err := proto.Marshal(schema)
	return Effect{
		Node: u.node.Name, Plugin: u.node.Use.Plugin, Kernel: u.node.Use.Kernel, Seed: u.open.Seed, Budget: u.open.Budget,
		Rollback: u.node.OnFailure == Rollback, Schema: bytes, Token: u.token,
	}, err
}

// TakeBack takes the effect back, by a call that is bounded by limit. Config are the
// settings that the node had. The problem says why it could not be.
func (e Effect) TakeBack(ctx context.Context, kernels Kernels, config json.RawMessage, limit time.Duration) *Problem {
	var schema pluginv1.TableSchema
	if err := proto.Unmarshal(e.Schema, &schema); err != nil {
		return notTakenBack(e.Node, fmt.Errorf("what was kept of it is damaged: %w", err))
	}
	columns, err := table.DecodeSchema(&schema)
	if err != nil {
		return notTakenBack(e.Node, fmt.Errorf("what was kept of it is damaged: %w", err))
	}
	u := undoable{
		node:  &node{Node: Node{Name: e.Node, Use: Use{Plugin: e.Plugin, Kernel: e.Kernel}}},
		open:  dataplane.Open{Kernel: e.Kernel, Config: config, Schema: columns, Seed: e.Seed, Budget: e.Budget, Node: e.Node},
		token: e.Token,
	}
	return notTakenBack(e.Node, u.call(ctx, kernels, limit))
}

// did remembers what a node has done outside.
func (c *calls) did(one *NodeResult, u *undoable) {
	one.undo = u
	c.run.noteEffect(u.node, func(e Effects) error {
		effect, err := u.effect()
		if err != nil {
			return err
		}
		return c.run.step("noting the effect of "+u.node.Name, func() error { return e.Did(effect) })
	})
}

// noteEffect tells Options.Effects something about a node.
func (r *runner) noteEffect(n *node, tell func(Effects) error) {
	if r.options.Effects == nil {
		return
	}
	if err := tell(r.options.Effects); err != nil {
		p := problemf(n.Name, "Side effect that is not recorded", "If the host dies now, nobody knows that it is to be taken back: %v.", err).because(err)
		p.Severity = SeverityWarning
		one := r.of(n)
		one.Problems = append(one.Problems, p)
	}
}
