#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that holds a pod's namespaces, started in the pod's network namespace and cgroup.

Makes what the pod's commands share beside the network, says so by one byte, and stays. The root
folder is new and empty but for the machine's folders, so that a file beside them ('/httpserv') is
the pod's own; resolv.conf, hosts and nsswitch.conf are those of the folder that it is given.
"""

import ctypes
import os
import sys

CLONE_NEWNS, CLONE_NEWUTS = 0x00020000, 0x04000000
MS_BIND, MS_REC, MS_UNBINDABLE, MS_SLAVE = 0x1000, 0x4000, 0x20000, 0x80000
MNT_DETACH = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
NSCD = "/run/nscd"  # the machine's, which would answer instead of the pod's resolv.conf
FILES = ("resolv.conf", "hosts", "nsswitch.conf", "hostname")


def call(function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), arguments)


class Kernel:
    """The system calls that this Python does not know."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)

    def mount(self, source, target, kind, flags, data=None):
        call(self.libc.mount, *(part.encode() if part else None for part in (source, target, kind)),
             ctypes.c_ulong(flags), data.encode() if data else None)

    def unshare(self, flags):
        call(self.libc.unshare, flags)

    def pivot_root_here(self):
        """The working directory becomes the root, and what was the root goes."""
        call(self.libc.syscall, ctypes.c_long(SYS_PIVOT_ROOT[os.uname().machine]), b".", b".")
        call(self.libc.umount2, b".", MNT_DETACH)

    def set_host_name(self, name):
        call(self.libc.sethostname, name.encode(), ctypes.c_size_t(len(name.encode())))


def build_root(kernel, root):
    """A root folder of its own with every folder of the machine's."""
    kernel.mount("none", "/", None, MS_REC | MS_SLAVE)
    kernel.mount("pod", root, "tmpfs", 0, "mode=755")
    kernel.mount("none", root, None, MS_UNBINDABLE)  # or it came along with the folder it is in
    for entry in os.scandir("/"):
        place = os.path.join(root, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir():
            os.mkdir(place)
            kernel.mount(entry.path, place, None, MS_BIND | MS_REC)
    os.chdir(root)
    kernel.pivot_root_here()
    os.chdir("/")


def hold(folder):
    kernel = Kernel()
    named = os.path.exists(os.path.join(folder, "hostname"))  # else the name is the node's
    kernel.unshare(CLONE_NEWNS | (CLONE_NEWUTS if named else 0))
    files = {name: os.path.join(folder, name) for name in FILES}
    if named:
        with open(files["hostname"], encoding="utf-8") as name:
            kernel.set_host_name(name.read().strip())
    build_root(kernel, os.path.join(folder, "root"))
    for name, file in files.items():
        # /etc may have a link in its place; its end is what programs read.
        place = os.path.realpath(os.path.join("/etc", name))
        if os.path.exists(place) and os.path.exists(file):
            kernel.mount(file, place, None, MS_BIND)
    if os.path.isdir(NSCD):
        kernel.mount("pod", NSCD, "tmpfs", 0)


def main():
    folder, ready_fd = sys.argv[1], int(sys.argv[2])
    hold(folder)
    os.write(ready_fd, b"1")
    os.close(ready_fd)
    pause = os.path.join(folder, "pause")  # what ps shows
    if not os.path.islink(pause):
        os.symlink("/bin/sleep", pause)
    os.execv(pause, ["pause", "infinity"])


if __name__ == "__main__":
    main()
