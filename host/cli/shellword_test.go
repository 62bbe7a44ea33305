// SPDX-License-Identifier: Apache-2.0

package cli

import "testing"

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{
		"scaler": "scaler", "there/scaler-2": "there/scaler-2", `C:\\plugins`: `C:\\plugins`,
		"my plugin": "'my plugin'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "-x": "./-x", "é": "'é'",
	} {
		if got := shellWord(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
