# SPDX-License-Identifier: GPL-3.0-or-later
"""A source that clang-tidy found clean is looked at again when anything changes that matters."""

import json
import os
import sys
import tempfile
import unittest
from unittest import mock

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(TREE, "tools", "lib")]

import tidy

DEPS = """\
a.o: #deps 2, deps mtime 1 (VALID)
    ../a.c
    ../a.h

b.o: #deps 1, deps mtime 1 (STALE)
    ../b.c

"""


class Looks(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = os.path.realpath(scratch.name)
        self.source, self.stale = self.path("a.c"), self.path("b.c")
        self.command, self.version, self.checks = "clang -c a.c", b"14", "Checks: '*'\n"
        os.mkdir(self.path("build"))
        patch = mock.patch("tidy.build.TREE", self.root)
        patch.start()
        self.addCleanup(patch.stop)
        for name in ("a.c", "a.h", "b.c"):
            self.write(name, "int x;\n")

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)

    def looks(self):
        """As a run begins them."""
        self.write(".clang-tidy", self.checks)
        self.write("build/compile_commands.json", json.dumps([
            {"directory": self.path("build"), "file": f"../{name}.c", "output": f"{name}.o",
             "command": self.command} for name in "ab"]))

        def run(command, **_):
            return mock.Mock(stdout=DEPS if command[0] == "ninja" else self.version)

        with mock.patch("tidy.subprocess.run", run):
            return tidy.Looks(self.path("build"), self.path("cache"))

    def remember(self):
        self.looks().remember([self.source, self.stale])
        self.assertEqual(self.looks().needed([self.source]), [])

    def assert_needed(self):
        self.assertEqual(self.looks().needed([self.source]), [self.source])

    def test_new(self):
        self.assert_needed()

    def test_found_clean(self):
        self.remember()

    def test_another_source(self):
        self.remember()
        self.write("a.c", "int y;\n")
        self.assert_needed()

    def test_another_header(self):
        self.remember()
        self.write("a.h", "int y;\n")
        self.assert_needed()

    def test_another_command(self):
        self.remember()
        self.command = "clang -DX -c a.c"
        self.assert_needed()

    def test_other_checks(self):
        self.remember()
        self.checks = "Checks: 'misc-*'\n"
        self.assert_needed()

    def test_checks_of_the_folder_above(self):
        self.write("build/.clang-tidy", "InheritParentConfig: true\n")
        self.remember()
        self.assertEqual(len(self.looks().checks(self.path("build/c.c"))), 2 * 32)

    def test_the_sources_name_in_the_compile_commands(self):
        self.assertRegex(self.source, self.looks().pattern(self.source))

    def test_another_program(self):
        self.remember()
        self.version = b"15"
        self.assert_needed()

    def test_a_header_that_is_gone(self):
        self.remember()
        os.unlink(self.path("a.h"))
        self.assert_needed()

    def test_what_nobody_knows_the_headers_of_is_always_looked_at(self):
        self.remember()
        self.assertEqual(self.looks().needed([self.stale]), [self.stale])

    def test_the_cache_is_bounded(self):
        with mock.patch("tidy.MOST", 1):
            self.remember()
            self.write("a.c", "int y;\n")
            self.remember()
        self.assertEqual(len(os.listdir(self.path("cache"))), 1)


if __name__ == "__main__":
    unittest.main()
