# SPDX-License-Identifier: GPL-3.0-or-later
"""A world outside of the cluster: a machine with servers, and knotd with the names of all of them."""

import os
import shutil
import subprocess

from lab import system
from lab.laboratory import Lab

PORT = 53


def zone_text(names):
    """The whole tree of names, so that what is not in it is known not to exist."""
    rows = ["$TTL 60", ". SOA ns. hostmaster. 1 3600 600 86400 60", ". NS ns.", "ns. A 127.0.0.1"]
    rows += [f"{name}. {'AAAA' if ':' in address else 'A'} {address}"
             for name, addresses in names.items() for address in addresses]
    return "\n".join(rows) + "\n"


class NameServer:
    """knotd in a member, on every address of it; `names` are {name: addresses}."""

    def __init__(self, member, names):
        self.folder = os.path.join(member.lab.folder, f"{member.name}-names")
        os.mkdir(self.folder)
        self.write("zone", zone_text(names))
        config = self.write("knot.conf", (
            f"server:\n  rundir: {self.folder}\n  listen: [0.0.0.0@{PORT}, \"::@{PORT}\"]\n"
            "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
            f"database:\n  storage: {self.folder}\n"
            f"zone:\n  - domain: .\n    storage: {self.folder}\n    file: zone\n"
            "    semantic-checks: off\n    zonefile-load: whole\n    journal-content: none\n"))
        binary = shutil.which("knotd", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not binary:
            raise system.LabError("knotd is not there: run tools/install-packages")
        log_path = os.path.join(self.folder, "log")
        with open(log_path, "ab") as log:
            member.start(binary, "-c", config, stdout=log, stderr=subprocess.STDOUT)
        try:
            system.wait_until(lambda: self.answers(member), 5, 0.02, "knotd")
        except system.LabError as error:
            with open(log_path, encoding="utf-8", errors="replace") as log:
                raise system.LabError(f"{error}: {log.read()}") from None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        return path

    @staticmethod
    def answers(member):
        return member.run("dig", f"@{member.addresses[0]}", "+short", "+time=1", "+tries=1", ".",
                          "SOA", check=False).returncode == 0


def add_world(lab, name, nodes, names, ports):
    """A machine on the wire that answers DNS for `names`, all of them its own, and HTTP on `ports`.
    Pods of `nodes` can be answered from there."""
    outside = lab.add_client(name)
    for node in nodes:
        Lab.route(outside, node)
    outside.serve(http=ports)
    NameServer(outside, {known: outside.addresses for known in names})
    return outside
