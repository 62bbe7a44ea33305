// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// described is a description that is taken.
func described() *pluginv1.DescribeResponse {
	return &pluginv1.DescribeResponse{
		Name: "tool", Version: "1.2.3-rc.1",
		Collectors: []*pluginv1.CollectorDescription{{Name: "c", Facts: []*pluginv1.FactDescription{{Address: "tool.part_1.size"}}}},
		Checks:     []*pluginv1.CheckDescription{{Code: "tool.too-small", Title: "T"}},
		Kernels:    []*pluginv1.KernelDescription{{Name: "train_1"}},
	}
}

func TestCheckDescription(t *testing.T) {
	if err := checkDescription(&Entry{Manifest: &manifest.Manifest{}}, described()); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*pluginv1.DescribeResponse){
		`its name "tool\x1b[2J" is not`:             func(d *pluginv1.DescribeResponse) { d.Name += "\x1b[2J" },
		`its version "1" is not MAJOR.MINOR`:        func(d *pluginv1.DescribeResponse) { d.Version = "1" },
		`check code "plain" is not GROUP.NAME`:      func(d *pluginv1.DescribeResponse) { d.Checks[0].Code = "plain" },
		`check code "a.\u202eb" is not GROUP.NAME`:  func(d *pluginv1.DescribeResponse) { d.Checks[0].Code = "a.\u202eb" },
		`kernel name "a b" is not`:                  func(d *pluginv1.DescribeResponse) { d.Kernels[0].Name = "a b" },
		`fact address "tool[x]" is not`:             func(d *pluginv1.DescribeResponse) { d.Collectors[0].Facts[0].Address = "tool[x]" },
		"bytes, and at most 4194304 are taken":      func(d *pluginv1.DescribeResponse) { d.Checks[0].Title = strings.Repeat("x", maxDescribedBytes) },
		"it offers more than 10000 things":          func(d *pluginv1.DescribeResponse) { d.Checks = make([]*pluginv1.CheckDescription, maxDescribed) },
		`it says "tool" 9.9.9, and its manifest`:    func(d *pluginv1.DescribeResponse) { d.Version = "9.9.9" },
		`it says "other" 1.2.3-rc.1, and its manif`: func(d *pluginv1.DescribeResponse) { d.Name = "other" },
	} {
		e, d := &Entry{Manifest: &manifest.Manifest{}}, described()
		if strings.HasPrefix(want, "it says") {
			e.Manifest = &manifest.Manifest{Name: "tool", Version: "1.2.3-rc.1"}
		}
		spoil(d)
		if err := checkDescription(e, d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// A plugin with ten thousand wrong names makes no message of ten thousand lines.
func TestWrongNamesAreBounded(t *testing.T) {
	d := described()
	for i := range 1000 {
		d.Checks = append(d.Checks, &pluginv1.CheckDescription{Code: fmt.Sprint("X", i)})
	}
	if err := checkDescription(&Entry{Manifest: &manifest.Manifest{}}, d); err == nil || len(err.Error()) > 1000 {
		t.Errorf("got %d bytes", len(fmt.Sprint(err)))
	}
}

func TestDescriptionsAreClean(t *testing.T) {
	const hostile = "a\x1b]0;x\x07\u202eb\nc"
	d := described()
	d.SdkVersion, d.Capabilities = hostile, []string{hostile}
	d.Tables = []*pluginv1.TableDescription{{Name: hostile, Version: hostile}}
	d.Checks[0].Title = hostile
	d.Checks[0].Documentation = &pluginv1.Documentation{Meaning: hostile, References: []string{"x", hostile}}
	d.Checks[0].Config = &pluginv1.Schema{Blocks: []*pluginv1.Block{{Schema: &pluginv1.Schema{
		Attributes: []*pluginv1.Attribute{{Description: hostile}},
	}}}}
	cleanDescription(d.ProtoReflect())
	text := protojson.Format(d)
	if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, `\u001b`) || strings.Contains(text, `]0;x`) {
		t.Error(text)
	}
	if d.Checks[0].Documentation.Meaning != "ab\nc" || d.Name != "tool" {
		t.Errorf("meaning %q, name %q", d.Checks[0].Documentation.Meaning, d.Name)
	}
}
