# SPDX-License-Identifier: GPL-3.0-or-later
"""What the laboratory needs of the machine: mounts, cgroups, network namespaces, child processes."""

import concurrent.futures
import ctypes
import errno
import os
import shutil
import subprocess
import time

from lab import offload as offloads

NETNS_FOLDER = "/run/netns"
CLONE_NEWNET = 0x40000000

# Puts itself into a cgroup, then becomes the command; so no instant passes outside of it.
ENTER_CGROUP = 'echo $$ >"$1" && shift && exec "$@"'


# How long to wait is written down as for a quiet machine. A busy one gets this many times as long;
# what comes at all is waited for no longer than that takes.
PATIENCE = 4


class LabError(Exception):
    """Something that the person in front of the laboratory can mend."""


def run(argv, text=None, check=True, timeout=30, env=None, pass_fds=()):
    """Runs a command to its end; returns it with its output as text."""
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=timeout * PATIENCE, check=False,
                          env=env, pass_fds=pass_fds,
                          **({} if text is not None else {"stdin": subprocess.DEVNULL}))
    if check and done.returncode != 0:
        raise LabError(f"'{' '.join(argv)}' ended with {done.returncode}: "
                       f"{(done.stderr or done.stdout).strip()}")
    return done


def mounts():
    """(mount point, type) of every mount of this mount namespace."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            point = before.split(" ")[4].encode().decode("unicode_escape")
            yield point, after.split(" ")[0]


def cgroup2_mount():
    """Where the unified hierarchy is; on hybrid machines that is not /sys/fs/cgroup."""
    for point, kind in mounts():
        if kind == "cgroup2":
            return point
    raise LabError("no cgroup2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup")


def make_bpffs(path):
    """A bpffs of its own: what is pinned there goes with it."""
    os.mkdir(path, 0o700)
    run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", path])


def remove_bpffs(path):
    """Whether it was mounted yet or not. A process that looks into it keeps nothing of it here."""
    if (path, "bpf") in mounts():
        run(["umount", "--lazy", path])
    if os.path.isdir(path):
        os.rmdir(path)


def pid_start(pid):
    """Start time of a process in clock ticks, which tells two users of one pid apart; None: it has
    ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
            return None if fields[0] == "Z" else int(fields[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def kill_cgroup(path, timeout=10):
    """Ends every process in a cgroup and below it, and waits until they are gone."""
    deadline = time.monotonic() + timeout * PATIENCE
    while os.path.isdir(path):
        with open(os.path.join(path, "cgroup.events"), encoding="ascii") as events:
            if "populated 0" in events.read():
                return
        with open(os.path.join(path, "cgroup.kill"), "w", encoding="ascii") as kill:
            kill.write("1")
        if time.monotonic() > deadline:
            raise LabError(f"processes in '{path}' do not end")
        time.sleep(0.01)


def remove_cgroup(path, timeout=10):
    """The kernel may call a cgroup busy for a moment after its last process is gone, and a process
    that was being made when the others were killed may turn up late; so this tries again."""
    deadline = time.monotonic() + timeout * PATIENCE
    while os.path.isdir(path):
        kill_cgroup(path)
        try:
            for folder, _, _ in os.walk(path, topdown=False):
                os.rmdir(folder)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def netns_path(name):
    return os.path.join(NETNS_FOLDER, name)


def remove_netns(name):
    if os.path.exists(netns_path(name)):
        run(["ip", "netns", "delete", name])


def ip(netns, *lines):
    """Several lines for ip(8) inside a namespace, in one process."""
    run(["ip", "-n", netns, "-batch", "-"], text="\n".join(lines) + "\n")


def add_bridge(name, number=0):
    """A line for ip(). The address is given, for a bridge without one takes that of some port, and
    another when ports come: then neighbours know a wrong one for a while."""
    return f"link add {name} address 02:62:6c:00:00:{number:02x} type bridge forward_delay 0"


def in_netns(netns, function):
    """Calls a function in a thread that goes into a namespace and ends there; a process for each of
    the many calls of a laboratory would take most of the time that it is built in."""
    def enter():
        with open(netns_path(netns), "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), file.name)
        function()

    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(enter).result()
    except OSError as error:
        raise LabError(f"in namespace '{netns}': {error}") from None


def set_sysctls(netns, **values):
    """Network settings of a namespace; dots are written as two underscores."""
    def write():
        for key, value in values.items():
            with open(f"/proc/sys/net/{key.replace('__', '/')}", "w", encoding="ascii") as setting:
                setting.write(f"{value}\n")

    in_netns(netns, write)


def offload(netns, *rows):
    """Switches offloads of devices; rows are 'DEVICE FEATURE on|off', see offload.py."""
    in_netns(netns, lambda: offloads.switch_all(rows))


def remove_folder(path):
    shutil.rmtree(path, ignore_errors=False) if os.path.isdir(path) else None


def wait_until(condition, timeout=5.0, step=0.02, what="condition"):
    """The first true value of `condition`; LabError when none came in time."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout * PATIENCE} s in vain for {what}")
        time.sleep(step)
