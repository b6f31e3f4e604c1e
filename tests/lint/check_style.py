# SPDX-License-Identifier: GPL-3.0-or-later
"""House rules that no compiler knows; each rule is a function over one file's lines."""

import os
import re
import sys

TREES = ("include", "bpf", "user", "tests", "tools", ".ci", "examples", "docs")
SKIPPED = ("tests/data/", "tests/fuzz/corpus/")
FILE_LINES = 700
FUNCTION_LINES = 100

# Folder -> licence of the C in it; the first that fits.
C_LICENCES = (
    ("include/beeline/", "GPL-2.0-or-later"),
    ("bpf/", "GPL-2.0"),
    ("tools/bench.d/compare.bpf.c", "GPL-2.0"),
    ("tools/bench.d/packet.bpf.c", "GPL-2.0"),
    ("tools/bench.d/packet_work.h", "GPL-2.0-or-later"),
    ("", "GPL-3.0-or-later"),
)
OTHER_LICENCE = "GPL-3.0-or-later"  # in bpf/ also GPL-2.0, as what it builds

BANNED_CALLS = {
    "strcpy": "snprintf or bl_buf",
    "strcat": "bl_buf",
    "strncpy": "snprintf; it leaves text without an end",
    "sprintf": "snprintf or bl_buf",
    "vsprintf": "vsnprintf",
    "gets": "getline",
    "strtok": "strchr or a cursor",
    "atoi": "strtol with checks",
    "atol": "strtol with checks",
    "alloca": "malloc; the stack has no error to return",
}
# Spelt in two halves so that this file passes its own rule.
UNFINISHED = re.compile(r"\b(" + "|".join(a + b for a, b in (
    ("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"))) + r")\b")
FORBIDDEN_IN_NAMES = re.compile(r"\b(?:rs|real)\b(?=\s*(?:[=;\[]|->|\.))")


def is_c(path):
    return path.endswith((".c", ".h"))


def strip_c(line):
    """The line without string literals and comments that end on it."""
    line = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
    return re.sub(r"//.*|/\*.*?\*/", "", line)


def needs_licence(path):
    return path.endswith((".c", ".h", ".py", ".build", ".sh", "meson_options.txt")) or (
        "." not in os.path.basename(path) and path.startswith(("tools/", ".ci/")))


def check_licence(path, lines):
    if not needs_licence(path):
        return
    wanted = OTHER_LICENCE
    if is_c(path):
        wanted = next(licence for folder, licence in C_LICENCES if path.startswith(folder))
    for line in lines[:2]:
        found = re.search(r"SPDX-License-Identifier: ([\w.+-]+)", line)
        if found:
            if found[1] != wanted and not (found[1] == "GPL-2.0" and path == "bpf/meson.build"):
                yield 1, f"licence '{found[1]}', expected '{wanted}'"
            return
    yield 1, f"no 'SPDX-License-Identifier: {wanted}' on the first lines"


def check_length(path, lines):
    if (is_c(path) or path.endswith(".py")) and len(lines) > FILE_LINES:
        yield len(lines), f"{len(lines)} lines, at most {FILE_LINES}: split the file by job"


def check_functions(path, lines):
    if not path.endswith((".c", ".h")):
        return
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and not line.startswith("{\""):
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                yield start, f"a body of {number - start - 1} lines, at most {FUNCTION_LINES}"
            start = None


def check_unfinished(path, lines):
    for number, line in enumerate(lines, 1):
        found = UNFINISHED.search(line)
        if found:
            yield number, f"'{found[1]}': finish it or open an issue"


def check_banned(path, lines):
    # Unit tests know their inputs, and run under the address sanitizer.
    if not is_c(path) or path.startswith("tests/unit/"):
        return
    for number, line in enumerate(lines, 1):
        for call in re.findall(r"(?<![\w.>])(\w+)\s*\(", strip_c(line)):
            if call in BANNED_CALLS:
                yield number, f"'{call}' is banned: use {BANNED_CALLS[call]}"


def check_words(path, lines):
    if not is_c(path):
        return
    for number, line in enumerate(lines, 1):
        found = FORBIDDEN_IN_NAMES.search(strip_c(line))
        if found:
            yield number, f"name '{found[0]}': say 'backend'"


def check_ascii(path, lines):
    if not (is_c(path) or path.endswith((".build", ".py"))):
        return
    for number, line in enumerate(lines, 1):
        code = line if not path.startswith("tests/") else re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
        if not code.isascii():
            yield number, "a character that is not ASCII"


def check_guard(path, lines):
    if not path.endswith(".h"):
        return
    text = "\n".join(lines)
    if path.startswith("tests/"):
        if not re.search(r"^#ifndef (\w+_H)\n#define \1\n", text, re.M):
            yield 1, "no include guard"
        return
    name = path.removeprefix("include/").removeprefix("user/")
    guard = re.sub(r"\W", "_", name).upper()
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        yield 1, f"no include guard '{guard}'"


def check_blanks(path, lines):
    for number, line in enumerate(lines, 1):
        if line.rstrip("\r") != line or (line != line.rstrip() and not path.endswith((".md", ".scd"))):
            yield number, "blanks at the end of the line"


RULES = (check_licence, check_length, check_functions, check_unfinished, check_banned, check_words,
         check_ascii, check_guard, check_blanks)


def check_text(path, text):
    """Messages for one file."""
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    return [f"{path}:{number}: {message}" for rule in RULES
            for number, message in rule(path, lines)]


def sources(root):
    for name in ("meson.build", "meson_options.txt", "README.md"):
        if os.path.exists(os.path.join(root, name)):
            yield name
    for tree in TREES:
        for folder, _, names in os.walk(os.path.join(root, tree)):
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root)
                if not path.startswith(SKIPPED) and not name.endswith((".pyc", ".o")):
                    yield path


def check_tree(root):
    problems = []
    for path in sources(root):
        with open(os.path.join(root, path), "rb") as file:
            raw = file.read()
        try:
            problems += check_text(path, raw.decode("utf-8"))
        except UnicodeDecodeError:
            problems.append(f"{path}:1: not UTF-8 text; data of tests belongs in tests/data")
    return problems


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    problems = check_tree(os.path.normpath(root))
    print("\n".join(problems) if problems else "the tree keeps the house rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
