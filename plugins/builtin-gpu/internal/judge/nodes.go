// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	nodeControl = "/dev/nvidiactl"
	nodeUVM     = "/dev/nvidia-uvm"
)

const toolkitGuide = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"

// expectsNodes reports whether the driver serves GPUs here, so that its device
// nodes must be there; what NVML reached needs no nodes to prove it.
func (s *scene) expectsNodes() bool {
	return s.loaded && !s.wsl && !s.works() && len(s.boundTo("nvidia")) > 0 && s.Facts.Known(facts.Nodes)
}

func (s *scene) nodes() []facts.Node {
	nodes, _ := fact.Get[[]facts.Node](s.Facts, facts.Nodes)
	return nodes
}

func (s *scene) hasNode(path string) bool {
	return slices.ContainsFunc(s.nodes(), func(n facts.Node) bool { return n.Path == path })
}

// withoutGPUs reports whether this is a container that was given none of the
// GPUs that its kernel serves: what its image holds of a driver is not used.
func (s *scene) withoutGPUs() bool {
	return s.container && s.Facts.Known(facts.Nodes) && !s.hasNode(nodeControl) && !s.works()
}

// madeOnDemand reports whether CUDA itself can have missing nodes made.
func (s *scene) madeOnDemand() bool { return s.Facts.Bool(facts.ModprobeTool) && !s.container }

var nodesMissing = check.Check{
	Code: "gpu.device-nodes-missing", Title: "The driver's device nodes are missing", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded, facts.Nodes},
	Doc: check.Doc{
		Meaning:    "The driver is loaded, and programs have no way to reach it, because /dev/nvidiactl and the nodes of the GPUs are not there. CUDA says that no driver or no device was found.",
		Detection:  "The module nvidia is loaded and bound to a GPU, and /dev holds no nvidiactl. In a container also when nvidiactl is there and no node of a GPU. On a machine with nvidia-modprobe, which makes the nodes when they are first needed, nothing is reported. It is information in a container that nothing shows to be meant for GPUs, and where a container of Kubernetes' GPU Operator holds the driver.",
		Cause:      "In a container: it was started without GPUs. On a machine: neither nvidia-modprobe nor a udev rule made the nodes.",
		Fix:        "Start the container with its GPUs, or install nvidia-modprobe.",
		Verify:     "ls /dev/nvidia* shows nvidiactl and one node for each GPU.",
		References: []string{toolkitGuide, "https://github.com/NVIDIA/nvidia-modprobe"},
	},
	Run: seen(judgeNodesMissing),
}

func judgeNodesMissing(s *scene) {
	unlit := s.container && s.hasNode(nodeControl) && s.numbered() == 0
	if !s.expectsNodes() || s.hasNode(nodeControl) && !unlit || s.madeOnDemand() {
		return
	}
	f := check.Finding{
		Subject:    nodeControl,
		Confidence: 0.9,
		Detail:     fmt.Sprintf("Driver %s serves %s, and %s is not there.", s.driver, s.names(s.boundTo("nvidia")), nodeControl),
		Cause:      "Nothing made the nodes after the driver was loaded.",
		Evidence:   s.Evidence(facts.Loaded, facts.Nodes, facts.ModprobeTool),
		Explains:   []string{"gpu.uvm-missing", "gpu.cuda-visible-devices"},
		Remedies:   []check.Remedy{command("make-nodes", "Install nvidia-modprobe and make the nodes.", check.Low, s.install("nvidia-modprobe"), "sudo nvidia-modprobe -c=0 -u")},
		Verify:     []string{"ls -l /dev/nvidia*"},
	}
	switch {
	case unlit:
		f.Subject = "/dev/nvidia0"
		f.Detail = fmt.Sprintf("%s is there, and no node of a GPU, so CUDA finds no device.", nodeControl)
		s.inContainer(&f)
	case s.container:
		s.inContainer(&f)
	case s.Facts.Bool(facts.DriverContainer):
		f.Severity = check.Info
		f.Title = "The driver serves containers only"
		f.Cause = "The driver is in a container of Kubernetes' GPU Operator: pods get the GPUs, and programs on the machine itself do not."
		f.Evidence = append(f.Evidence, s.Evidence(facts.DriverContainer)...)
		f.Remedies = []check.Remedy{advice("run-in-pod", "Run the work in a pod that asks for a GPU.", "kubectl describe node | grep nvidia.com/gpu")}
	}
	s.Report(f)
}

