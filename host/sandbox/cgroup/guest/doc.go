// SPDX-License-Identifier: Apache-2.0

// Package guest runs a Go test binary as the only program of a throw-away
// virtual machine, for tests of what the machine at hand does not have: another
// kernel, cgroup v2 with every controller, an untouched system to be root on. It
// is for tests only.
//
// The guest is a Linux kernel and an initramfs with one file, the statically
// linked test binary, which is /init. As process 1 it mounts /proc, /sys, /dev,
// /tmp and the control groups, runs itself with the wanted arguments, prints the
// exit status and powers off. A package takes part by calling [Init] first thing
// in its TestMain:
//
//	func TestMain(m *testing.M) {
//		guest.Init()
//		os.Exit(m.Run())
//	}
//
//	func TestInGuest(t *testing.T) {
//		kernel := guest.Kernel(t, "") // skips when there can be no guest
//		guest.Boot(t, kernel, guest.Build(t, ""), "-test.run=TestReal", "-test.v")
//	}
//
// Guests are emulated (TCG), so they run tens of times slower than the machine
// but need no /dev/kvm and may be of another architecture: amd64 or arm64. It
// takes some 8 seconds to boot and power off. They are skipped with -short and
// unless BULKHEAD_VM_TESTS is set to 1.
//
// [Kernel] takes Debian's cloud kernel 6.1 from the package archive that apt is
// set up for, which checks its signature, and keeps it in the user's cache. It is
// unpacked, never installed. BULKHEAD_VM_KERNEL names another kernel instead, and
// BULKHEAD_VM_KERNEL_ARM64 one for arm64 on a machine that is not.
//
// The initramfs is a cpio archive in the "newc" format: the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst.
package guest
