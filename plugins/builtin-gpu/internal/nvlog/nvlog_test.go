// SPDX-License-Identifier: Apache-2.0

package nvlog

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
)

// TestSpellings: the lines that drivers of many years have written, with every
// stamp that the ways to a log put before them.
func TestSpellings(t *testing.T) {
	for line, want := range map[string]string{
		// Xids.
		"NVRM: Xid (PCI:0000:10:1c): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.":    "xid 79 0000:10:1c.0 pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
		"[...] NVRM: Xid (0000:03:00): 14, Channel 00000001":                                              "",
		"[    1.000000] NVRM: Xid (0000:03:00): 14, Channel 00000001":                                     "xid 14 0000:03:00.0 Channel 00000001",
		"NVRM: Xid (PCI:0000:41:00 GPU-I:05): 13, pid=9, Graphics Exception":                              "xid 13 0000:41:00.0 pid=9, Graphics Exception",
		"NVRM: Xid (PCI:0009:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 01 (0x021425c6 0x00000000)": "xid 149 0009:01:00.0 NETIR_LINK_EVT Fatal XC0 i0 Link 01 (0x021425c6 0x00000000)",
		"NVRM: Xid (PCI:00000000:3B:00.0): 48, An uncorrectable double bit error (DBE) has been detected": "xid 48 0000:3b:00.0 An uncorrectable double bit error (DBE) has been detected",
		"<4>[  900.123456] NVRM: Xid (PCI:0000:08:00): 69, Class Error: ChId 003b, Class 0000c197":        "xid 69 0000:08:00.0 Class Error: ChId 003b, Class 0000c197",
		"4,1234,900123456,-;NVRM: Xid (PCI:0000:08:00): 31, Ch 0000003b, intr 10000000. MMU Fault":        "xid 31 0000:08:00.0 Ch 0000003b, intr 10000000. MMU Fault",
		"kern  :err   : [  900.123456] NVRM: Xid (PCI:0000:08:00): 45":                                    "xid 45 0000:08:00.0 ",
		"[Sat Nov 22 05:00:01 2026] NVRM: Xid (PCI:0000:08:00): 45, Ch 1":                                 "xid 45 0000:08:00.0 Ch 1",
		"May 13 17:18:47 hyperion kernel: NVRM: Xid (PCI:0000:08:00): 69, Class Error":                    "xid 69 0000:08:00.0 Class Error",
		"May  3 17:18:47 hyperion kernel: [ 12.345678] NVRM: Xid (PCI:0000:08:00): 69, Class Error":       "xid 69 0000:08:00.0 Class Error",
		"2026-11-22T05:00:01.123456+00:00 host kernel: [   12.5] NVRM: Xid (PCI:0000:01:00): 62, 0x1":     "xid 62 0000:01:00.0 0x1",
		"[    9.1] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 12028, Non-fatal, Link 32 egress":           "sxid 12028 0000:c1:00.0 Non-fatal, Link 32 egress",
		// Without a number.
		"[  49.261458] NVRM: GPU at 0000:01:00.0 has fallen off the bus.": "fallen-off-bus 79 0000:01:00.0 GPU at 0000:01:00.0 has fallen off the bus.",
		"NVRM: GPU 18:00.0: GPU has fallen off the bus.":                  "fallen-off-bus 79 0000:18:00.0 GPU 18:00.0: GPU has fallen off the bus.",
		"NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:894)":   "init-failed 0 0000:01:00.0 GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:894)",
		"NVRM: RmInitAdapter failed! (0x26:0xffff:1096)":                  "init-failed 0  RmInitAdapter failed! (0x26:0xffff:1096)",
		"host kernel: NVRM: The NVIDIA GPU 0000:b3:00.0#012NVRM: (PCI ID: 10de:26b5) installed in this system has#012NVRM: fallen off the bus and is not":      "fallen-off-bus 79 0000:b3:00.0 The NVIDIA GPU 0000:b3:00.0 (PCI ID: 10de:26b5) installed in this system has fallen off the bus and is not",
		"NVRM: The NVIDIA GPU 0000:02:00.0 (PCI ID: 10de:2c58)\n               NVRM: installed in this system requires use of the NVIDIA open kernel modules.": "open-module-only 0 0000:02:00.0 The NVIDIA GPU 0000:02:00.0 (PCI ID: 10de:2c58) installed in this system requires use of the NVIDIA open kernel modules.",
		"NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:0fc6)\nNVRM: installed in this system is not supported by the NVIDIA 550.54.14 driver release.":       "not-supported 0 0000:01:00.0 The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:0fc6) installed in this system is not supported by the NVIDIA 550.54.14 driver release.",
		// Neither a fault nor the kernel's.
		"NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.183.01":                                  "",
		"NVRM: Xid error: xyz, invalid data":                                                          "",
		"NVRM: Xid (invalid): 12, some error":                                                         "",
		"NVRM: Xid (PCI:0000:01:00): none":                                                            "",
		"Nov 22 05:00:01 host python[7]: NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.": "",
		"Nov 22 05:00:01 host kernel: foo says NVRM: Xid (PCI:0000:01:00): 79, x":                     "",
		"NVRM: a GPU has fallen off the bus":                                                          "",
		"":                                                                                            "",
	} {
		var got []string
		for _, e := range Parse(line, Ring) {
			got = append(got, fmt.Sprintf("%s %d %s %s", e.Kind, e.Xid, e.PCI, e.Text))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%q\n  gives %q\n  want  %q", line, got, want)
		}
	}
}

