// SPDX-License-Identifier: Apache-2.0

package mountinfo

import "testing"

const mounts = `22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
30 22 8:1 / /var/lib rw shared:2 - xfs /dev/sda1 rw
31 30 8:2 / /var/lib/docker rw shared:3 - xfs /dev/sdb1 rw
32 22 8:3 / /with\040space rw shared:4 - xfs /dev/sdc1 rw
garbage
`

func TestPoint(t *testing.T) {
	for name, want := range map[string]string{
		"/var/lib/docker": "/var/lib/docker", "/var/lib/docker/x": "/var/lib/docker", "/var/lib/dockerx": "/var/lib", "/home": "/", "/with space/a": "/with space",
	} {
		if got := Point([]byte(mounts), name); got != want {
			t.Errorf("%s is on %q, want %q", name, got, want)
		}
	}
	if got := Point([]byte("x y z"), "/a"); got != "" {
		t.Errorf("garbage gives %q", got)
	}
}

func FuzzPoint(f *testing.F) {
	f.Add([]byte(mounts), "/var/lib/docker")
	f.Fuzz(func(_ *testing.T, data []byte, name string) { Point(data, name) })
}
