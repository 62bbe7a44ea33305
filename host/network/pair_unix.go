// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// doorPair makes the two ends of a door.
func doorPair() (*door.Conn, *os.File, error) {
	ours, theirs, err := socketPair(doorType)
	if err != nil {
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	conn, err := door.NewConn(ours)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn, theirs, nil
}

// streamPair makes the two ends of a connection, the plugin's as a file.
func streamPair() (*net.UnixConn, *os.File, error) {
	ours, theirs, err := socketPair(streamType)
	if err != nil {
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}
