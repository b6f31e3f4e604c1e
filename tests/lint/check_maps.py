# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares docs/maps.md with the BTF of the built objects and with beeline/reasons.h."""

import json
import re
import subprocess

TYPES = {1: "hash", 2: "array", 6: "per-CPU array", 9: "LRU hash",
         11: "longest prefix", 24: "socket storage"}
# Structs that are no key or value: what the iterators write, and what it holds.
OTHERS = ("bl_stale_socket",)
# Working memory of one object, which nobody else sees.
PRIVATE = ("scratch",)
MAP = re.compile(r"^## `(\w+)`$")
STRUCT = re.compile(r"^### `((?:struct|union) \w+)` \((\d+) bytes\)$")
ROW = re.compile(r"^\| (\d+) \| `(\w+)` \| `([^`]+)` \| \S.*\|$")
KIND = re.compile(r"^Type: (.+?)\. Key: `([^`]+)`\. Value: `([^`]+)`\.")
REASON = re.compile(r"^\| (\d+) \| `(\w+)` \| (.+) \|$")


class Btf:
    def __init__(self, path):
        dump = subprocess.run(["bpftool", "-j", "btf", "dump", "file", path], check=True,
                              capture_output=True, text=True, env={"PATH": "/usr/sbin:/usr/bin"})
        self.types = {row["id"]: row for row in json.loads(dump.stdout)["types"]}

    def bare(self, number):
        row = self.types[number]
        while row["kind"] in ("CONST", "VOLATILE"):
            row = self.types[row["type_id"]]
        return row

    def name(self, number):
        row = self.bare(number)
        if row["kind"] == "ARRAY":
            return "%s[%d]" % (self.name(row["type_id"]), row["nr_elems"])
        prefix = {"STRUCT": "struct ", "UNION": "union ", "ENUM": "enum "}.get(row["kind"], "")
        return prefix + row["name"]

    def maps(self):
        """name -> (type, key, value)"""
        found = {}
        section = next(t for t in self.types.values()
                       if t["kind"] == "DATASEC" and t["name"] == ".maps")
        for var in section["vars"]:
            row = self.types[var["type_id"]]
            members = {m["name"]: self.types[self.types[m["type_id"]]["type_id"]]
                       for m in self.types[row["type_id"]]["members"]}
            found[row["name"]] = (TYPES.get(members["type"]["nr_elems"], "unknown"),
                                  self.name(members["key"]["id"]),
                                  self.name(members["value"]["id"]))
        return found

    def structs(self, names):
        """name -> (size, [(offset, field, type)]), with all that they hold."""
        by_name = {self.name(n): t for n, t in self.types.items()
                   if t["kind"] in ("STRUCT", "UNION") and t["name"] != "(anon)"}
        found, left = {}, list(names)
        while left:
            name = left.pop()
            if name in found or name not in by_name:
                continue
            row = by_name[name]
            fields = [(m["bits_offset"] // 8, m["name"], self.name(m["type_id"]))
                      for m in row["members"]]
            found[name] = (row["size"], fields)
            left += [re.sub(r"\[\d+\]", "", f[2]) for f in fields]
        return found


def read_page(text):
    """The same from the page: (maps, structs, reasons)."""
    maps, structs, reasons = {}, {}, {}
    name = fields = None
    for line in text.splitlines():
        if line.startswith("#"):
            name = fields = None
        if match := MAP.match(line):
            name = match[1]
        elif match := STRUCT.match(line):
            fields = []
            structs[match[1]] = (int(match[2]), fields)
        elif match := KIND.match(line):
            maps[name] = match.groups()
        elif fields is not None and (match := ROW.match(line)):
            fields.append((int(match[1]), match[2], match[3]))
        elif fields is None and (match := REASON.match(line)):
            reasons[int(match[1])] = (match[2], match[3])
    return maps, structs, reasons


def read_reasons(header):
    header = header.replace("\\\n", " ")
    rows = re.findall(r'X\(\w+,\s*(\d+),\s*"(\w+)",\s*((?:"[^"]*"\s*)+)\)', header)
    return {int(number): (label, "".join(re.findall(r'"([^"]*)"', text)))
            for number, label, text in rows}


def compare(what, built, written):
    for key in sorted(built.keys() | written.keys()):
        if key not in written:
            yield f"docs/maps.md: {what} '{key}' is not described"
        elif key not in built:
            yield f"docs/maps.md: {what} '{key}' does not exist"
        elif built[key] != written[key]:
            yield f"docs/maps.md: {what} '{key}': expected {built[key]}, got {written[key]}"


def check(built_maps, built_structs, built_reasons, text):
    maps, structs, reasons = read_page(text)
    return (list(compare("map", built_maps, maps)) +
            list(compare("type", built_structs, structs)) +
            list(compare("reason", built_reasons, reasons)))


def read_built(object_paths, reasons_header):
    """What all objects together have; those that share a map agree on it, or it is a problem."""
    maps, structs = {}, {}
    for path in object_paths:
        btf = Btf(path)
        own = {name: row for name, row in btf.maps().items() if name not in PRIVATE}
        for name, row in own.items():
            if maps.setdefault(name, row) != row:
                raise ValueError(f"map '{name}': expected {maps[name]}, got {row} in '{path}'")
        names = [part for row in own.values() for part in row[1:]]
        structs |= btf.structs(names + ["struct " + name for name in OTHERS])
    return maps, structs, read_reasons(reasons_header)
