"""Facts about this machine and this process that the kernel answers. Linux only.

Each is asked once per process: none of them changes while it lives (a fork keeps boot and namespace,
and the pid is asked anew).
"""

import os
from functools import lru_cache
from typing import Final

from runlore.journal.values import Actor

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "ceph", "afs", "ncpfs"}
)
"""Where a lock is not the truth about another machine's processes; every `fuse` type counts too,
and whatever /proc/self/mountinfo cannot tell."""


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Return the kernel's id of this boot; empty where there is none, which equals no other boot."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


@lru_cache(maxsize=1)
def pid_namespace() -> int:
    """Return the inode of this process's pid namespace; 0 if unknown."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


@lru_cache(maxsize=1)
def host() -> str:
    """Return this machine's node name."""
    return os.uname().nodename


@lru_cache(maxsize=1)
def user() -> str:
    """Return the login name of the effective user, or its number."""
    import pwd  # noqa: PLC0415 - a C module, but not every command needs it

    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def actor(program: str) -> Actor:
    """Return this process as the author of an event."""
    return Actor(user=user(), host=host(), pid=os.getpid(), program=program)


def file_system(path: str) -> str:
    """Return the file system type behind an existing path, from /proc/self/mountinfo; "" if unknown."""
    try:
        wanted = os.stat(path).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read().splitlines()
    except OSError:
        return ""
    real = os.path.realpath(path)
    best, found = "", ""
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        fields = before.split(" ")
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        major, _, minor = fields[2].partition(":")
        same = os.makedev(int(major), int(minor)) == wanted
        if inside and len(point) >= len(best) and (same or point != "/"):
            best, found = point, after.split(" ")[0]
    return found


def is_network(kind: str) -> bool:
    """Say whether locks on this type of file system may be invisible to other machines."""
    return kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse")
