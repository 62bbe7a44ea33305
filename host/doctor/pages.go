// SPDX-License-Identifier: Apache-2.0

package doctor

import "github.com/bulkhead-ml/bulkhead/sdk/check"

// Page explains one of the host's own findings.
type Page struct {
	Code, Title, Area string
	Doc               check.Doc
}

// Pages are those of the host's own findings, in the order of their codes. Those
// of the others come from plugins.
func Pages() []Page { return pages }

var pages = []Page{
	{BenchSlower, "A benchmark became slower", "system", check.Doc{
		Meaning:   "This machine does something more slowly than at the last run of its benchmarks.",
		Detection: "At level 3 the benchmarks are run and compared with the last run on the same machine: the ratio of the medians, with a 95 % bootstrap interval. It is told when the whole interval lies below 0.95.",
		Cause:     "Another program uses the machine, the processor or GPU is throttled, a driver, kernel or framework was changed, or a disk is full or failing.",
		Fix:       "Look for what changed: `bulkhead doctor` for throttling and limits, `top` for other programs. Run `bulkhead bench` again on an idle machine; the run that it is compared to is then the new one.",
		Verify:    "bulkhead bench",
		References: []string{
			"Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13", "https://www.cs.virginia.edu/stream/",
		},
	}},
	{CheckFailed, "A check crashed", "policy", check.Doc{
		Meaning:   "A check ended with a fault of its own. What it looks for may be there or not.",
		Detection: "The plugin that serves the check reported the panic, with its text.",
		Cause:     "A defect of the check, met by facts that its author did not expect.",
		Fix:       "Report it to the author of the plugin, with the output of `bulkhead doctor --debug` and a snapshot (`bulkhead snapshot save --redact FILE`). Until then the check can be left out: skip \"CODE\" { reason = \"...\" }.",
		Verify:    "bulkhead doctor", References: []string{"docs/diagnostics.md"},
	}},
	{ProbeDisagrees, "A probe contradicts a finding", "frameworks", check.Doc{
		Meaning:   "A check concluded from files that something fails, and trying it succeeded. What was tried counts: the finding is turned into a remark.",
		Detection: "At level 2 the module was imported, or the product computed, in a fresh sandboxed process with the variables of this session.",
		Cause:     "The check knows less than the machine: a patched library, an unusual way to find one, or a table that is out of date. It is a defect of the check.",
		Fix:       "Nothing has to be done to the machine. Please report the disagreement with a snapshot, so that the check can be mended.",
		Verify:    "bulkhead doctor --level 2", References: []string{"docs/rfc/0004-doctor.md"},
	}},
	{DriverFails, "The NVIDIA driver does not answer", "gpu", check.Doc{
		Meaning:   "The first calls of NVML or of CUDA's driver library fail, so no framework can use the GPU.",
		Detection: "At level 2 nvmlInit_v2 and cuInit were called in a fresh sandboxed process, and no check had found a reason in files.",
		Cause:     "A fault of the driver or the GPU that leaves no trace in the files that are read; the status in the detail names it.",
		Fix:       "Look at the kernel's log (`sudo dmesg | grep -i nvrm`), restart the machine, and reinstall the driver when it stays.",
		Verify:    "bulkhead doctor --level 2",
		References: []string{
			"https://docs.nvidia.com/deploy/nvml-api/", "https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html",
		},
	}},
	{EngineUnreachable, "The container engine does not answer", "docker", check.Doc{
		Meaning:   "The container engine runs, and this user cannot talk to it.",
		Detection: "At level 2 GET /version was sent to the engine's socket.",
		Cause:     "The user is not in the group of the socket, or the engine hangs.",
		Fix:       "Join the group docker (whoever is in it has the rights of root), use a rootless engine, or restart the engine.",
		Verify:    "docker info", References: []string{"https://docs.docker.com/engine/install/linux-postinstall/", "https://docs.docker.com/engine/security/rootless/"},
	}},
	{ImportFailed, "A module cannot be imported", "frameworks", check.Doc{
		Meaning:   "An installed framework fails when it is imported, and no check has foretold it.",
		Detection: "At level 2 it was imported in a fresh sandboxed process with the variables of this session. The title names what the last exception names.",
		Cause:     "What the exception says: a missing library, symbol or module, or an error in the module's own code.",
		Fix:       "Reinstall the distribution that owns the module, in its environment, with --force-reinstall. When the exception is about the sandbox (a file that it may not write), run the import by hand to compare.",
		Verify:    "bulkhead doctor --level 2", References: []string{"https://docs.python.org/3/library/exceptions.html#ImportError"},
	}},
	{PlaceUnreachable, "A place for downloads cannot be reached", "system", check.Doc{
		Meaning:   "The model hub or the package index does not answer, so downloads and installs will fail.",
		Detection: "At level 2 with --network a connection was made and HEAD was sent, through the proxy of this session. The detail says at which stage it failed: name, connection, proxy, TLS, HTTP.",
		Cause:     "No network, a firewall, a proxy that is not set or refuses, or certificates of the own network that are not trusted.",
		Fix:       "Set HTTPS_PROXY where there is a proxy, and SSL_CERT_FILE and REQUESTS_CA_BUNDLE where it re-encrypts. Work offline with HF_HUB_OFFLINE=1 when everything is downloaded.",
		Verify:    "bulkhead doctor --level 2 --network",
		References: []string{
			"https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables", "https://pip.pypa.io/en/stable/topics/https-certificates/",
		},
	}},
	{TensorFailed, "A framework cannot compute", "frameworks", check.Doc{
		Meaning:   "A framework can be imported, and the first product of two matrices fails or is wrong.",
		Detection: "At level 2 two small matrices were multiplied in a fresh sandboxed process, on the GPU where the framework sees one.",
		Cause:     "A library that does not fit the GPU or the driver, a broken build, or a faulty device.",
		Fix:       "Follow the other findings about this environment first; then reinstall the framework for the CUDA version of this driver.",
		Verify:    "bulkhead doctor --level 2", References: []string{"https://pytorch.org/get-started/locally/"},
	}},
}
