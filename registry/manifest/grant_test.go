// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestGrantPaths(t *testing.T) {
	const good = ""
	for _, tt := range []struct{ kind, path, want string }{
		{Read, "/sys/module/nvidia", good},
		{Read, "/proc/driver/nvidia/version", good},
		{Read, "/lib/*-linux-gnu*/libc.so.6", good},
		{Read, "$LD_LIBRARY_PATH/", good},
		{Write, "${sink}", good},
		{Read, "${sink}", "clean absolute path"},
		{Read, "${process}/limits", good},
		{Read, ".", good},
		{Read, Python, good},
		{Read, "/*", "whole system"},
		{Read, "/*/*", "whole system"},
		{Read, "/et?", "whole system"},
		{Read, "/ETC", "whole system"},
		{Read, "/home/*", "whole system"},
		{Read, "/home/ada", "whole system"},
		{Read, "/[Z-f]tc", "whole system"},
		{Read, "/[Z-f]tc/[^x]*", "whole system"},
		{Read, "/pro[Z-d]/1/environ", "processes"},
		{Read, "/dev/[Z-t]da", "a disk"},
		{Read, "/a\u034fb", "cannot be seen"},
		{Read, "/a\ufe0fb", "cannot be seen"},
		{Write, "~/.[Z-t]sh", "change what the host"},
		{Write, "~/.\u017fsh", "change what the host"},
		{Write, "~/.ssh.", "change what the host"},
		{Write, "~/.ssh ", "change what the host"},
		{Write, "~/.ssh::$INDEX_ALLOCATION", "change what the host"},
		{Write, "/h?me/ada/x", "named as ~/"},
		{Read, "/etc/[a-z]*", "whole system"},
		{Read, "/etc/[^.]*", "whole system"},
		{Read, "/[a-z]*/[^.]?*", "whole system"},
		{Read, "~/[^x]*", "whole home"},
		{Read, "~/.*", "whole home"},
		{Read, "~/.[a-z]*", "whole home"},
		{Read, "~/.cache/[a-f]*", good},
		{Read, "/dev/sda", "a disk"},
		{Read, "/dev/input", "an input device"},
		{Read, "/dev/fd/5", "memory"},
		{Read, "/dev/stdi[n]", "memory"},
		{Read, "/dev/nvidia0", good},
		{Read, "/proc/vmcore", "memory"},
		{Read, "/" + strings.Repeat("a/", 64) + "a", "more than"},
		{Read, "/" + strings.Repeat("a", 4096), "more than"},
		{Read, "/etc", "whole system"},
		{Read, "/sys/*", "whole system"},
		{Read, "/proc", "whole system"},
		{Read, "~", "whole home"},
		{Read, "~/", "whole home"},
		{Read, "~/*", "whole home"},
		{Read, "/proc/self/environ", "${process}"},
		{Read, "/proc/1/root", "${process}"},
		{Read, "/proc/*/status", "${process}"},
		{Read, "/proc/kcore", "memory"},
		{Read, "${process}", "memory"},
		{Read, "${process}/*", "memory"},
		{Read, "${process}/environ", "env grants"},
		{Read, "${process}/cmdline", "command line"},
		{Read, "${process}/root/etc/shadow", "env grants"},
		{Read, "/a/**", "no more than *"},
		{Read, "/a/[b", "not closed"},
		{Read, `/a\b`, "clean absolute path"},
		{Read, "/a\x00", "cannot be seen"},
		{Read, "/a\u202eb", "cannot be seen"},
		{Read, "/a\u200bb", "cannot be seen"},
		{Read, "/a\xff", "cannot be seen"},
		{Read, "/a/", "clean absolute path"},
		{Read, "", "clean absolute path"},

		{Write, "./out", good},
		{Write, "~/models", good},
		{Write, "$HF_HOME", good},
		{Write, "/data/churn", good},
		{Write, "/var/tmp/x", good},
		{Write, ".", "whole project"},
		{Write, "./*", "whole project"},
		{Write, "./bulkhead.hcl", "change what the host"},
		{Write, "./a.bulkhead.hcl", "change what the host"},
		{Write, "./*.hcl", "change what the host"},
		{Write, "./.git", "change what the host"},
		{Write, "~/.ssh", "change what the host"},
		{Write, "~/.SSH/authorized_keys", "change what the host"},
		{Write, "~/.s?h", "change what the host"},
		{Write, "~/.bashrc", "change what the host"},
		{Write, "~/.config", "change what the host"},
		{Write, "~/.config/bulkhead/x", "change what the host"},
		{Write, "~/.local/share/bulkhead/plugins", "change what the host"},
		{Write, "$HOME/.ssh", "change what the host"},
		{Write, "/etc/cron.d", "change what the host"},
		{Write, "/usr/local/bin/x", "change what the host"},
		{Write, "/var/spool/cron", "change what the host"},
		{Write, "/sys/fs/cgroup", "change what the host"},
		{Write, "/home/ada/x", "named as ~/"},
		{Write, "/home/*/.ssh", "change what the host"},
		{Write, "/var", "whole system"},
		{Write, "${process}/oom_score_adj", "only looked at"},
		{Write, Python, "clean absolute path"},

		{Exec, "/usr/bin/nvcc", good},
		{Exec, "/usr/local/cuda*/bin", good},
		{Exec, Python, good},
		{Exec, "~/bin/x", "absolute path, or by ${python}"},
		{Exec, "./x", "absolute path, or by ${python}"},
		{Exec, "/usr/bin", "all the programs"},
		{Exec, "/usr/bin/*", "all the programs"},
		{Exec, "/bin", "all the programs"},

		{Device, "/dev/nvidia-uvm", good},
		{Device, "/dev/dri/renderD*", good},
		{Device, "/dev/kfd", good},
		{Device, "/etc/passwd", "below /dev"},
		{Device, "~/dev/x", "below /dev"},
		{Device, "/dev", "whole system"},
		{Device, "/dev/*", "whole system"},
		{Device, "/dev/sda", "a disk"},
		{Device, "/dev/nvme1n1p2", "a disk"},
		{Device, "/dev/s[a-z]*", "a disk"},
		{Device, "/dev/mem", "memory"},
		{Device, "/dev/n*", "a disk"},
		{Device, "/dev/ng0n1", "a disk"},
		{Device, "/dev/mtd0ro", "a disk"},
		{Device, "/dev/vfio/vfio", "memory"},
		{Device, "/dev/bus/usb/001/002", "an input device"},
		{Device, "/dev/snapshot", "memory"},
		{Device, "/dev/shm/x", "memory"},
	} {
		check(t, Grant{Kind: tt.kind, Path: tt.path, Why: "w"}, tt.want)
	}
}

