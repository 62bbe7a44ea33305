// SPDX-License-Identifier: Apache-2.0

package plugin

import "os"

// signalOf is always "": there are no signals here.
func signalOf(*os.ProcessState) string { return "" }
