// SPDX-License-Identifier: Apache-2.0

package attack

import "slices"

// native are the attacks of Linux.
func native() []Attack {
	return slices.Concat(linuxFiles, linuxDescriptors, linuxNetwork, linuxProcesses, linuxPrivileges, linuxNamespaces, linuxKernel, linuxBombs, linuxMemory, linuxDisk, linuxHeld, linuxRare)
}
