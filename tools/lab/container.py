# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod's commands share beside the network: files of /etc, a root folder, variables, a host
name. A process holds them (holder.py), and files in the laboratory's folder say what is in them, so
that they outlive who made them."""

import os
import select
import subprocess

from lab import system

HOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "holder.py")
LOCALHOST = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"


class Container:
    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as text:
            return text.read()

    def write(self, name, text):
        """In place: what is mounted is the file, not its name."""
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)

    def prepare(self, name, addresses, own_name):
        """The files of a pod that nobody has told anything yet."""
        os.makedirs(self.path("root"), exist_ok=True)
        hosts = LOCALHOST + "".join(f"{address} {name}\n" for address in addresses)
        for file, text in (("resolv.conf", ""), ("hosts", hosts), ("environment", ""),
                           ("nsswitch.conf", "hosts: files dns\n")):
            self.write(file, text)
        if own_name:
            self.write("hostname", f"{name}\n")

    def environment(self):
        """Its name, and variables of the Services that there were when it was started."""
        lines = self.read("environment").splitlines()
        if os.path.exists(self.path("hostname")):
            lines.append(f"HOSTNAME={self.read('hostname').strip()}")
        return dict(line.split("=", 1) for line in lines)

    @property
    def pid(self):
        """Of the process that holds it; None: it does not run."""
        try:
            pid, start = self.read("pid").split()
        except FileNotFoundError:
            return None
        return int(pid) if system.pid_start(pid) == int(start) else None

    def enter(self):
        """Arguments of nsenter(1)."""
        pid = self.pid
        return [f"--mount=/proc/{pid}/ns/mnt", f"--uts=/proc/{pid}/ns/uts"] if pid else []

    def start(self, command, environment):
        """Starts the process that holds it; `command` puts the pod's network and cgroup before its
        arguments. Returns it once everything is there."""
        ready, signal_fd = os.pipe()
        argv = ["/usr/bin/python3", "-I", "-S", HOLDER, self.folder, str(signal_fd)]
        try:
            with open(self.path("log"), "ab") as log:
                child = subprocess.Popen(command(argv), stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log, pass_fds=[signal_fd], env=environment,
                                         start_new_session=True)
        finally:
            os.close(signal_fd)
        with os.fdopen(ready, "rb") as pipe:
            readable, _, _ = select.select([pipe], [], [], 20)
            if not readable or not pipe.read(1):
                raise system.LabError(f"the container in '{self.folder}' did not start: "
                                      f"{self.read('log')}")
        self.write("pid", f"{child.pid} {system.pid_start(child.pid)}\n")
        return child
