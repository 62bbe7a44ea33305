// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
)

// format is the version of the entries.
const format = "bulkhead-cache-2"

// An entry is the length of a header, the header in JSON and a message of the
// wire.

func binaryLength(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// encode writes an entry.
func encode(header any, message proto.Message) ([]byte, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("writing an entry: %w", err)
	}
	return proto.MarshalOptions{}.MarshalAppend(append(binaryLength(len(head)), head...), message)
}

// errDamaged means that something is no entry.
var errDamaged = errors.New("the entry is damaged")

// decode reads an entry.
func decode(data []byte, header any, message proto.Message) error {
	length, n := binary.Uvarint(data)
	if n <= 0 || length > uint64(len(data)-n) {
		return errDamaged
	}
	if err := json.Unmarshal(data[n:n+int(length)], header); err != nil {
		return errors.Join(errDamaged, err)
	}
	if err := proto.Unmarshal(data[n+int(length):], message); err != nil {
		return errors.Join(errDamaged, err)
	}
	return nil
}
