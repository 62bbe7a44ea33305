# SPDX-License-Identifier: Apache-2.0
"""The files of a call: what a source reads, and what a sink writes.

The host opens them, and a plugin sees no directory that they lie in. Their descriptors come
over the data socket, which a plugin process inherits: messages of 64 bytes, each with one
descriptor (see sdk/arena, whose protocol this is). Where there is no such socket, the host
tells a path that the plugin can open.

A plugin in Python says that it takes files and no shared memory. It listens when a call
names a file, and not before: the host has sent it by then.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from .diagnostics import Cancelled, error

#: The variable with the number of the data socket, in decimal digits.
ENV_FD = "BULKHEAD_DATA_FD"
#: Kinds of messages: this plugin takes files and no lanes; here is a file.
HELLO_FILES, FILE = 11, 3
#: Size of a message in bytes, and where its number stands: little-endian, 8 bytes at 16.
MESSAGE_BYTES = 64
_NUMBER = struct.Struct("<Q")

#: How long a file may be under way, in seconds: it was sent before the call that names it.
_PATIENCE = 10.0
#: Files that may wait for their calls. Those of calls that never came are closed, the oldest first.
_WAITING = 64


class DataSocket:
    """The plugin's end of the data socket. It is safe for concurrent use."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fd)
        self._turn = threading.Lock()
        self._files: dict[int, int] = {}
        hello = bytearray(MESSAGE_BYTES)
        hello[0] = HELLO_FILES
        self._socket.sendall(hello)

    def take(self, number: int, cancelled: Callable[[], bool]) -> int:
        """The descriptor of a file, which is the caller's then."""
        until = time.monotonic() + _PATIENCE
        with self._turn:
            while number not in self._files:
                if cancelled():
                    raise Cancelled("the call was given up")
                if time.monotonic() > until:
                    raise OSError(f"the host names file {number} and has not sent it")
                self._receive()
            return self._files.pop(number)

    def _receive(self) -> None:
        """Takes one message, if one comes within a moment."""
        self._socket.settimeout(0.1)
        try:
            message, fds, _, _ = socket.recv_fds(self._socket, MESSAGE_BYTES + 1, 1, socket.MSG_CMSG_CLOEXEC)
        except TimeoutError:
            return
        if len(message) != MESSAGE_BYTES or message[0] != FILE or len(fds) != 1:
            for fd in fds:
                os.close(fd)
            if not message:
                raise OSError("the host closed the data socket")
            return  # of a lane, which this plugin did not ask for
        self._keep(_NUMBER.unpack_from(message, 16)[0], fds[0])

    def _keep(self, number: int, fd: int) -> None:
        while len(self._files) >= _WAITING:
            os.close(self._files.pop(next(iter(self._files))))
        self._files[number] = fd

    def close(self) -> None:
        """Closes it, with the files that nobody took."""
        with self._turn:
            self._socket.close()
            while self._files:
                os.close(self._files.popitem()[1])


def inherited() -> DataSocket | None:
    """The data socket of this process; None where the host gave none."""
    number = os.environ.get(ENV_FD, "")
    if not number or not hasattr(socket, "recv_fds") or not hasattr(socket, "MSG_CMSG_CLOEXEC"):
        return None
    return DataSocket(int(number))


def opened(files: Iterable[Any], source: DataSocket | None, cancelled: Callable[[], bool]) -> dict[str, BinaryIO]:
    """Opens the files of a call, of messages File. What comes as "output" is for writing."""
    out: dict[str, BinaryIO] = {}
    with contextlib.ExitStack() as undo:
        for f in files:
            try:
                out[f.name] = undo.enter_context(_open(f, source, cancelled))
            except OSError as e:
                why = f"The file {f.name!r} of this call: {e.strerror or e}."
                raise error("File that cannot be opened", why) from e
        undo.pop_all()
    return out


def _open(f: Any, source: DataSocket | None, cancelled: Callable[[], bool]) -> Any:
    mode = "r+b" if f.name == "output" else "rb"
    if not f.descriptor:
        return open(f.path, mode)
    if source is None:
        raise OSError("the host sends it, and gave this process no data socket")
    return os.fdopen(source.take(f.descriptor, cancelled), mode)


def flush(files: Mapping[str, BinaryIO]) -> None:
    """Writes what waits in buffers. It has to be there before the host hears of a success."""
    for name, f in files.items():
        try:
            if not f.closed and f.writable():
                f.flush()
        except OSError as e:
            raise error("File that cannot be written", f"The file {name!r} of this call: {e.strerror or e}.") from e


def close(files: Mapping[str, BinaryIO]) -> None:
    """Closes them. What could not be written was told by flush."""
    for f in files.values():
        with contextlib.suppress(OSError):
            f.close()
