// SPDX-License-Identifier: Apache-2.0

package files

const openFlags = 0
