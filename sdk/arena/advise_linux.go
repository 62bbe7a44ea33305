// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// advise asks for huge pages for the part of b that can have them. The collector
// does not: its memory would be faulted in page by page.
func advise(b []byte) {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip := int((hugePage - start%hugePage) % hugePage)
	if n := (len(b) - skip) / hugePage * hugePage; n > 0 {
		_ = unix.Madvise(b[skip:skip+n], unix.MADV_HUGEPAGE)
	}
}
