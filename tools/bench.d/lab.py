# SPDX-License-Identifier: GPL-3.0-or-later
"""A laboratory that nothing leaves: network namespaces without a route out, cgroups of its own, and
a bpffs in a mount namespace of its own. What it makes goes away with it, also when it is killed:
processes die with their parent, namespaces and mounts with their last process, and cgroups that a
killed run left behind are removed by the next."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MOUNTED = "BEELINE_BENCH_MOUNTS"
PR_SET_PDEATHSIG = 1
PREFIX = "beeline-bench-"


class LabError(Exception):
    """Says what could not be set up, and how to mend it."""


def enter_own_mounts():
    """Starts the script again in a mount namespace of its own, so that no mount outlives it."""
    if os.environ.get(MOUNTED) == "1":
        return
    if os.geteuid() != 0:
        raise LabError("cannot make namespaces: not root (run 'sudo tools/bench')")
    os.environ[MOUNTED] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--",
                          sys.executable, "-B", *sys.argv])


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command, text=None, timeout_s=600):
    """Runs to the end and returns what was printed; a failure carries the reason."""
    try:
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=timeout_s,
                              preexec_fn=die_with_parent)
    except subprocess.TimeoutExpired:
        raise LabError(f"'{command[0]}' was not done after {timeout_s} s") from None
    if done.returncode != 0:
        what = " ".join(command)
        raise LabError(f"'{what[:300]}' ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def cgroup2_root():
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split(" - ")
            if fields[1].split()[0] == "cgroup2":
                return fields[0].split()[4]
    raise LabError("no cgroup2 is mounted (mount -t cgroup2 none /sys/fs/cgroup/unified)")


class Lab:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
        self.bpffs = os.path.join(self.folder, "bpf")
        self.processes = []
        self.cgroup_root = cgroup2_root()

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(130))
        self.sweep()
        os.mkdir(self.bpffs)
        run(["mount", "-t", "bpf", "bpf", self.bpffs])
        self.top_cgroup = self.cgroup(f"{PREFIX}{os.getpid()}", parent=self.cgroup_root)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        subprocess.run(["umount", self.bpffs], stderr=subprocess.DEVNULL, check=False)
        remove_cgroups(self.top_cgroup)
        remove_folder(self.folder)

    def sweep(self):
        """What runs left behind that were killed before they could clean up."""
        for folder, remove in ((self.cgroup_root, remove_cgroups),
                               (tempfile.gettempdir(), remove_folder)):
            for name in os.listdir(folder):
                pid = name.removeprefix(PREFIX).split("-")[0]
                if (name.startswith(PREFIX) and pid.isdigit()
                        and not os.path.exists(f"/proc/{pid}")):
                    remove(os.path.join(folder, name))

    def cgroup(self, name, parent=None):
        path = os.path.join(parent or self.top_cgroup, name)
        os.mkdir(path)
        return path

    def pins(self, name):
        return os.path.join(self.bpffs, name)

    def start(self, command, **options):
        process = subprocess.Popen(command, preexec_fn=die_with_parent, **options)
        self.processes.append(process)
        return process

    def stop(self, process):
        process.kill()
        process.wait()
        self.processes.remove(process)

    def namespace(self):
        """A network namespace with loopback and no route anywhere; lives with a sleeping process."""
        holder = self.start(["unshare", "--net", "--", "sleep", "infinity"])
        namespace = Namespace(f"/proc/{holder.pid}/ns/net")
        own = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 10
        while os.readlink(namespace.path) == own:
            if time.monotonic() > deadline:
                raise LabError("cannot make a network namespace: 'unshare --net' does not return")
            time.sleep(0.005)
        namespace.ip("link", "set", "lo", "up")
        return namespace


def remove_folder(path):
    shutil.rmtree(path, ignore_errors=True)


def remove_cgroups(top):
    """All below `top` too: an agent that was killed leaves a child of its own there."""
    try:
        with open(os.path.join(top, "cgroup.kill"), "w", encoding="ascii") as kill:
            kill.write("1")
    except FileNotFoundError:
        pass  # kernels before 5.14: the processes died with their parent
    for folder, _, _ in os.walk(top, topdown=False):
        remove_cgroup(folder)


def remove_cgroup(path):
    for _ in range(100):
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
    print(f"bench: cgroup '{path}' is still in use and stays", file=sys.stderr)


class Namespace:
    def __init__(self, path):
        self.path = path

    def run(self, *command, text=None):
        # 'ip netns exec' would remount /sys and hide bpffs and cgroup2.
        return run(["nsenter", f"--net={self.path}", "--", *command], text)

    def ip(self, *arguments):
        return self.run("ip", *arguments)

    def sysctl(self, **settings):
        for name, value in settings.items():
            self.run("sysctl", "-q", "-w", f"{name.replace('__', '.')}={value}")


def join(server, client, number):
    """A veth pair between two namespaces; the client sends everything over it, to nowhere else."""
    near, far = f"bench{number}", f"peer{number}"
    client.run("ip", "link", "add", "name", near, "type", "veth", "peer", "name", far,
               "netns", server.path)
    for namespace, device, host in ((server, far, 1), (client, near, 2)):
        namespace.ip("address", "add", f"10.200.{number}.{host}/24", "dev", device)
        namespace.ip("address", "add", f"fd00:200:{number}::{host}/64", "dev", device, "nodad")
        namespace.ip("link", "set", device, "up")
    client.ip("route", "add", "default", "via", f"10.200.{number}.1")
    client.ip("-6", "route", "add", "default", "via", f"fd00:200:{number}::1")
