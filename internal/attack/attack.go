// SPDX-License-Identifier: Apache-2.0

// Package attack is a catalogue of what a hostile plugin would try.
//
// An attack runs inside the sandbox, in a process of its own. It knows what a
// real attacker could only guess: the [Scene] names the secret file, the
// listening sockets, the victim process. It does what it can and says whether it
// got through. It is harmless when it does: it reads canaries, signals a victim
// that exists for that purpose, and every bomb has an end.
//
// An attack that ends its process, by a signal or at a limit, is contained. One
// that neither answers nor ends is a hit: the host must be able to stop it.
package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Attack is one entry of the catalogue.
type Attack struct {
	Name string // "read-secret"; unique
	Area string // one of Areas
	Aim  string // what it tries, for people
	try  func(*Scene) Outcome
}

// Areas of the catalogue, in the order of a report.
var Areas = []string{"files", "environment", "descriptors", "network", "processes", "privileges", "namespaces", "kernel", "resources"}

// Outcome is what an attack achieved.
type Outcome struct {
	Hit    bool   `json:"hit"`
	Detail string `json:"detail"`
}

// Catalogue returns every attack that exists on this system, by area.
func Catalogue() []Attack {
	all := slices.Concat(portable(), native())
	slices.SortStableFunc(all, func(a, b Attack) int {
		return slices.Index(Areas, a.Area) - slices.Index(Areas, b.Area)
	})
	return all
}

// Word is the first argument of a process that is to attack.
const Word = "bulkhead-attack"

// SceneEnv is the variable that holds the scene as JSON. Without it nothing is
// attacked.
const SceneEnv = "ATTACK_SCENE"

// MaybeRun makes this process carry out one attack if it was started for that,
// and then never returns.
func MaybeRun() {
	if len(os.Args) != 3 || os.Args[1] != Word || os.Getenv(SceneEnv) == "" {
		return
	}
	if os.Args[2] == Victim {
		_, _ = io.Copy(io.Discard, os.Stdin) // lives as long as its host
		os.Exit(0)
	}
	os.Exit(run(os.Args[2]))
}

// Victim is what a process is asked to be instead of an attack: one that waits
// for the end of its standard input, and can be attacked.
const Victim = "victim"

// run carries out one attack and prints its outcome as one line of JSON.
func run(name string) int {
	scene, err := readScene(os.Getenv(SceneEnv))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	all := Catalogue()
	i := slices.IndexFunc(all, func(a Attack) bool { return a.Name == name })
	if i < 0 {
		fmt.Fprintf(os.Stderr, "no attack is called %q\n", name)
		return 2
	}
	// An attack that kills the host's end of a pipe must not hang on it.
	_ = json.NewEncoder(os.Stdout).Encode(all[i].try(scene))
	return 0
}

// attempt is an outcome that is a hit when there was no error.
func attempt(err error, success string) Outcome {
	if err == nil {
		return Outcome{true, success}
	}
	return Outcome{false, plain(err)}
}

// attempts is a hit when one of several ways worked.
func attempts(ways ...Outcome) Outcome {
	var details []string
	for _, w := range ways {
		if w.Hit {
			return w
		}
		if !slices.Contains(details, w.Detail) {
			details = append(details, w.Detail)
		}
	}
	return Outcome{false, strings.Join(details, "; ")}
}

// plain is the last part of an error: the reason, without the paths.
func plain(err error) string {
	text := err.Error()
	return strings.TrimSpace(text[strings.LastIndex(text, ": ")+1:])
}

func missed(detail string) Outcome { return Outcome{false, detail} }