// TestStamps: the kernel's seconds and the daemon's date are kept apart.
func TestStamps(t *testing.T) {
	const message = "NVRM: Xid (PCI:0000:08:00): 45, x"
	for line, want := range map[string]string{
		message:                                             "<nil> ",
		"[   12.500000] " + message:                         "12.5 ",
		"<3>[12.500000] " + message:                         "12.5 ",
		"3,7,12500000,-;" + message:                         "12.5 ",
		"May  3 17:18:47 h kernel: " + message:              "<nil> May  3 17:18:47",
		"May  3 17:18:47 h kernel: [ 12.500000] " + message: "12.5 May  3 17:18:47",
		"2026-11-22T05:00:01+00:00 h kernel: " + message:    "<nil> 2026-11-22T05:00:01+00:00",
		"[Sat Nov 22 05:00:01 2026] " + message:             "<nil> Sat Nov 22 05:00:01 2026",
	} {
		events := Parse(line, Ring)
		if len(events) != 1 {
			t.Errorf("%q: %+v", line, events)
			continue
		}
		got := "<nil> "
		if s := events[0].SinceBoot; s != nil {
			got = fmt.Sprintf("%g ", *s)
		}
		if got += events[0].Time; got != want {
			t.Errorf("%q: stamp %q, want %q", line, got, want)
		}
	}
}

