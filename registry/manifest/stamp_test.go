// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

func TestStamp(t *testing.T) {
	name := filepath.Join(t.TempDir(), "plugin-a")
	if err := os.WriteFile(name, []byte("abc"), 0o755); err != nil {
		t.Fatal(err)
	}
	const digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of FIPS 180-2, B.1
	for _, tt := range []struct {
		what      string
		m         Manifest
		version   string
		want      string
		protocols []int
		wantErr   string
	}{
		{"the author's version", Manifest{Name: "a", Version: "1.2.3"}, "", "1.2.3", []int{handshake.ProtocolVersion}, ""},
		{"another one", Manifest{Name: "a", Version: "1.2.3"}, "2.0.0-rc.1", "2.0.0-rc.1", []int{handshake.ProtocolVersion}, ""},
		{"an old executable and digest", Manifest{Name: "a", Version: "1.0.0", Executable: "b", Digest: "sha256:00"}, "", "1.0.0", []int{handshake.ProtocolVersion}, ""},
		{"protocols of another SDK", Manifest{Name: "a", Version: "1.0.0", Protocols: []int{1, 7}}, "", "1.0.0", []int{1, 7}, ""},
		{"no version", Manifest{Name: "a"}, "", "", nil, "no version"},
		{"a wrong version", Manifest{Name: "a"}, "one", "", nil, "not semantic"},
	} {
		err := tt.m.Stamp(name, tt.version)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%s: error %v", tt.what, err)
			}
			continue
		}
		if err != nil || tt.m.Version != tt.want || tt.m.Digest != digest || tt.m.Executable != "plugin-a" || !slices.Equal(tt.m.Protocols, tt.protocols) {
			t.Errorf("%s: %+v, %v", tt.what, tt.m, err)
		}
	}
	m := Manifest{Name: "a", Version: "1.0.0"}
	if err := m.Stamp(filepath.Join(t.TempDir(), "gone"), ""); err == nil {
		t.Error("an executable that is not there is stamped")
	}
}