// numbered counts the nodes of GPUs, /dev/nvidia0 and so on.
func (s *scene) numbered() int {
	n := 0
	for _, node := range s.nodes() {
		if number := strings.TrimPrefix(node.Path, "/dev/nvidia"); number != "" && strings.Trim(number, "0123456789") == "" {
			n++
		}
	}
	return n
}

// inContainer words the finding for a container, where it may be meant so.
func (s *scene) inContainer(f *check.Finding) {
	f.Title = "The container was started without GPUs"
	f.Cause = "Containers see a GPU only when they are started with it."
	f.Severity = check.Warning
	env, _ := fact.Get[map[string]string](s.Facts, facts.Env)
	switch v := env["NVIDIA_VISIBLE_DEVICES"]; {
	case v == "void" || v == "none":
		f.Severity = check.Info
		f.Cause = "NVIDIA_VISIBLE_DEVICES=" + v + " asks for no GPU."
	case v == "" && !s.wanted():
		f.Severity = check.Info // a program for the CPU on a machine with a GPU
	}
	f.Evidence = append(f.Evidence, s.Evidence(facts.Container)...)
	f.Remedies = []check.Remedy{s.startWithGPUs("Start the container with its GPUs; the host needs the NVIDIA Container Toolkit.")}
}

// startWithGPUs words how this kind of container is given its GPUs.
func (s *scene) startWithGPUs(summary string) check.Remedy {
	const id = "start-with-gpus"
	switch s.Facts.String("os.container") {
	case "kubernetes":
		return advice(id, "Ask for a GPU in the pod's specification; the node needs NVIDIA's device plugin.", "resources: {limits: {nvidia.com/gpu: 1}}")
	case "podman":
		return advice(id, summary, "podman run --device nvidia.com/gpu=all ...")
	}
	return advice(id, summary, "docker run --gpus all ...")
}

var nodesUnreadable = check.Check{
	Code: "gpu.device-nodes-unreadable", Title: "The driver's device nodes may not be used", Area: areaGPU,
	Needs: []string{facts.Nodes},
	Doc: check.Doc{
		Meaning:    "The driver's device nodes are there, and their mode and owner do not let the examined user open them. CUDA then finds no GPU, and NVML says: Insufficient Permissions.",
		Detection:  "For each node below /dev the mode, owner and group are compared with the user and groups of the examined process. Access control lists are not read, so the confidence is below 1.",
		Cause:      "The driver was configured with another mode or group (NVreg_DeviceFileMode), a udev rule changes the nodes, or the container's user is not in their group.",
		Fix:        "Join the group that owns the nodes, or restore the driver's default mode 0666.",
		Verify:     "nvidia-smi -L works for that user.",
		References: []string{"https://download.nvidia.com/XFree86/Linux-x86_64/580.65.06/README/faq.html"},
	},
	Run: seen(judgeNodesUnreadable),
}

func judgeNodesUnreadable(s *scene) {
	if s.works() {
		return
	}
	var shut []string
	for _, n := range s.nodes() {
		if n.Readable != nil && !*n.Readable && n.Path != "/dev/nvidia-modeset" {
			shut = append(shut, n.Path+" (mode "+n.Mode+")")
		}
	}
	if len(shut) == 0 {
		return
	}
	s.Report(check.Finding{
		Confidence: 0.8,
		Subject:    strings.Join(shut, ", "),
		Detail:     fmt.Sprintf("%s of the driver may not be opened by the examined user: %s.", count(len(shut), "device node"), strings.Join(shut, ", ")),
		Cause:      "Mode, owner and group of the nodes leave the user out.",
		Evidence:   s.Evidence(facts.Nodes),
		Explains:   []string{"gpu.cuda-visible-devices"},
		Remedies:   s.openNodes(),
		Verify:     []string{"ls -l /dev/nvidia*", "nvidia-smi -L"},
	})
}