// TestBoots: what is before a start, or before the driver was loaded again, is
// not about the machine as it runs; the driver's greeting right after its
// messages is of the same start.
func TestBoots(t *testing.T) {
	const (
		start = "[    0.000000] Linux version 6.1.0-18-amd64\n"
		early = "[    5.559842] NVRM: Xid (PCI:0000:01:00): 62, x\n"
		greet = "[    5.700000] NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.158.01\n"
		again = "[ 4000.000000] NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.158.01\n"
		late  = "[ 5000.000000] NVRM: Xid (PCI:0000:01:00): 62, y\n"
	)
	for text, want := range map[string]string{
		early:                         facts.BootNow,
		start + early + greet:         facts.BootNow,
		start + greet + early:         facts.BootNow,
		early + start:                 facts.BootBefore,
		start + early + greet + again: facts.BootReload,
		early + start + late:          facts.BootBefore + " " + facts.BootNow,
		early + again + late:          facts.BootReload + " " + facts.BootNow,
	} {
		var got []string
		for _, e := range Parse(text, Ring) {
			got = append(got, e.Boot)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := Parse(early, File); len(got) != 1 || got[0].Boot != facts.BootUnknown {
		t.Errorf("a file without a start: %+v", got)
	}
	if got := Parse(start+early, File); len(got) != 1 || got[0].Boot != facts.BootNow {
		t.Errorf("a file with a start: %+v", got)
	}
}

// TestEqualEvents are joined: the newest text, the count and its line.
func TestEqualEvents(t *testing.T) {
	text := "[ 1.0] NVRM: Xid (PCI:0000:01:00): 31, first\n" +
		"[ 2.0] NVRM: Xid (PCI:0000:02:00): 31, other GPU\n" +
		"[ 3.0] NVRM: Xid (PCI:0000:01:00): 31, last\n"
	got := Parse(text, Ring)
	if len(got) != 2 || got[0].PCI != "0000:02:00.0" || got[1].Count != 2 || got[1].Text != "last" || got[1].Line != 3 {
		t.Errorf("%+v", got)
	}
}

// TestStorm: a million lines of one event and hundreds of events stay small.
func TestStorm(t *testing.T) {
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "[ %d.0] NVRM: Xid (PCI:0000:01:00): 31, MMU Fault\n", i)
	}
	for i := range 1000 {
		fmt.Fprintf(&b, "[ 1.0] NVRM: Xid (PCI:0000:01:00): %d, x\n", 1000+i)
	}
	b.WriteString("[ 1.0] NVRM: Xid (PCI:0000:01:00): 48, " + strings.Repeat("x", 1<<20))
	got := Parse(b.String(), Ring)
	last := got[len(got)-1]
	if len(got) != maxEvents || last.Xid != 48 || len(last.Text) > maxLine {
		t.Errorf("%d events, the last %d with %d bytes", len(got), last.Xid, len(last.Text))
	}
}

// TestInterrupted: another GPU's Xid between the lines of a message spoils
// neither.
func TestInterrupted(t *testing.T) {
	got := Parse("NVRM: The NVIDIA GPU 0000:02:00.0 (PCI ID: 10de:2c58)\n"+
		"NVRM: Xid (PCI:0000:01:00): 31, x\n"+
		"NVRM: installed in this system requires use of the NVIDIA open kernel modules.\n", Ring)
	if len(got) != 2 || got[0].Kind != facts.EventOpen && got[1].Kind != facts.EventOpen {
		t.Errorf("%+v", got)
	}
}

func TestFabric(t *testing.T) {
	const line = "Nov 05 13:55:26 node1 nv-fabricmanager[104230]: fabric manager NVIDIA GPU driver interface version 550.127.05 don't match with driver version 550.120. Please update with matching NVIDIA driver package."
	e, ok := Fabric("x\n" + line + "\nfabric manager NVIDIA GPU driver interface version 595.71.05 don't match with driver version 590.48.01. Please\n")
	if !ok || e.Manager != "595.71.05" || e.Driver != "590.48.01" || e.Line != 3 || e.Count != 2 {
		t.Errorf("%+v", e)
	}
	if e, ok := Fabric(line); !ok || e.Driver != "550.120" {
		t.Errorf("%+v", e)
	}
	if e, ok := Fabric("fabric manager started"); ok {
		t.Errorf("%+v", e)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("<4>[ 12.3] NVRM: Xid (PCI:0000:10:1c): 79, GPU has fallen off the bus.\n[ 0.0] Linux version 6\nNVRM: The NVIDIA GPU 0000:01:00.0\nNVRM: fallen off the bus")
	f.Add("4,1,1,-;NVRM: Xid (:::::::): 9999999, \xff#012NVRM:")
	f.Add("nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 12028, x")
	f.Fuzz(func(t *testing.T, text string) {
		for _, source := range []Source{Ring, File} {
			events := Parse(text, source)
			if len(events) > maxEvents {
				t.Errorf("%d events", len(events))
			}
			for _, e := range events {
				if e.Kind == "" || e.Boot == "" || e.Count < 1 || e.Line < 1 || e.Xid < 0 {
					t.Errorf("%+v", e)
				}
				if e.PCI != "" && (len(e.PCI) < 12 || firstAddress(e.PCI) != e.PCI && !strings.HasPrefix(e.PCI, "0000")) {
					t.Errorf("address %q", e.PCI)
				}
				if utf8.ValidString(text) && !utf8.ValidString(e.Kind+e.PCI) {
					t.Errorf("%+v", e)
				}
			}
		}
		Fabric(text)
	})
}
