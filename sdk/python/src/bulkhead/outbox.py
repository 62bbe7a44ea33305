# SPDX-License-Identifier: Apache-2.0
"""Hands messages from the thread that works to the one that sends them.

A fit tells its progress and a transform its rejected rows from deep inside, so each streamed
call works in a thread of its own. A caller that is gone ends it: the next message, or the next
look at the input, raises Cancelled.
"""

from __future__ import annotations

import collections
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

from .diagnostics import Cancelled


class Malformed(Exception):
    """The host broke the order of messages."""


#: Bytes of stack of each thread. They count as private memory, of which a sandbox gives little.
STACK_BYTES = 2 << 20

NO_THREAD = (
    "the plugin cannot start another thread: raise `processes` or `memory` in `sandbox { limits { ... } }` of the plugin, "
    "or let fewer of its kernels run at a time"
)


class Threads(futures.ThreadPoolExecutor):
    """Threads for gRPC, which would serve no call any more if it got none: better an end that says so."""

    def __init__(self) -> None:
        threading.stack_size(STACK_BYTES)
        super().__init__(max_workers=256, thread_name_prefix="grpc")

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Runs a call."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError as e:
            self.lost(e)
            raise

    def lost(self, e: RuntimeError) -> None:
        """Ends the process, and tells why in the words of a crash."""
        if "thread" in str(e):
            sys.stderr.write(f"Traceback (most recent call last):\nRuntimeError: {NO_THREAD}\n")
            sys.stderr.flush()
            os._exit(1)


#: Messages that wait to be sent; whoever makes more of them waits. One is a batch of up to 8 MiB.
_AHEAD = 1


class Outbox:
    """A bounded queue of the answers of one call, as they travel."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: collections.deque[bytes] = collections.deque()
        self._ended = False
        self._failure: BaseException | None = None
        self.cancelled = False

    def put(self, message: Any) -> None:
        """Adds a message, and waits while another waits. What memory it takes is the worker's to lack."""
        data = message.SerializeToString(deterministic=True)
        del message
        with self._changed:
            self._changed.wait_for(lambda: self.cancelled or len(self._waiting) < _AHEAD)
            if self.cancelled:
                raise Cancelled("the call was given up")
            self._waiting.append(data)
            self._changed.notify_all()

    def cancel(self) -> None:
        """Nobody takes messages any more."""
        with self._changed:
            self.cancelled = True
            self._changed.notify_all()

    def end(self, failure: BaseException | None = None) -> None:
        """No more messages come."""
        with self._changed:
            self._ended, self._failure = True, failure
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.cancelled or self._ended or bool(self._waiting))
                if self.cancelled:
                    return
                if not self._waiting:
                    if self._failure is not None:
                        raise self._failure
                    return
                data = self._waiting.popleft()
                self._changed.notify_all()
            yield data
            del data


class NoThread(Exception):
    """The sandbox gives no more threads, or no memory for them."""


def worked(work: Callable[[Outbox], None], box: Outbox, done: Callable[[], None]) -> None:
    """Runs the work of a call in a thread, up to its end."""

    def run() -> None:
        failure: BaseException | None = None
        try:
            work(box)
        except Exception as e:
            failure = e
        except BaseException as e:  # gRPC's thread would end with it, and the call never
            failure = RuntimeError(f"the call ended with {type(e).__name__}")
        finally:
            done()
            box.end(failure)

    try:
        threading.Thread(target=run, name="call", daemon=True).start()
    except RuntimeError:
        done()
        raise NoThread(NO_THREAD) from None