// hostsVGPUs reports whether the driver is the one that cuts GPUs up for virtual
// machines, which has no CUDA of its own.
func (s *scene) hostsVGPUs() bool {
	loaded, _ := fact.Get[[]string](s.Facts, facts.Modules)
	return slices.Contains(loaded, "nvidia_vgpu_vfio")
}

// openNodes proposes the group that the nodes belong to where it may use them.
// A group that the nodes do not serve, or root's, is nothing to join.
func (s *scene) openNodes() []check.Remedy {
	restore := advice("default-mode", "Take the options that restrict the nodes out of modprobe.d and udev's rules, which restores the driver's default mode 0666, and reboot.",
		"grep -rn -e NVreg_DeviceFile -e nvidia /etc/modprobe.d /etc/udev/rules.d")
	shared := func(n facts.Node) bool {
		mode, err := strconv.ParseUint(n.Mode, 8, 32)
		return err == nil && mode&0o060 == 0o060
	}
	if s.container || !slices.ContainsFunc(s.nodes(), shared) {
		return []check.Remedy{restore}
	}
	return []check.Remedy{command("join-group", "Add the user to the group that owns the nodes, unless that is root, and log in again.", check.Low,
		"stat -c %G /dev/nvidiactl   # never join the group root", `sudo usermod -aG GROUP "$USER"`), restore}
}

var uvmMissing = check.Check{
	Code: "gpu.uvm-missing", Title: "The unified memory device is missing", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded, facts.Nodes},
	Doc: check.Doc{
		Meaning:    "CUDA needs /dev/nvidia-uvm, the device of the module nvidia_uvm, from its first call on. Without it nvidia-smi works and CUDA says: CUDA unknown error, which may be due to an incorrectly set up environment.",
		Detection:  "The driver and /dev/nvidiactl are there, and /dev/nvidia-uvm is not. On a machine with nvidia-modprobe, which loads the module when CUDA first needs it, nothing is reported.",
		Cause:      "The module nvidia_uvm is not loaded and nothing loads it on demand, or a container was given some device nodes and not this one.",
		Fix:        "Load the module and make its node, or let the container runtime pass the devices instead of naming them one by one.",
		Verify:     "ls -l /dev/nvidia-uvm shows the device.",
		References: []string{"https://github.com/NVIDIA/nvidia-modprobe", toolkitGuide},
	},
	Run: seen(judgeUVM),
}

func judgeUVM(s *scene) {
	if !s.expectsNodes() || !s.hasNode(nodeControl) || s.hasNode(nodeUVM) || s.madeOnDemand() || s.hostsVGPUs() {
		return
	}
	f := check.Finding{
		Subject:    nodeUVM,
		Confidence: 0.9,
		Detail:     fmt.Sprintf("%s is there and %s is not, so nvidia-smi works and CUDA does not start.", nodeControl, nodeUVM),
		Cause:      "The module nvidia_uvm is not loaded, and nvidia-modprobe is not there to load it when CUDA asks.",
		Evidence:   s.Evidence(facts.Nodes, facts.Modules, facts.ModprobeTool),
		Remedies:   []check.Remedy{command("load-uvm", "Load the module and make its node.", check.Low, "sudo modprobe nvidia_uvm", "sudo nvidia-modprobe -u -c=0")},
		Verify:     []string{"ls -l " + nodeUVM},
	}
	if s.container {
		f.Cause = "The container was given the driver's nodes without this one."
		f.Remedies = []check.Remedy{s.startWithGPUs("Let the container runtime pass every node of the driver.")}
	}
	s.Report(f)
}
