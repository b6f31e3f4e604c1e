# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources that clang-tidy found clean need no second look: as a compiler's cache does it, a hash of
all that a look depends on (the source and every file that it includes, how it is compiled, the
checks, the program) names a file in a cache folder that is there when nothing was found."""

import hashlib
import json
import os
import re
import subprocess

import build

MOST = 20000  # remembered looks; those not needed for longest go first
PROGRAM = "clang-tidy-14"


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "beeline-tidy")


def parse_deps(text):
    """{object: files that it was compiled from} of what 'ninja -t deps' prints. Where ninja knows no
    more than that they were others, there is no row."""
    deps, files = {}, None
    for line in text.splitlines():
        if line.startswith("    "):
            if files is not None:
                files.append(line[4:])
        elif line:
            name, _, rest = line.partition(": ")
            files = deps.setdefault(name, []) if rest.endswith("(VALID)") else None
    return deps


class Looks:
    """Sources of a build folder, and which of them need a look."""

    def __init__(self, folder, cache=None):
        self.folder = folder
        self.cache = cache or cache_folder()
        self.contents = {}
        with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as database:
            self.entries = {os.path.realpath(os.path.join(entry["directory"], entry["file"])): entry
                            for entry in json.load(database)}
        self.deps = parse_deps(subprocess.run(
            ["ninja", "-C", folder, "-t", "deps"], check=True, text=True,
            stdout=subprocess.PIPE).stdout)
        version = subprocess.run([PROGRAM, "--version"], check=True, stdout=subprocess.PIPE).stdout
        self.version = version

    def content(self, path):
        """Hash of a file, in bytes."""
        if path not in self.contents:
            with open(path, "rb") as file:
                self.contents[path] = hashlib.sha256(file.read()).digest()
        return self.contents[path]

    def checks(self, source):
        """Hashes of the configurations that hold for a source: one folder's goes on with that of the
        folder above it."""
        folder, found = os.path.dirname(source), b""
        while folder.startswith(os.path.realpath(build.TREE)):
            path = os.path.join(folder, ".clang-tidy")
            if os.path.exists(path):
                found += self.content(path)
            folder = os.path.dirname(folder)
        return found

    def pattern(self, source):
        """A source as run-clang-tidy looks for it in the compile commands."""
        entry = self.entries[source]
        return f"^{re.escape(os.path.normpath(os.path.join(entry['directory'], entry['file'])))}$"

    def key(self, source):
        """Name of a look at a source; None: nobody knows what it includes."""
        entry = self.entries[source]
        files = self.deps.get(entry["output"])
        if not files:
            return None
        total = hashlib.sha256(self.version + self.checks(source) + entry["command"].encode() + b"\0")
        for file in files:
            try:
                content = self.content(os.path.join(self.folder, file))
            except OSError:
                return None
            total.update(file.encode() + b"\0" + content)
        return total.hexdigest()

    def needed(self, sources):
        """Those that were not found clean before as they are now."""
        return [source for source in sources if not self.is_known(self.key(source))]

    def is_known(self, key):
        try:
            os.utime(os.path.join(self.cache, key or "none"))
        except OSError:
            return False
        return True

    def remember(self, sources):
        """They were found clean."""
        os.makedirs(self.cache, exist_ok=True)
        for key in filter(None, map(self.key, sources)):
            with open(os.path.join(self.cache, key), "wb"):
                pass
        known = sorted(os.scandir(self.cache), key=lambda entry: entry.stat().st_mtime)
        for entry in known[:-MOST]:
            os.unlink(entry.path)
