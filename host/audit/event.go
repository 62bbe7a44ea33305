// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"fmt"
)

// Kind names what a record is about.
type Kind string

// The kinds of records that this version writes.
const (
	KindInstall  Kind = "install"
	KindSwitch   Kind = "switch"
	KindGrant    Kind = "grant"
	KindLaunch   Kind = "launch"
	KindCall     Kind = "call"
	KindDenial   Kind = "denial"
	KindDeath    Kind = "death"
	KindRotation Kind = "rotation"
	KindRepair   Kind = "repair"
	KindDamage   Kind = "damage"
	KindLost     Kind = "lost"
)

// Event is what happened, in the form of its kind. It becomes the data of a
// record; strings, lists and maps that would make the record longer than 64 KiB
// are cut, and say so at their end.
type Event interface {
	Kind() Kind
}

// Install: a plugin was installed or upgraded.
type Install struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Digest of the executable: "sha256:" and lower hexadecimal digits.
	Digest string `json:"digest"`
	// Origin is where it came from, for example "builtin".
	Origin string `json:"origin"`
}

// Switch: the plugins of a project or of the user are others than before.
type Switch struct {
	// Lock is the path of the lock file that was replaced.
	Lock string `json:"lock"`
	// Generation is the number that it has now; 0 when it is as before.
	Generation int    `json:"generation"`
	Why        string `json:"why"`
	// Changes in words, for example "upgrade acme/scaler 1.0.0 -> 1.1.0".
	Changes []string `json:"changes"`
	// Automatic: no person asked for it.
	Automatic bool `json:"automatic"`
}

// Grant: a plugin was given access.
type Grant struct {
	// Grants in the words of the manifest, for example "read /sys/module".
	Grants []string `json:"grants"`
	// By is who consented, for example "manifest" or "user".
	By string `json:"by"`
	// Level of the sandbox of the plugin, for example "full".
	Level string `json:"level"`
	// Narrowed are the grants that the configuration took away again.
	Narrowed []string `json:"narrowed"`
}

// Launch: a plugin was started.
type Launch struct {
	// Digest of the executable that runs: "sha256:" and digits.
	Digest string `json:"digest"`
	// Level of the sandbox by name, for example "full".
	Level string `json:"level"`
	// Verified says that the level was seen from outside after the start.
	Verified bool   `json:"verified"`
	Profile  string `json:"profile"`
	// Walls that stand, and those that could not be set up.
	Walls  []string `json:"walls"`
	Fallen []string `json:"fallen"`
	// Limits by name; bytes, seconds or numbers as the name says.
	Limits map[string]uint64 `json:"limits"`
	Grants []string          `json:"grants"`
	// PID in the host's pid namespace.
	PID int `json:"pid"`
}

// Call: a kernel or check of a plugin was called and answered, or did not.
type Call struct {
	// Run is the id of the pipeline run.
	Run    string `json:"run"`
	Kernel string `json:"kernel"`
	Method string `json:"method"`
	// Digests of what went in and came out: "sha256:" and digits, "" for none.
	ConfigDigest string `json:"config_digest"`
	InputDigest  string `json:"input_digest"`
	OutputDigest string `json:"output_digest"`
	RowsIn       int64  `json:"rows_in"`
	RowsOut      int64  `json:"rows_out"`
	// DurationMS is the wall time in milliseconds.
	DurationMS float64 `json:"duration_ms"`
	// Level of the sandbox of the plugin, for example "full".
	Level string `json:"level"`
	// Outcome is "ok" or the reason why not.
	Outcome string `json:"outcome"`
}

// Denial: a wall refused something.
type Denial struct {
	// What was tried, for example "socket" or "open /etc/shadow".
	What string `json:"what"`
	// Count of refusals since the last record of the same.
	Count int `json:"count"`
	// Level of the sandbox of the plugin, for example "full".
	Level string `json:"level"`
	// Grant that would allow it; "" when none does.
	Grant string `json:"grant"`
}

// Death: a plugin ended otherwise than by being told to.
type Death struct {
	// Cause in one word or phrase, for example "oom" or "signal".
	Cause string `json:"cause"`
	// Level of the sandbox of the plugin, for example "full".
	Level string `json:"level"`
	// ExitCode is -1 for a program that a signal ended.
	ExitCode int    `json:"exit_code"`
	Signal   string `json:"signal"`
	// Detail is for people: the text of a panic, the last lines of standard error.
	Detail    string  `json:"detail"`
	PeakBytes uint64  `json:"peak_bytes"`
	CPUMS     float64 `json:"cpu_ms"`
}

// Rotation: a new file was begun on demand. Log.Rotate writes it.
type Rotation struct {
	// Reason is why, in words.
	Reason string `json:"reason"`
}

// Repair: a torn line at the end of the log was moved aside. Open writes it.
type Repair struct {
	// Aside is the file that the bytes are in now.
	Aside string `json:"aside"`
	Bytes int64  `json:"bytes"`
	// Digest of these bytes.
	Digest string `json:"digest"`
}

// Damage: the end of the log was not as this or another host left it. Open
// writes it.
type Damage struct {
	File string `json:"file"`
	What string `json:"what"`
}

// Lost: records could not be written. The log writes it when it can again.
type Lost struct {
	Count  int    `json:"count"`
	Reason string `json:"reason"`
}

// Kind is KindInstall.
func (Install) Kind() Kind { return KindInstall }

// Kind is KindSwitch.
func (Switch) Kind() Kind { return KindSwitch }

// Kind is KindGrant.
func (Grant) Kind() Kind { return KindGrant }

// Kind is KindLaunch.
func (Launch) Kind() Kind { return KindLaunch }

// Kind is KindCall.
func (Call) Kind() Kind { return KindCall }

// Kind is KindDenial.
func (Denial) Kind() Kind { return KindDenial }

// Kind is KindDeath.
func (Death) Kind() Kind { return KindDeath }

// Kind is KindRotation.
func (Rotation) Kind() Kind { return KindRotation }

// Kind is KindRepair.
func (Repair) Kind() Kind { return KindRepair }

// Kind is KindDamage.
func (Damage) Kind() Kind { return KindDamage }

// Kind is KindLost.
func (Lost) Kind() Kind { return KindLost }

// decoders turn the data of a known kind into its struct.
var decoders = map[Kind]func(json.RawMessage) (Event, error){
	KindInstall: decode[Install], KindSwitch: decode[Switch], KindGrant: decode[Grant], KindLaunch: decode[Launch], KindCall: decode[Call],
	KindDenial: decode[Denial], KindDeath: decode[Death], KindRotation: decode[Rotation], KindRepair: decode[Repair],
	KindDamage: decode[Damage], KindLost: decode[Lost],
}

// Kinds are the kinds that this version knows, in the order of a plugin's life.
func Kinds() []Kind {
	return []Kind{KindInstall, KindSwitch, KindGrant, KindLaunch, KindCall, KindDenial, KindDeath, KindRotation, KindRepair, KindDamage, KindLost}
}

func decode[E Event](data json.RawMessage) (Event, error) {
	var e E
	err := json.Unmarshal(data, &e)
	return e, err
}

// Event returns the data of a record as the struct of its kind, and nil for a
// kind that this version does not know.
func (r Record) Event() (Event, error) {
	decode, ok := decoders[r.Kind]
	if !ok {
		return nil, nil
	}
	e, err := decode(r.Data)
	if err != nil {
		return nil, fmt.Errorf("record %d: its data is no %s: %w", r.Seq, r.Kind, err)
	}
	return e, nil
}
