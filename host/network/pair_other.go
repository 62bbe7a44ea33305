// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package network

import (
	"errors"
	"net"
	"os"

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

func doorPair() (*door.Conn, *os.File, error) { return nil, nil, errors.ErrUnsupported }

func streamPair() (*net.UnixConn, *os.File, error) { return nil, nil, errors.ErrUnsupported }

func gone(*net.UnixConn) bool { return true }
