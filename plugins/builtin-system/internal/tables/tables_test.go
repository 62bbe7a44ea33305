// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"testing"
)

// TestSchema holds every table and row to its form and to a primary source.
func TestSchema(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil || len(entries) != len(Versions()) {
		t.Fatalf("%d tables, %d versions: %v", len(entries), len(Versions()), err)
	}
	version := regexp.MustCompile(`^\d{4}\.\d{1,2}\.\d+$`)
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var raw struct {
			Version, About string
			Rows           []map[string]any
		}
		if err := json.Unmarshal(data, &raw); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		if !version.MatchString(raw.Version) || raw.About == "" || len(raw.Rows) == 0 {
			t.Errorf("%s lacks its version, what it is about, or rows", e.Name())
		}
		for i, row := range raw.Rows {
			source, _ := row["source"].(string)
			if u, err := url.Parse(source); err != nil || u.Scheme != "https" || u.Host == "" {
				t.Errorf("%s: row %d has the source %q", e.Name(), i, source)
			}
		}
	}
}

func TestCloudRows(t *testing.T) {
	slug := regexp.MustCompile(`^[a-z]+$`)
	for _, r := range clouds().Rows {
		if !slug.MatchString(r.Vendor) || r.Value == "" || !slices.Contains(DMIFields, r.Field) ||
			!slices.Contains([]string{"equals", "prefix", "contains"}, r.Match) ||
			r.InstanceField != "" && !slices.Contains(DMIFields, r.InstanceField) {
			t.Errorf("malformed row %+v", r)
		}
	}
	for _, r := range hypervisors().Rows {
		if !slug.MatchString(r.Name) || r.Value == "" {
			t.Errorf("malformed row %+v", r)
		}
	}
}

func TestConflictRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Conflicts() {
		named := func(v Variable) bool { return v.Name == r.Unset }
		if seen[r.ID] || len(r.Variables) != 2 || r.Effect == "" || !slices.ContainsFunc(r.Variables, named) ||
			!slices.Contains([]string{"together", "differ"}, r.Relation) ||
			!slices.Contains([]string{"info", "warning", "error"}, r.Severity) {
			t.Errorf("malformed row %+v", r)
		}
		seen[r.ID] = true
		if found, ok := LookupConflict(r.ID); !ok || found.ID != r.ID {
			t.Errorf("%s is not found", r.ID)
		}
	}
}

func TestHolds(t *testing.T) {
	together, _ := LookupConflict("nccl-p2p")
	differ, _ := LookupConflict("https-proxy-case")
	for _, tt := range []struct {
		conflict Conflict
		env      map[string]string
		want     bool
	}{
		{together, map[string]string{"NCCL_P2P_DISABLE": "1", "NCCL_P2P_LEVEL": "NVL"}, true},
		{together, map[string]string{"NCCL_P2P_DISABLE": "0", "NCCL_P2P_LEVEL": "NVL"}, false},
		{together, map[string]string{"NCCL_P2P_DISABLE": "1", "NCCL_P2P_LEVEL": ""}, false},
		{together, map[string]string{"NCCL_P2P_DISABLE": "1"}, false},
		{differ, map[string]string{"https_proxy": "a", "HTTPS_PROXY": "b"}, true},
		{differ, map[string]string{"https_proxy": "a", "HTTPS_PROXY": "a"}, false},
		{differ, map[string]string{"https_proxy": "a"}, false},
		{differ, nil, false},
	} {
		if got := tt.conflict.Holds(tt.env); got != tt.want {
			t.Errorf("%s in %v is %v", tt.conflict.ID, tt.env, got)
		}
	}
}

func TestLookupCloud(t *testing.T) {
	for _, tt := range []struct {
		dmi              map[string]string
		vendor, instance string
	}{
		{map[string]string{"sys_vendor": "Amazon EC2", "product_name": "p5.48xlarge"}, "aws", "p5.48xlarge"},
		{map[string]string{"sys_vendor": "Xen", "bios_version": "4.11.amazon", "product_name": "HVM domU"}, "aws", ""},
		{map[string]string{"sys_vendor": "Google", "product_name": "Google Compute Engine"}, "gcp", ""},
		{map[string]string{"sys_vendor": "Microsoft Corporation", "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}, "azure", ""},
		{map[string]string{"sys_vendor": "QEMU", "chassis_asset_tag": "OracleCloud.com"}, "oracle", ""},
		{map[string]string{"sys_vendor": "Hetzner", "product_name": "vServer"}, "hetzner", ""},
		{map[string]string{"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}, "", ""},
		{map[string]string{"sys_vendor": "LENOVO", "product_name": "ThinkPad"}, "", ""},
		{nil, "", ""},
	} {
		c, ok := LookupCloud(tt.dmi)
		if c.Vendor != tt.vendor || ok != (tt.vendor != "") || c.InstanceType(tt.dmi) != tt.instance {
			t.Errorf("%v is %q %q", tt.dmi, c.Vendor, c.InstanceType(tt.dmi))
		}
	}
}

func TestLookupHypervisor(t *testing.T) {
	for _, tt := range []struct {
		dmi  map[string]string
		name string
	}{
		{map[string]string{"product_name": "KVM", "sys_vendor": "QEMU"}, "kvm"},
		{map[string]string{"product_name": "Standard PC (Q35 + ICH9, 2009)", "sys_vendor": "QEMU"}, "qemu"},
		{map[string]string{"product_name": "VMware7,1", "sys_vendor": "VMware, Inc."}, "vmware"},
		{map[string]string{"product_version": "Hyper-V UEFI Release v4.1"}, "microsoft"},
		{map[string]string{"sys_vendor": "Dell Inc."}, ""},
	} {
		h, field, ok := LookupHypervisor(tt.dmi)
		if h.Name != tt.name || ok != (field != "") {
			t.Errorf("%v is %q by %q", tt.dmi, h.Name, field)
		}
	}
}
