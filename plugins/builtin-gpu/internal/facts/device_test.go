// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"encoding/json"
	"testing"
)

// TestMIGInShort: a recording may write the mode alone, and instances as UUIDs.
func TestMIGInShort(t *testing.T) {
	for text, want := range map[string]struct {
		on        bool
		instances int
		first     string
	}{
		`{"mig":"on"}`:  {on: true},
		`{"mig":"off"}`: {},
		`{}`:            {},
		`{"mig":null}`:  {},
		`{"mig":{"mode":"Enabled","instances":["MIG-1","MIG-2"]}}`:              {true, 2, "MIG-1"},
		`{"mig":{"mode":"on","instances":[{"uuid":"MIG-3","memory_bytes":5}]}}`: {true, 1, "MIG-3"},
	} {
		var d Device
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d.MIG.On() != want.on {
			t.Errorf("%s: on %v", text, d.MIG.On())
		}
		if want.instances > 0 && (len(d.MIG.Instances) != want.instances || d.MIG.Instances[0].UUID != want.first) {
			t.Errorf("%s: %+v", text, d.MIG)
		}
	}
}

// TestDeviceSurvivesTheWire: what a collector records is what a check reads.
func TestDeviceSurvivesTheWire(t *testing.T) {
	in := Device{Index: 3, PCI: "0000:01:00.0", Source: "nvml", MIG: &MIG{Mode: "on", Instances: []MIGInstance{{UUID: "MIG-1", MemoryBytes: 7}}},
		ECC: &ECC{Mode: "on", UncorrectedVolatile: 2}, NVLink: []NVLink{{Link: 4, Active: true, Switch: true}}, ThrottleReasons: []string{"hw_slowdown"}}
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Device
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(out)
	if string(again) != string(data) {
		t.Errorf("%s\n%s", data, again)
	}
}

func FuzzDevice(f *testing.F) {
	f.Add([]byte(`{"mig":"on","ecc":{"mode":"on"}}`))
	f.Add([]byte(`{"mig":{"instances":["MIG-1",{"uuid":7}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Device
		if json.Unmarshal(data, &d) != nil {
			return
		}
		if _, err := json.Marshal(d); err != nil {
			t.Error(err)
		}
	})
}

func TestCompat(t *testing.T) {
	for name, want := range map[string]bool{
		"/usr/local/cuda-12.8/compat/libcuda.so.1": true, "/usr/lib/libcuda.so.1": false, "/usr/lib/compatible/libcuda.so.1": false,
	} {
		if got := (Library{Path: name}).Compat(); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
