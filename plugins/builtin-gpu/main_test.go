// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// dial serves the plugin in process and connects to it.
func dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := plugin.NewServer(plugin.Info{Name: "gpu", Tables: tables.Versions}, services()...)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestOverTheWire diagnoses a machine whose driver is missing, through gRPC.
func TestOverTheWire(t *testing.T) {
	conn, ctx := dial(t), t.Context()
	described, err := pluginv1.NewPluginServiceClient(conn).Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil || described.GetName() != "gpu" || len(described.GetChecks()) < 20 || len(described.GetTables()) != 7 {
		t.Fatalf("description of %s with %d checks and %d tables, %v", described.GetName(), len(described.GetChecks()), len(described.GetTables()), err)
	}
	tree := machinetest.CPUOnly()
	tree.GPU("0000:01:00.0", "2330", "")
	target := tree.Target(t, nil)
	collected, err := pluginv1.NewCollectorServiceClient(conn).Collect(ctx, &pluginv1.CollectRequest{
		Target: &pluginv1.Target{Root: target.Root, ProcessDir: target.ProcessDir, Os: "linux", Arch: "amd64"},
	})
	if err != nil {
		t.Fatal(err)
	}
	checked, err := pluginv1.NewCheckerServiceClient(conn).Check(ctx, &pluginv1.CheckRequest{Facts: collected.GetFacts()})
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.GetFindings()) != 1 || checked.GetFindings()[0].GetCode() != "gpu.driver-missing" {
		t.Errorf("findings %v", checked.GetFindings())
	}
	for _, o := range checked.GetOutcomes() {
		if o.GetStatus() == pluginv1.CheckOutcome_STATUS_FAILED {
			t.Errorf("check %s failed: %s", o.GetCode(), o.GetReason())
		}
	}
}

func TestManifest(t *testing.T) {
	data, err := os.ReadFile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Name, Summary, Licence string }
	if err := json.Unmarshal(data, &m); err != nil || m.Name != "gpu" || m.Summary == "" || m.Licence != "Apache-2.0" {
		t.Errorf("manifest of %q, %q, %q, %v", m.Name, m.Summary, m.Licence, err)
	}
}

// TestGrantsSuffice observes a full machine twice: whole, and as the sandbox
// shows it through the grants. The facts must be the same.
func TestGrantsSuffice(t *testing.T) {
	tree := machinetest.Healthy("2330", "NVIDIA H100 80GB HBM3", "550.54.15")
	tree.Toolkit("/usr/local/cuda-12.4", "12.4.1")
	tree.Toolkit("/home/user/cuda", "12.6.2")
	maps.Copy(tree, machinetest.Tree{
		"/usr/local/cuda-12.4/targets/x86_64-linux/include/crt/host_config.h":       "gcc versions later than 13 are not supported",
		"/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus":                                  "",
		"/etc/modprobe.d/nouveau.conf":                                              "blacklist nouveau\n",
		"/run/nvidia-persistenced/socket":                                           "",
		"/run/nvidia-fabricmanager/nv-fabricmanager.pid":                            "1\n",
		"/usr/bin/nv-fabricmanager":                                                 "",
		"/.dockerenv":                                                               "",
		"/proc/self/mountinfo":                                                      "27 1 254:0 / / rw - ext4 /dev/vda rw\n",
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": "\x06\x00\x00\x00\x01",
		"/proc/self/status":                                                         "Uid:\t1000\t1000\t1000\t1000\nCpus_allowed_list:\t0-3\n",
		"/sys/devices/system/cpu/online":                                            "0-7\n",
		"/proc/cpuinfo":                                                             "processor\t: 0\nflags\t\t: fpu vme\n",
		"/proc/uptime":                                                              "1234.5 99.1\n",
		"/var/log/kern.log":                                                         "2026-11-22T05:00:01+00:00 host kernel: [   12.5] NVRM: Xid (PCI:0000:01:00): 31, pid=1, MMU Fault\n",
		"/var/log/fabricmanager.log":                                                "fabric manager NVIDIA GPU driver interface version 550.54.14 don't match with driver version 550.54.15.\n",
		"/var/lib/dpkg/status":                                                      "Package: nvidia-fabricmanager-550\nStatus: install ok installed\nVersion: 550.54.15-1\n\n",
		"/sys/kernel/iommu_groups/0/type":                                           "DMA\n",
		"/sys/class/infiniband/mlx5_0/ports/1/link_layer":                           "InfiniBand\n",
		"/sys/class/infiniband/mlx5_0/ports/1/state":                                "4: ACTIVE\n",
		"/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access":                  "DeviceFileMinor: 12\n",
		"/usr/lib/x86_64-linux-gnu/libcudnn.so.9.1.0":                               "ELF",
		"/usr/lib/x86_64-linux-gnu/libcudnn.so.9":                                   "-> libcudnn.so.9.1.0",
		"/opt/mine/libcudnn.so.8":                                                   "ELF",
		"/usr/local/cuda-12.4/targets/x86_64-linux/lib/libnccl.so.2":                "ELF",
		"/sys/bus/pci/devices/0000:05:00.0/vendor":                                  "0x10de\n",
		"/sys/bus/pci/devices/0000:05:00.0/class":                                   "0x068000\n",
	})
	tree.GPU("0000:02:00.0", "2330", "nvidia")
	tree.Behind("0000:02:00.0", "0000:00:01.0")
	tree["/sys/devices/pci0000:00/0000:00:01.0/config"] = acsConfig
	env := map[string]string{"CUDA_HOME": "/home/user/cuda", "CUDA_VISIBLE_DEVICES": "0", "LD_LIBRARY_PATH": "/opt/mine", "PATH": "/usr/local/cuda-12.4/bin"}
	target := tree.Target(t, env)
	plugintest.GrantsSuffice(t, "manifest.json", target, collect.Collectors(nil)...)
	observed := fact.NewSet(plugintest.Observe(t, target, collect.Collectors(nil)...))
	for _, address := range []string{
		facts.LogEvents, facts.Uptime, facts.Served, facts.FabricPkg, facts.FabricLog, facts.Topology, facts.Virtual, facts.IOMMU, facts.ACS,
		facts.Affinity, facts.Peermem, facts.RDMA, facts.Capabilities, facts.CUDNN, facts.NCCL, facts.NVCCOnPath,
	} {
		if !observed.Known(address) {
			t.Errorf("the machine does not show %s, so its grants were not tried", address)
		}
	}
}

// acsConfig is the configuration space of a bridge with P2P redirection on.
var acsConfig = strings.Repeat("\x00", 0x100) + "\x0d\x00\x01\x00\x5f\x00\x1d\x00" + strings.Repeat("\x00", 0xef8)
