// SPDX-License-Identifier: Apache-2.0

package sandbox

// Ahead is what a launch can have the kernel begin with before its program has been
// looked at. It serves one launch, by [Spec.Ahead]; Close gives back what was not
// used, and may always be called after the launch. A nil Ahead is one of nothing.
type Ahead struct{ network *network }

// Anticipate begins with a launch that is going to follow at once with the same
// Ceiling, Without and Runtime, which is all that it looks at.
func Anticipate(spec *Spec) *Ahead {
	if spec.Runtime != "" {
		return nil
	}
	for _, level := range ladder {
		if level > spec.ceiling() || knownFailure(spec, level) != nil {
			continue
		}
		if walls := wallsOf(level, hostPowers(), spec.Without); !walls.ownNetwork() {
			return nil
		}
		return &Ahead{network: beginNetwork()}
	}
	return nil
}

// Close lets go of what no launch has taken.
func (h *Ahead) Close() {
	if n := h.takeNetwork(); n != nil {
		n.discard()
	}
}

// takeNetwork takes the network namespace; the next call gets none.
func (h *Ahead) takeNetwork() (n *network) {
	if h != nil {
		n, h.network = h.network, nil
	}
	return n
}
