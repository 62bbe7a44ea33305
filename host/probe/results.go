// SPDX-License-Identifier: Apache-2.0

package probe

// Addresses of the facts; those ending in a key take PREFIX/MODULE or a name.
const (
	ImportAddress = "probe.import"
	TensorAddress = "probe.tensor"
	DriverAddress = "probe.driver"
	DockerAddress = "probe.docker"
	ReachAddress  = "probe.reach"
	CloudAddress  = "probe.cloud"
)

// Import is what importing a module gave.
type Import struct {
	Prefix string `json:"prefix"`
	Module string `json:"module"`
	OK     bool   `json:"ok"`
	// Error is the exception, or how the process ended: "ImportError:
	// libcudnn.so.9: cannot open shared object file: No such file or directory".
	Error string `json:"error,omitempty"`
	// Cause is the exception that led to Error, when it is another.
	Cause string `json:"cause,omitempty"`
	// Path is the file that was imported.
	Path      string  `json:"path,omitempty"`
	Version   string  `json:"version,omitempty"`
	Seconds   float64 `json:"seconds"`
	PeakBytes uint64  `json:"peak_bytes,omitempty"`
}

// Tensor is what multiplying two matrices gave.
type Tensor struct {
	Prefix string `json:"prefix"`
	Module string `json:"module"`
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	// Device that computed it, in the framework's words: "cpu", "cuda:0".
	Device string `json:"device,omitempty"`
	// GPU says whether the framework sees a GPU; GPUError why not, where it says.
	GPU      bool    `json:"gpu"`
	GPUError string  `json:"gpu_error,omitempty"`
	Seconds  float64 `json:"seconds"`
}

// Driver is what NVML and CUDA's driver library answered.
type Driver struct {
	NVML Library `json:"nvml"`
	CUDA Library `json:"cuda"`
}

// Library is the answer of one library's first calls.
type Library struct {
	OK bool `json:"ok"`
	// Error names the call and its status: "cuInit: 802".
	Error string `json:"error,omitempty"`
	// Version of the driver as the library tells it: "570.86.15", or for CUDA
	// the version that it supports: "12.8".
	Version string `json:"version,omitempty"`
	Devices int    `json:"devices"`
}

// Docker is what the engine answered.
type Docker struct {
	OK       bool   `json:"ok"`
	Endpoint string `json:"endpoint"`
	Error    string `json:"error,omitempty"`
	EngineInfo
}

// EngineInfo are the read-only facts of a Docker or Podman engine.
type EngineInfo struct {
	Version        string   `json:"version,omitempty"`
	API            string   `json:"api,omitempty"`
	Runtimes       []string `json:"runtimes,omitempty"`
	DefaultRuntime string   `json:"default_runtime,omitempty"`
	StorageDriver  string   `json:"storage_driver,omitempty"`
	CgroupDriver   string   `json:"cgroup_driver,omitempty"`
	CgroupVersion  string   `json:"cgroup_version,omitempty"`
	DataRoot       string   `json:"data_root,omitempty"`
	CDIDirs        []string `json:"cdi_dirs,omitempty"`
	CDIDevices     []string `json:"cdi_devices,omitempty"`
	Warnings       []string `json:"warnings,omitempty"`
}

// Reach is whether a place on the network answers.
type Reach struct {
	URL string `json:"url"`
	OK  bool   `json:"ok"`
	// Stage at which it failed: "name", "connect", "proxy", "tls", "http".
	Stage string `json:"stage,omitempty"`
	Error string `json:"error,omitempty"`
	// Status is the HTTP status.
	Status  int     `json:"status,omitempty"`
	Proxy   string  `json:"proxy,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Cloud is what the metadata service says of this instance.
type Cloud struct {
	OK           bool   `json:"ok"`
	Vendor       string `json:"vendor"`
	InstanceType string `json:"instance_type,omitempty"`
	Error        string `json:"error,omitempty"`
}
