// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/network"
)

func validateAddress(address string) error {
	canonical, err := canonicalAddress(address)
	if err == nil && canonical != address {
		err = fmt.Errorf("its canonical form is %q", canonical)
	}
	if err != nil {
		return fmt.Errorf("address %.300q: %w", address, err)
	}
	return nil
}

// canonicalAddress brings "host:port" into its one spelling, by the rules of
// package network.
func canonicalAddress(address string) (string, error) {
	rule, err := network.ParseRule(address)
	if wrong, ok := errors.AsType[*network.RuleError](err); ok {
		return "", errors.New(wrong.Reason)
	}
	return rule.String(), err
}
