# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the index of decisions is whole and that links between pages lead somewhere."""

import os
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = ("README.md", "docs", "examples", "packaging")


def pages(root):
    for place in PAGES:
        path = os.path.join(root, place)
        if os.path.isfile(path):
            yield place
        for folder, _, names in os.walk(path):
            for name in sorted(names):
                if name.endswith(".md"):
                    yield os.path.relpath(os.path.join(folder, name), root)


def check_links(root, page, text):
    for number, line in enumerate(text.splitlines(), 1):
        for target in LINK.findall(line):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not os.path.exists(os.path.join(root, os.path.dirname(page), target)):
                yield f"{page}:{number}: link to '{target}', which is not there"


def check_decisions(root):
    folder = os.path.join(root, "docs", "decisions")
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as page:
        index = page.read()
    seen = {}
    for name in sorted(os.listdir(folder)):
        if name == "README.md":
            continue
        path = f"docs/decisions/{name}"
        number = name[:4]
        if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name):
            yield f"{path}:1: bad name, expected NNNN-what-it-is-about.md"
            continue
        if number in seen:
            yield f"{path}:1: number {number} is taken by '{seen[number]}'"
        seen[number] = name
        with open(os.path.join(folder, name), encoding="utf-8") as page:
            if not page.readline().startswith(f"# {number}: "):
                yield f"{path}:1: first line must be '# {number}: title'"
        if f"[{number}]({name})" not in index:
            yield f"docs/decisions/README.md:1: '{name}' is not in the list"


def check_tree(root):
    problems = list(check_decisions(root))
    for page in pages(root):
        with open(os.path.join(root, page), encoding="utf-8") as text:
            problems += check_links(root, page, text.read())
    return problems


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    problems = check_tree(os.path.normpath(root))
    print("\n".join(problems) if problems else "every page is reachable")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
