// SPDX-License-Identifier: Apache-2.0

package tables

// Xid is a row of NVIDIA's catalogue of driver errors.
type Xid struct {
	Number int `json:"xid"`
	// Mnemonic is NVIDIA's name, "" for numbers that current GPUs do not use.
	Mnemonic string `json:"mnemonic"`
	Title    string `json:"title"`
	// Class is the kind of cause: "application", "memory", "link", ...
	Class string `json:"class"`
	// Action is what NVIDIA recommends first and Investigate what comes after:
	// RESTART_APP, RESET_GPU, ... or "" where nothing is published.
	Action      string `json:"action"`
	Investigate string `json:"investigate"`
	// Severity is "error", "warning", "info" or "unknown".
	Severity string `json:"severity"`
	Source   string `json:"source"`
}

// XidClasses are the values of Xid.Class.
var XidClasses = []string{
	"application", "bus", "channel", "display", "driver", "engine", "firmware", "hardware",
	"informational", "link", "memory", "power", "unused", "virtualisation",
}

// Actions that the catalogue recommends.
const (
	RestartApp     = "RESTART_APP"
	ResetGPU       = "RESET_GPU"
	RestartMachine = "RESTART_BM"
	RestartVM      = "RESTART_VM"
	ContactSupport = "CONTACT_SUPPORT"
	Ignore         = "IGNORE"
)

var xids = load[Xid]("xid")

// LookupXid finds a number in the catalogue; false when it is not there.
func LookupXid(number int) (Xid, bool) {
	for _, row := range xids().Rows {
		if row.Number == number {
			return row, true
		}
	}
	return Xid{}, false
}

type hostCompiler struct {
	CUDA     string `json:"cuda"`
	MaxGCC   int    `json:"max_gcc"`
	MaxClang int    `json:"max_clang,omitempty"`
	Source   string `json:"source"`
}

var compilers = load[hostCompiler]("host_compiler")

// MaxGCC returns the newest major of GCC that nvcc of a CUDA release accepts,
// given as "12.4" or "12.4.1"; false for a release that is not in the table.
func MaxGCC(cuda string) (int, bool) {
	release := minor(cuda)
	for _, row := range compilers().Rows {
		if row.CUDA == release {
			return row.MaxGCC, true
		}
	}
	return 0, false
}
