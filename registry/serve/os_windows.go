// SPDX-License-Identifier: Apache-2.0

package serve

const openFlags = 0
