# SPDX-License-Identifier: GPL-3.0-or-later
"""What a laboratory has made, written down before it is made.

The journal is a file of one JSON object a line. Undoing walks it backwards and skips what is not
there, so it also works after a crash in the middle of building, and removes nothing else.
"""

import fcntl
import json
import os
import re
import time

from lab import system

ROOT = "/run/beeline-lab"
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")

UNDO = {
    "cgroup": system.remove_cgroup,
    "netns": system.remove_netns,
    "bpffs": system.remove_bpffs,
}


def exists_cgroup_or_folder(path):
    return os.path.exists(path)


def exists_netns(name):
    return os.path.exists(system.netns_path(name))


EXISTS = {"cgroup": exists_cgroup_or_folder, "bpffs": exists_cgroup_or_folder,
          "netns": exists_netns}


def folder_of(name):
    if not NAME.fullmatch(name):
        raise system.LabError(f"bad laboratory name '{name}': expected a lower-case letter, then "
                              "letters, digits and '-', 31 at most")
    return os.path.join(ROOT, name)


def take_lock(file, patience=4):
    """False when another process keeps the lock. A builder that was killed may have had a child,
    which holds it for as long as it outlives the builder; so this asks more than once."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


class Journal:
    """One laboratory's journal. Holds a lock for as long as it is open."""

    def __init__(self, name, create):
        self.name = name
        self.folder = folder_of(name)
        self.path = os.path.join(self.folder, "journal")
        os.makedirs(ROOT, mode=0o700, exist_ok=True)
        if create:
            try:
                os.mkdir(self.folder, mode=0o755)
            except FileExistsError:
                raise system.LabError(f"laboratory '{name}' is there already: enter it, or remove "
                                      "it first with 'down'") from None
        elif not os.path.isdir(self.folder):
            raise system.LabError(f"there is no laboratory '{name}': make it with 'up'")
        self.file = open(self.path, "a+", encoding="utf-8")
        if not take_lock(self.file):
            self.file.close()
            raise system.LabError(f"laboratory '{name}' is being built or removed by another "
                                  "process")

    def write(self, **entry):
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()

    def will_make(self, kind, subject):
        """To be called just before making it; refuses what is there and so is not ours."""
        if EXISTS[kind](subject):
            raise system.LabError(f"{kind} '{subject}' is there already and not of this laboratory")
        self.write(made=kind, subject=subject)

    def undo(self):
        for entry in reversed(read(self.name)):
            if "made" in entry:
                UNDO[entry["made"]](entry["subject"])
        self.file.close()
        system.remove_folder(self.folder)
        try:
            os.rmdir(ROOT)
        except OSError:
            pass  # other laboratories stand

    def close(self):
        self.file.close()


def read(name):
    """All whole lines; a crash may have cut the last one."""
    entries = []
    try:
        with open(os.path.join(folder_of(name), "journal"), encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    entries.append(json.loads(line))
    except FileNotFoundError:
        raise system.LabError(f"there is no laboratory '{name}': make it with 'up'") from None
    return entries


def names():
    return sorted(os.listdir(ROOT)) if os.path.isdir(ROOT) else []


def remove_abandoned():
    """Removes laboratories whose owner died before it could; those without an owner stay."""
    for name in names():
        try:
            owners = [entry for entry in read(name) if "owner" in entry]
            if owners and system.pid_start(owners[0]["owner"]) != owners[0]["start"]:
                Journal(name, create=False).undo()
        except system.LabError:
            continue  # someone else is at it
