// SPDX-License-Identifier: Apache-2.0

package sandbox

// DefaultFloor is the lowest level that a launch falls to unless told otherwise.
const DefaultFloor = Seatbelt

// ladder are the levels to try here, from high to low.
var ladder = []Level{Seatbelt, None}
