# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks every #include line of the source against the table in docs/layers.md."""

import os
import re
import sys

# Of the libraries, what an #include <...> of them starts with. Anything else in angle brackets is
# the C library or the kernel's own interface.
LIBRARIES = ("bpf/", "yaml.h", "json-c/", "systemd/", "microhttpd.h", "curl/", "nghttp2/", "libknot/",
             "libelf.h", "gelf.h", "zlib.h")
TREES = ("include", "bpf", "user")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CODE = re.compile(r"`([^`]+)`")


def read_table(text):
    """folder -> (folders and headers it may include, libraries it may include)."""
    table = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 6 or not CODE.fullmatch(cells[1]):
            continue
        table[CODE.fullmatch(cells[1])[1]] = (CODE.findall(cells[3]), CODE.findall(cells[4]))
    return table


def folder_of(path, table):
    """The row of the table that a file belongs to, or None."""
    folder = os.path.dirname(path)
    while folder:
        if folder in table:
            return folder
        folder = os.path.dirname(folder)
    return None


def find_header(root, path, name):
    """Where a quoted include of `path` leads, as a path in the tree; None if nowhere."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    for candidate in (beside, os.path.join("user", name), os.path.join("include", name),
                      os.path.join("bpf", name)):
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def check_quoted(root, path, name, folder, table):
    if name.endswith(".skel.h"):
        if path.startswith("bpf/") and path.endswith("_skel.h"):
            return None
        return "only bpf/*_skel.h includes a skeleton"
    header = find_header(root, path, name)
    if header is None:
        return "no such header in the tree"
    target = folder_of(header, table)
    allowed = table[folder][0]
    if target == folder or target in allowed or header in allowed:
        return None
    return f"'{folder}' may include only itself, {', '.join(allowed) or 'nothing else'}"


def check_angled(name, folder, table):
    library = next((prefix for prefix in LIBRARIES if name.startswith(prefix)), None)
    if library is None or library in table[folder][1]:
        return None
    return f"'{folder}' may not include the library header '{library}'"


def sources(root):
    for tree in TREES:
        for folder, _, names in os.walk(os.path.join(root, tree)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def check_tree(root):
    """A message for each line that breaks the table."""
    with open(os.path.join(root, "docs", "layers.md"), encoding="utf-8") as page:
        table = read_table(page.read())
    if not table:
        return ["docs/layers.md:1: no table found"]
    problems = []
    for path in sources(root):
        folder = folder_of(path, table)
        if folder is None:
            problems.append(f"{path}:1: folder '{os.path.dirname(path)}' has no row in "
                            "docs/layers.md")
            continue
        with open(os.path.join(root, path), encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                kind, name = found.groups()
                reason = (check_quoted(root, path, name, folder, table) if kind == '"'
                          else check_angled(name, folder, table))
                if reason:
                    problems.append(f"{path}:{number}: '{name}': {reason}")
    return problems


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    problems = check_tree(os.path.normpath(root))
    print("\n".join(problems) if problems else "every include agrees with docs/layers.md")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