// check validates a grant; want is a part of the error, "" when it is good.
func check(t *testing.T, g Grant, want string) {
	t.Helper()
	err := g.Validate()
	if want == "" && err != nil {
		t.Errorf("%s: %v", g, err)
	}
	if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%q: error %v, want one with %q", g, err, want)
	}
}

func TestGrantValues(t *testing.T) {
	for _, tt := range []struct {
		grant Grant
		want  string
	}{
		{Grant{Kind: Env, Name: "NCCL_*"}, ""},
		{Grant{Kind: Env, Name: "*"}, "env grant"},
		{Grant{Kind: Env, Name: "A*B"}, "env grant"},
		{Grant{Kind: Env, Name: "A", Path: "/x"}, "a name and nothing else"},
		{Grant{Kind: Secret, Name: "hf_token"}, ""},
		{Grant{Kind: Secret, Name: "../token"}, "does not begin with a dot"},
		{Grant{Kind: Secret, Name: "a/b"}, "use letters"},
		{Grant{Kind: Secret}, "a name has"},
		{Grant{Kind: Net, Name: "x"}, "an address and nothing else"},
		{Grant{Kind: Read, Path: "/x", Address: "a:1"}, "a path and nothing else"},
		{Grant{Kind: "mount", Path: "/x"}, "use one of write"},
		{Grant{Kind: "", Path: "/x"}, "use one of write"},
	} {
		tt.grant.Why = "w"
		check(t, tt.grant, tt.want)
	}
	check(t, Grant{Kind: Env, Name: "A", Why: "a\x1b[2Jb"}, "cannot be seen")
	check(t, Grant{Kind: Env, Name: "A", Why: strings.Repeat("w", maxWhy+1)}, "more than")
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"huggingface.co:443":       "huggingface.co:443",
		"HuggingFace.CO.:443":      "huggingface.co:443",
		"xn--bcher-kva.example:80": "xn--bcher-kva.example:80",
		"10.0.0.1:9":               "10.0.0.1:9",
		"[2001:DB8:0:0::1]:443":    "[2001:db8::1]:443",
		"[::ffff:10.0.0.1]:443":    "10.0.0.1:443",
		"localhost:8080":           "localhost:8080",
		"bücher.example:443":       "xn--bcher-kva.example:443",
	} {
		m, err := Parse([]byte(`{"name":"a","summary":"","licence":"","grants":[{"kind":"net","address":"` + in + `","why":"w"}]}`))
		if err != nil || m.Grants[0].Address != want {
			t.Errorf("%s: %+v, %v; want %s", in, m, err, want)
		}
	}
	for _, in := range []string{
		"", "huggingface.co", "huggingface.co:", ":443", "a:0", "a:65536", "a:080", "a:+80", "a:https", "*.co:443", "a..b:1", "a b:1",
		"169.254.169.254:80", "1.2.3:80", "0x7f.1:80", "127.1:80", "2130706433:80", "a.0x10:1", "[fe80::1%eth0]:1", "0.0.0.0:1", "[::]:1",
		"224.0.0.1:1", "user@host:1", "http://a:1", "a/b:1", strings.Repeat("a", 64) + ".co:1", strings.Repeat("a.", 130) + "co:1",
	} {
		if err := validateAddress(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
	check(t, Grant{Kind: Net, Address: "A:1", Why: "w"}, `canonical form is "a:1"`)
}

// What the plugins of this tree ask for is what any plugin may ask for.
func TestOwnManifests(t *testing.T) {
	files, err := filepath.Glob("../../plugins/*/manifest.json")
	more, _ := filepath.Glob("../../plugins/*/*/manifest.json")
	if files = append(files, more...); err != nil || len(files) < 6 {
		t.Fatalf("manifests %v: %v", files, err)
	}
	for _, file := range files {
		if _, err := Load(filepath.Dir(file)); err != nil {
			t.Error(err)
		}
	}
}

func TestWritable(t *testing.T) {
	personal := []string{"/home/ada", "/work/train", ""}
	for p, want := range map[string]string{
		"/home/ada/models":         "",
		"/work/train/out":          "",
		"/data/x":                  "",
		"/home/ada":                "it holds /home/ada",
		"/home":                    "it holds /home/ada",
		"/":                        "it holds",
		"/work/train":              "it holds /work/train",
		"/home/ada/.ssh":           "could change",
		"/home/ada/.config":        "could change",
		"/work/train/.git/hooks":   "could change",
		"/work/train/x":            "",
		"/etc/x":                   "could change",
		"/usr/lib/x":               "could change",
		"/var":                     "whole system",
		"/work/train/bulkhead.hcl": "could change",
		"/home/bob/.ssh":           "could change",
		"/home/bob/.local/bin/x":   "could change",
		"/home/bob":                "it holds",
		"/home/bob/data":           "",
		"/Users/bob/.zshrc":        "could change",
	} {
		got := Writable(p, personal)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
	if got := Writable("/root/models", []string{"/root"}); got != "" {
		t.Errorf("root's own home: %s", got)
	}
}

// What a link led to is held against the rules for manifests.
func TestReadable(t *testing.T) {
	for p, want := range map[string]string{
		"/data/x": "", "/usr/lib": "", "/proc/7/mounts": "", "/proc/driver/nvidia": "", "/home/ada/x": "",
		"/": "whole system", "/etc": "whole system", "/home/bob": "whole system", "/dev/sda": "a disk",
		"/proc/7/environ": "the process", "/proc/7": "the process", "/proc/7/fd/3": "the process", "/proc/71/status": "processes", "/proc/1/root/etc": "processes",
	} {
		if got := Readable(p, "/proc/7"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}
