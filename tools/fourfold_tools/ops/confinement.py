"""A confinement: what a thread and every program that it starts may no longer do, held by the kernel itself.

Standard library only: the spawn helper loads this file by its path. Files are confined by Landlock (Linux 5.13 and
later, landlock(7)): each open, rename, truncation ... is judged in the kernel when it happens, by what it really
leads to. The network is closed by a seccomp filter that refuses every socket but local ones, and with them the ways
around it (io_uring, system calls of another architecture). Neither can be taken back, and set-user-id programs
gain nothing.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

# Rights over files, and from which version of Landlock on the kernel knows them.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_READ = _READ_FILE | _READ_DIR
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
# Without the right to truncate (before 3, Linux 6.2) files outside could be emptied.
_LEAST_ABI = 3
_IOCTL_ABI, _NET_ABI, _SCOPE_ABI = 5, 4, 6
_BIND_AND_CONNECT_TCP = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

_SYS_CREATE, _SYS_ADD, _SYS_RESTRICT = 444, 445, 446
_PATH_BENEATH = struct.Struct("=Qi")
_PR_GET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 21, 38
_SECCOMP_SET_MODE_FILTER = 1
# What root keeps: rights over files, users and low ports. Not: other processes, mounts, devices, the kernel.
# chown, dac_override, fowner, fsetid, kill, setgid, setuid, net_bind_service, sys_resource, setfcap
_KEPT = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7, 10, 24, 31))
_CAPABILITY_VERSION = 0x2008_0522

# By machine: AUDIT_ARCH, then the numbers of seccomp, socket, io_uring_setup. x32 calls carry bit 30.
_ARCH = {"x86_64": (0xC000003E, 317, 41, 425), "aarch64": (0xC00000B7, 277, 198, 425)}
_X32_BIT = 0x4000_0000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000 | errno.EACCES
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


@dataclass(frozen=True, slots=True)
class Confinement:
    """writes: files and folders that may be changed, with all below; reads: those that may be read; none is a link.

    reads None: everything may be read and executed. executes: files that may be started where reads are confined.
    network: whether sockets other than local ones may be made. What does not exist is left out.
    """

    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] | None = None
    executes: tuple[str, ...] = ()
    network: bool = True

    def fields(self) -> list[str]:
        """The confinement as texts, with the identity of each path: a folder made anew needs a new one."""
        named = [("w", self.writes), ("r", self.reads or ()), ("x", self.executes)]
        marks = [f"{kind}{_identity(path)}:{path}" for kind, paths in named for path in paths]
        return [f"{'R' if self.reads is not None else '-'}{'-' if self.network else 'N'}", *marks]


def of_fields(fields: Sequence[bytes]) -> Confinement:
    """The confinement that `fields` wrote."""
    head, *marks = map(os.fsdecode, fields)
    paths: dict[str, list[str]] = {"w": [], "r": [], "x": []}
    for mark in marks:
        paths[mark[0]].append(mark.partition(":")[2])
    reads = tuple(paths["r"]) if head[0] == "R" else None
    return Confinement(tuple(paths["w"]), reads, tuple(paths["x"]), network=head[1] != "N")


@lru_cache(maxsize=1)
def file_confinement() -> bool:
    """Whether this kernel can confine files."""
    return landlock_abi() >= _LEAST_ABI


@lru_cache(maxsize=1)
def network_confinement() -> bool:
    """Whether this kernel can close the network."""
    if sys.platform != "linux" or os.uname().machine not in _ARCH:
        return False
    return int(ctypes.CDLL(None).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0)) >= 0


def landlock_abi() -> int:
    """The kernel's version of Landlock; 0 where it has none or it is off."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_SYS_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def restrict(confinement: Confinement) -> None:
    """Confine the calling thread and all that it starts from now on, for good.

    Raises:
        OSError: the kernel cannot or does not; the thread may be confined in part and must not be used.
    """
    abi = landlock_abi()
    if abi < _LEAST_ABI:
        raise OSError(errno.ENOSYS, "no Landlock")
    _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _drop_capabilities()
    write = _WRITE_FILE | _REMOVE_AND_MAKE | _REFER | _TRUNCATE | (_IOCTL_DEV if abi >= _IOCTL_ABI else 0)
    read = 0 if confinement.reads is None else _READ | _EXECUTE
    ruleset = _ruleset(abi, write | read, network=confinement.network)
    try:
        _allow(ruleset, confinement.writes, write | (read & _READ))
        _allow(ruleset, confinement.reads or (), read & _READ)
        _allow(ruleset, confinement.executes, read & (_EXECUTE | _READ_FILE))
        _checked(_libc().syscall(_SYS_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)
    if not confinement.network:
        _close_network()


def _ruleset(abi: int, rights: int, *, network: bool) -> int:
    tcp = 0 if network or abi < _NET_ABI else _BIND_AND_CONNECT_TCP
    scoped = _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= _SCOPE_ABI else 0
    fields = 3 if abi >= _SCOPE_ABI else 2 if abi >= _NET_ABI else 1
    attributes = struct.pack("=QQQ", rights, tcp, scoped)[: 8 * fields]
    created = _libc().syscall(_SYS_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    return _checked(created)


def _allow(ruleset: int, paths: Iterable[str], rights: int) -> None:
    """Grant rights beneath each path that exists and is no link by now; a file gets those that a file can have."""
    for path in paths if rights else ():
        try:
            place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            granted = rights if os.path.isdir(f"/proc/self/fd/{place}") else rights & _OF_FILES
            rule = _PATH_BENEATH.pack(granted, place)
            _checked(_libc().syscall(_SYS_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0)))
        finally:
            os.close(place)


def _drop_capabilities() -> None:
    """Give up, for good, the capabilities of root that lead around a confinement; others have none."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    held = ctypes.create_string_buffer(24)  # twice effective, permitted, inheritable: low words, high words
    _checked(_libc().capget(header, held))
    words = [word & (_KEPT >> 32 * (i // 3)) & 0xFFFF_FFFF for i, word in enumerate(struct.unpack("=6I", held))]
    _checked(_libc().capset(header, struct.pack("=6I", *words)))


def _close_network() -> None:
    """Refuse sockets of every family but AF_UNIX, io_uring, and calls of another architecture."""
    arch, seccomp, make_socket, io_uring = _ARCH[os.uname().machine]
    program = [  # (code, jump if true, jump if false, constant)
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 0, 7, arch),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_AT_LEAST, 5, 0, _X32_BIT),
        (_IF_EQUAL, 4, 0, io_uring),
        (_IF_EQUAL, 0, 2, make_socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_EQUAL, 0, 1, 1),  # AF_UNIX
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    described = struct.pack("@HP", len(program), ctypes.addressof(filters))
    _checked(_libc().syscall(seccomp, ctypes.c_uint(_SECCOMP_SET_MODE_FILTER), ctypes.c_uint(0), described))


def _identity(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_dev}.{status.st_ino}"


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
