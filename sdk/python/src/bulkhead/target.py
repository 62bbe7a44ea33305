# SPDX-License-Identifier: Apache-2.0
"""The machine that a collector observes.

Its methods take the machine's own absolute paths ("/etc/os-release") wherever the machine's
root is found, and follow symbolic links as that machine would: a link to "/usr/lib" stays
inside the target. What the plugin was not granted looks absent. Everything is bounded, and
every look raises Cancelled when nobody waits for the facts any more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fnmatch
import os
import posixpath
import stat as modes
from collections.abc import Callable, Iterator, Sequence

from .diagnostics import Cancelled

#: Largest file that is read, in bytes.
MAX_FILE_BYTES = 16 << 20
#: Largest number of names that ``list_dir`` gives unless told otherwise.
MAX_NAMES = 10_000
_MAX_LINKS = 40
#: Set while the host looks which files the plugin asks for, to learn the grants that it needs
#: (``bulkhead plugin learn``): paths are then named to their ends, also below a directory that
#: is not found, so that the host sees all that was wanted.
ENV_TRACED = "BULKHEAD_TRACED"


class FileTooLarge(OSError):
    """A file is larger than a collector reads."""


@dataclasses.dataclass(frozen=True)
class Usage:
    """The size of a file system in bytes. ``free`` is what an ordinary user can still write."""

    total: int
    free: int


@dataclasses.dataclass
class Target:
    """A machine, as the plugin sees it.

    ``root`` is the directory under which the machine's "/" is found. ``live`` is true for this
    machine, now: on a mounted disk or a recorded machine a system call would answer for the
    wrong one. ``process_dir`` describes the examined process ("/proc/self"; "" without one) and
    ``env`` is its environment. ``pythons`` are interpreters that the user named, ``project_dir``
    and ``home`` directories of the user. ``os_name`` and ``arch`` are Go's names. ``kernel_log`` is
    the kernel's log, or ``kernel_log_unknown`` the reason why there is none.
    """

    root: str
    live: bool = False
    process_dir: str = ""
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    pythons: list[str] = dataclasses.field(default_factory=list)
    project_dir: str = ""
    home: str = ""
    filesystems: dict[str, Usage] = dataclasses.field(default_factory=dict)
    os_name: str = "linux"
    arch: str = "amd64"
    kernel_log: str = ""
    kernel_log_unknown: str = ""
    open_files: int = 0
    cancelled: Callable[[], bool] = lambda: False

    def read_file(self, name: str) -> bytes:
        """Reads a regular file of at most MAX_FILE_BYTES, else OSError: devices are refused."""
        resolved, info = self._find(name)
        if not modes.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with self._own(name), os.fdopen(os.open(self._host(resolved), flags), "rb") as f:
            data = f.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise FileTooLarge(errno.EFBIG, "file is larger than a collector reads", name)
        return data

    def read_text(self, name: str) -> str:
        """Reads a small file and trims the space around it; "" when it cannot be read."""
        try:
            return self.read_file(name).decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def list_dir(self, name: str, most: int = MAX_NAMES) -> tuple[list[str], bool]:
        """At most so many names in a directory, sorted, and whether there are more."""
        try:
            resolved, _ = self._find(name)
        except FileNotFoundError:
            if ENV_TRACED in os.environ:
                with contextlib.suppress(OSError):
                    os.scandir(self._host(_clean(name))).close()
            raise
        names: list[str] = []
        with self._own(name), os.scandir(self._host(resolved)) as entries:
            for entry in entries:
                if len(names) == most:
                    return sorted(names), True
                names.append(entry.name)
        return sorted(names), False

    def stat(self, name: str) -> os.stat_result:
        """Describes what name leads to."""
        return self._find(name)[1]

    def lstat(self, name: str) -> os.stat_result:
        """Describes name itself, a link as a link."""
        with self._own(name):
            return os.lstat(self._host(self._itself(name)))

    def readlink(self, name: str) -> str:
        """The text of a link."""
        with self._own(name):
            return os.readlink(self._host(self._itself(name)))

    def exists(self, name: str) -> bool:
        """Whether name leads to something."""
        try:
            self._find(name)
        except OSError:
            return False
        return True

    def resolve(self, name: str) -> str:
        """Follows every link in name: the machine's own path of what it leads to, which exists."""
        return self._find(name)[0]

    def glob(self, pattern: str) -> list[str]:
        """The paths that match a pattern, sorted; "*", "?" and "[...]" match within a name."""
        if ENV_TRACED in os.environ:  # the pattern itself, since what is shown may be a part
            with contextlib.suppress(OSError):
                os.lstat(self._host(_clean(pattern)))
        matches = ["/"]
        for part in _clean(pattern).strip("/").split("/"):
            matches = [m for d in matches for m in self._glob_one(d, part)]
        return sorted(matches)

    def statfs(self, name: str) -> Usage | None:
        """The size of the file system that holds name; None when nobody knows."""
        if _clean(name) in self.filesystems:
            return self.filesystems[_clean(name)]
        if not self.live or not hasattr(os, "statvfs"):
            return None
        try:
            s = os.statvfs(self._host(self.resolve(name)))
        except OSError:
            return None
        return Usage(s.f_blocks * s.f_frsize, s.f_bavail * s.f_frsize)

    def _glob_one(self, directory: str, part: str) -> list[str]:
        try:
            if not any(c in part for c in "*?["):
                name = posixpath.join(directory, part)
                self.lstat(name)
                return [name]
            names, _ = self.list_dir(directory)
        except OSError:
            return []
        return [posixpath.join(directory, n) for n in names if fnmatch.fnmatchcase(n, part)]

    def _find(self, name: str) -> tuple[str, os.stat_result]:
        """Follows links as the machine would. ``done`` is resolved, ``todo`` is not."""
        if self.cancelled():
            raise Cancelled("the collection was given up")
        done, todo, links = "/", _parts(name), 0
        info = os.lstat(self._host("/"))
        while todo:
            part = todo.pop(0)
            if part == "..":
                done = posixpath.dirname(done)
                continue
            here = posixpath.join(done, part)
            with self._own(name), self._wanting(here, todo):
                info = os.lstat(self._host(here))
                if not modes.S_ISLNK(info.st_mode):
                    done = here
                    continue
                text = os.readlink(self._host(here))
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, "too many symbolic links", name)
            todo = _parts(text) + todo
            done = "/" if text.startswith("/") else done
        with self._own(name):
            return done, os.lstat(self._host(done))

    @contextlib.contextmanager
    def _wanting(self, missing: str, rest: Sequence[str]) -> Iterator[None]:
        """In a traced run a path is named to its end, see ENV_TRACED. The answer does not count."""
        try:
            yield
        except FileNotFoundError:
            if rest and ENV_TRACED in os.environ:
                with contextlib.suppress(OSError):
                    os.lstat(self._host(posixpath.join(missing, *rest)))
            raise

    def _itself(self, name: str) -> str:
        """Name with the links of its directory followed, and not its own."""
        name = _clean(name)
        directory, own = posixpath.split(name)
        with self._wanting(directory, [own]):
            return posixpath.join(self.resolve(directory), own)

    def _host(self, name: str) -> str:
        return os.path.join(self.root or "/", name.lstrip("/"))

    def _own(self, name: str) -> _Own:
        return _Own(name)


class _Own:
    """Puts the machine's own path into an error instead of the plugin's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, e: BaseException | None, trace: object) -> None:
        if isinstance(e, OSError):
            e.filename = self._name


def _clean(name: str) -> str:
    return posixpath.normpath("/" + name.lstrip("/"))


def _parts(name: str) -> list[str]:
    """The names of a path, those that lead upwards included: what they mean depends on links."""
    return [p for p in name.split("/") if p not in ("", ".")]
