// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// findingsHeader is what is kept beside the findings.
type findingsHeader struct {
	// Answers is the digest of what the facts answered.
	Answers []byte         `json:"answers"`
	Sandbox report.Sandbox `json:"sandbox"`
}

// Findings are the kept findings of a plugin.
type Findings struct {
	Response *pluginv1.CheckResponse
	// Sandbox stood around the plugin when it judged.
	Sandbox report.Sandbox
}

// Findings returns what a plugin found when the facts gave the same answers.
func (c *Cache) Findings(plugin string, req *pluginv1.CheckRequest, facts fact.Set) (f Findings, ok bool) {
	if c == nil || plugin == "" {
		return f, false
	}
	key, ok := c.findingsKey(plugin, req)
	if !ok {
		return f, false
	}
	data, ok := c.read(key)
	if !ok {
		return f, false
	}
	var h findingsHeader
	r := &pluginv1.CheckResponse{}
	if decode(data, &h, r) != nil || r.GetReads() == nil || !slices.Equal(h.Answers, facts.Answers(r.GetReads())) {
		return f, false
	}
	c.touch(key)
	return Findings{Response: r, Sandbox: h.Sandbox}, true
}

// KeepFindings keeps what a plugin found, if it told what it looked at and every
// check came to an end by itself. It reports whether it was kept.
func (c *Cache) KeepFindings(plugin string, req *pluginv1.CheckRequest, facts fact.Set, r *pluginv1.CheckResponse, box report.Sandbox) bool {
	if c == nil || plugin == "" || r.GetReads() == nil || len(r.GetDiagnostics()) > 0 || !complete(req, r) {
		return false
	}
	key, ok := c.findingsKey(plugin, req)
	if !ok {
		return false
	}
	data, err := encode(findingsHeader{Answers: facts.Answers(r.GetReads()), Sandbox: box}, r)
	return err == nil && c.write(key, data) == nil
}

// complete reports whether every check that was asked for gave an outcome that
// the facts alone decide.
func complete(req *pluginv1.CheckRequest, r *pluginv1.CheckResponse) bool {
	ended := map[string]bool{}
	for _, o := range r.GetOutcomes() {
		switch o.GetStatus() {
		case pluginv1.CheckOutcome_STATUS_RAN:
			ended[o.GetCode()] = true
		case pluginv1.CheckOutcome_STATUS_SKIPPED:
			ended[o.GetCode()] = o.GetReason() != context.Canceled.Error() && o.GetReason() != context.DeadlineExceeded.Error()
		}
	}
	for _, code := range req.GetCodes() {
		if !ended[code] {
			return false
		}
	}
	return true
}

// findingsKey names a question; the facts are not part of it. False when it
// cannot be put.
func (c *Cache) findingsKey(plugin string, req *pluginv1.CheckRequest) (string, bool) {
	asked := &pluginv1.CheckRequest{Codes: slices.Sorted(slices.Values(req.GetCodes())), ConfigJson: req.GetConfigJson()}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(asked)
	return c.key("findings", plugin, string(data)), err == nil
}
