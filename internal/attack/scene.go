// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"encoding/json"
	"fmt"
	"os"
)

// RootEnv is the variable with the prefix of granted paths in the sandbox.
const RootEnv = "ATTACK_ROOT"

// Scene names what the host has put up to be attacked. An empty field means
// that the host could not, and an attack on it is missed.
type Scene struct {
	Canary    string `json:"canary"`     // the text that nobody may see
	Secret    string `json:"secret"`     // a file of the host's user, mode 0600, that holds the canary
	Public    string `json:"public"`     // a file that everybody may read and write
	Open      string `json:"open"`       // a directory that everybody may write to
	Grant     string `json:"grant"`      // a granted directory
	GrantProg string `json:"grant_prog"` // a program in it
	Home      string `json:"home"`       // the user's home directory
	HostPID   int    `json:"host_pid"`
	VictimPID int    `json:"victim_pid"` // a process of the host's user
	TCP       string `json:"tcp"`        // a listening address on loopback
	UDP       string `json:"udp"`
	Unix      string `json:"unix"`      // a listening socket, like that of a container engine
	Abstract  string `json:"abstract"`  // a listening abstract socket, without its first byte
	SealedFD  int    `json:"sealed_fd"` // a memory file, given read-only; 0 is none
}

func readScene(text string) (*Scene, error) {
	var s Scene
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("the scene is not JSON: %w", err)
	}
	root := os.Getenv(RootEnv)
	s.Grant, s.GrantProg = root+s.Grant, root+s.GrantProg
	return &s, nil
}

// String is the scene as it travels.
func (s *Scene) String() string {
	text, _ := json.Marshal(s) // of strings and numbers: cannot fail
	return string(text)
}
