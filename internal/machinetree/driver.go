// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"debug/elf"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxNodes bounds device nodes: more than any machine has GPUs.
const maxNodes = 64

// driverParts can be left out by without=.
var driverParts = []string{"loaded", "uvm", "libraries", "disk", "dkms", "nodes", "persistenced", "signature", "modprobe"}

// nvidiaDriver is the line of root.driver.
type nvidiaDriver struct {
	*builder
	version, flavour string
	option           map[string]string
	without          []string
}

func driverRecipe(b *builder, ls []line) error {
	for _, l := range ls {
		if err := b.driver(l.text); err != nil {
			return l.at(err)
		}
	}
	return nil
}

func (b *builder) driver(text string) error {
	list, err := words(text)
	if err != nil {
		return err
	}
	if len(list) < 2 || list[1] != "open" && list[1] != "closed" {
		return errors.New("give the version, then open or closed: 570.158.01 open")
	}
	o, err := options(list[2:], "kernel", "libraries", "libdir", "nodes", "without")
	if err != nil {
		return err
	}
	d := nvidiaDriver{builder: b, version: list[0], flavour: list[1], option: o}
	if o["without"] != "" {
		d.without = strings.Split(o["without"], ",")
	}
	for _, w := range d.without {
		if !slices.Contains(driverParts, w) {
			return fmt.Errorf("without=%.40s is none of %s", w, strings.Join(driverParts, ", "))
		}
	}
	return d.install()
}

func (d nvidiaDriver) install() error {
	steps := []struct {
		part string
		do   func() error
	}{
		{"loaded", d.loaded}, {"disk", d.disk}, {"dkms", d.dkms}, {"libraries", d.libraries},
		{"nodes", d.nodes}, {"modprobe", d.modprobe}, {"persistenced", d.persistenced},
	}
	for _, s := range steps {
		if slices.Contains(d.without, s.part) {
			continue
		}
		if err := s.do(); err != nil {
			return err
		}
	}
	return nil
}

func (d nvidiaDriver) arch() (kernel, triplet string) {
	if d.machine == elf.EM_AARCH64 {
		return "aarch64", "aarch64-linux-gnu"
	}
	return "x86_64", "x86_64-linux-gnu"
}

// banner is the text of /proc/driver/nvidia/version.
func (d nvidiaDriver) banner() string {
	arch, _ := d.arch()
	line := "NVIDIA UNIX " + arch + " Kernel Module  " + d.version + "  Sun May 12 19:39:15 UTC 2024"
	if d.flavour == "open" {
		line = "NVIDIA UNIX Open Kernel Module for " + arch + "  " + d.version + "  Release Build  (dvs-builder@U22-I3-AE18-09-6)  Thu May 15 22:30:16 UTC 2025"
	}
	return "NVRM version: " + line + "\nGCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04) \n"
}

func (d nvidiaDriver) loaded() error {
	modules := []string{"nvidia_drm 122880 4 - Live 0x0000000000000000 (OE)", "nvidia_modeset 1355776 3 nvidia_drm, Live 0x0000000000000000 (OE)"}
	if !slices.Contains(d.without, "uvm") {
		modules = append(modules, "nvidia_uvm 4935680 0 - Live 0x0000000000000000 (OE)")
	}
	modules = append(modules, "nvidia 54308864 40 nvidia_uvm,nvidia_modeset, Live 0x0000000000000000 (OE)")
	errs := []error{
		d.tree.text("sys/module/nvidia/version", d.version+"\n"),
		d.tree.text("sys/module/nvidia/initstate", "live\n"),
		d.tree.text("proc/driver/nvidia/version", d.banner()),
	}
	for _, m := range modules {
		errs = append(errs, d.tree.appendLine("proc/modules", m))
	}
	return errors.Join(errs...)
}

// kernel is the release for which the module was built.
func (d nvidiaDriver) kernel() (string, error) {
	if k := d.option["kernel"]; k != "" {
		return k, nil
	}
	e, _ := d.tree.Entry("proc/sys/kernel/osrelease")
	if k := strings.TrimSpace(string(e.Data)); k != "" {
		return k, nil
	}
	return "", errors.New("for which kernel: give kernel=RELEASE, or a part with proc/sys/kernel/osrelease")
}

func (d nvidiaDriver) disk() error {
	kernel, err := d.kernel()
	if err != nil {
		return err
	}
	for _, name := range []string{"nvidia", "nvidia-uvm", "nvidia-modeset", "nvidia-drm"} {
		data := library{machine: d.machine}.bytes()
		if !slices.Contains(d.without, "signature") {
			data = append(data, "~Module signature appended~\n"...)
		}
		if err := d.tree.file(path.Join("lib/modules", kernel, "updates/dkms", name+".ko"), data); err != nil {
			return err
		}
	}
	return nil
}

func (d nvidiaDriver) dkms() error {
	return errors.Join(
		d.tree.link("var/lib/dkms/nvidia/"+d.version+"/source", "/usr/src/nvidia-"+d.version),
		d.tree.text("usr/src/nvidia-"+d.version+"/dkms.conf", "PACKAGE_NAME=\"nvidia\"\nPACKAGE_VERSION=\""+d.version+"\"\nAUTOINSTALL=\"yes\"\n"),
	)
}

func (d nvidiaDriver) libraries() error {
	_, triplet := d.arch()
	dir := or(d.option["libdir"], "/usr/lib/"+triplet)
	version := or(d.option["libraries"], d.version)
	for _, stem := range []string{"libcuda.so", "libnvidia-ml.so", "libnvidia-ptxjitcompiler.so"} {
		l := library{machine: d.machine, soname: stem + ".1", needed: []string{"libc.so.6"}}
		if err := d.tree.file(path.Join(dir, stem+"."+version), l.bytes()); err != nil {
			return err
		}
		if err := d.tree.link(path.Join(dir, stem+".1"), stem+"."+version); err != nil {
			return err
		}
	}
	return nil
}

func (d nvidiaDriver) nodes() error {
	n := d.gpus()
	if text := d.option["nodes"]; text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 0 || n > maxNodes {
			return fmt.Errorf("nodes=%.20s: give a number up to %d", text, maxNodes)
		}
	}
	names := []string{"nvidiactl", "nvidia-modeset"}
	if !slices.Contains(d.without, "uvm") {
		names = append(names, "nvidia-uvm", "nvidia-uvm-tools")
	}
	for i := range n {
		names = append(names, "nvidia"+strconv.Itoa(i))
	}
	for _, name := range names {
		if err := d.tree.file("dev/"+name, nil); err != nil {
			return err
		}
	}
	return nil
}

// gpus counts those that the driver serves.
func (d nvidiaDriver) gpus() int {
	n := 0
	for name := range d.tree.entries {
		if path.Dir(path.Dir(name)) == "proc/driver/nvidia/gpus" && path.Base(name) == "information" {
			n++
		}
	}
	return n
}

func (d nvidiaDriver) modprobe() error { return d.tree.text("usr/bin/nvidia-modprobe", "") }

func (d nvidiaDriver) persistenced() error {
	return errors.Join(d.tree.text("usr/bin/nvidia-persistenced", ""), d.tree.text("run/nvidia-persistenced/socket", ""))
}
