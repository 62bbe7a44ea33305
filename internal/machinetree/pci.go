// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

var pciAddress = regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)

// pciDevice is one line of root.pci.
type pciDevice struct {
	address string
	option  map[string]string
}

func pciRecipe(b *builder, ls []line) error {
	for _, l := range ls {
		if err := b.pci(l.text); err != nil {
			return l.at(err)
		}
	}
	return nil
}

func (b *builder) pci(text string) error {
	list, err := words(text)
	if err != nil {
		return err
	}
	if len(list) == 0 || !pciAddress.MatchString(list[0]) {
		return fmt.Errorf("%.80q does not begin with the address of a PCI device such as 0000:01:00.0", text)
	}
	o, err := options(list[1:], "device", "vendor", "class", "driver", "model", "uuid", "minor", "width", "numa", "cpus", "firmware", "below", "page")
	if err != nil {
		return err
	}
	d := pciDevice{address: list[0], option: o}
	if err := b.pciFiles(d); err != nil {
		return err
	}
	if o["driver"] == "nvidia" && o["page"] != "no" && !strings.HasPrefix(or(o["class"], "03"), "0680") {
		return b.tree.text("proc/driver/nvidia/gpus/"+d.address+"/information", d.information())
	}
	return nil
}

// place is the device's directory below /sys: below the bridges that lead to it,
// the first of which hangs on the root bus.
func (d pciDevice) place() string {
	chain := append(strings.Split(d.option["below"], "/"), d.address)
	if d.option["below"] == "" {
		chain = chain[1:]
	}
	bus, _, _ := strings.Cut(strings.TrimPrefix(chain[0], "/"), ".")
	if i := strings.LastIndexByte(bus, ':'); i > 0 {
		bus = bus[:i]
	}
	return path.Join("devices", "pci"+bus, path.Join(chain...))
}

func (b *builder) pciFiles(d pciDevice) error {
	o := d.option
	width, most, ok := strings.Cut(or(o["width"], "16/16"), "/")
	if !ok {
		return fmt.Errorf("width=%.20s is not LANES/MOST", o["width"])
	}
	files := [][2]string{
		{"vendor", "0x" + or(o["vendor"], "10de")}, {"device", "0x" + o["device"]}, {"class", "0x" + or(o["class"], "030000")},
		{"current_link_width", width}, {"max_link_width", most},
		{"current_link_speed", "2.5 GT/s PCIe"}, {"max_link_speed", "16.0 GT/s PCIe"}, // idle GPUs clock their links down
		{"numa_node", or(o["numa"], "-1")}, {"local_cpulist", o["cpus"]}, {"enable", "1"},
	}
	at := path.Join("sys", d.place())
	for _, f := range files {
		if f[0] == "local_cpulist" && f[1] == "" {
			continue
		}
		if err := b.tree.text(path.Join(at, f[0]), f[1]+"\n"); err != nil {
			return err
		}
	}
	if err := b.tree.link("sys/bus/pci/devices/"+d.address, "../../../"+d.place()); err != nil {
		return err
	}
	return b.pciDriver(at, o["driver"])
}

func (b *builder) pciDriver(at, driver string) error {
	if driver == "" {
		return nil
	}
	up := strings.Repeat("../", strings.Count(at, "/"))
	if err := b.tree.dir("sys/bus/pci/drivers/" + driver); err != nil {
		return err
	}
	return b.tree.link(path.Join(at, "driver"), up+"bus/pci/drivers/"+driver)
}

// information is the driver's page of a GPU.
func (d pciDevice) information() string {
	o := d.option
	return fmt.Sprintf("Model: \t\t %s\nIRQ:   \t\t 150\nGPU UUID: \t %s\nVideo BIOS: \t 95.02.3c.00.93\nBus Type: \t PCIe\nDMA Size: \t 47 bits\n"+
		"DMA Mask: \t 0x7fffffffffff\nBus Location: \t %s\nDevice Minor: \t %s\nGPU Firmware: \t %s\nGPU Excluded:\t No\n",
		or(o["model"], "Unknown"), or(o["uuid"], "GPU-????????-????-????-????-????????????"), d.address, or(o["minor"], "0"), or(o["firmware"], "N/A"))
}
