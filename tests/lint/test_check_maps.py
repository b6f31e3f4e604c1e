# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests check_maps.py on small pages, then compares docs/maps.md with the objects that were built:
test_check_maps.py OBJECT..."""

import os
import sys
import unittest

import check_maps

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MAPS = {"slots": ("array", "__u32", "struct slot")}
STRUCTS = {"struct slot": (8, [(0, "backend_id", "__u32"), (4, "pad", "__u8[4]")])}
REASONS = {3: ("peer_hit", "kept")}
PAGE = """
## `slots`

Type: array. Key: `__u32`. Value: `struct slot`.

### `struct slot` (8 bytes)

| offset | field | type | meaning |
|---|---|---|---|
| 0 | `backend_id` | `__u32` | which |
| 4 | `pad` | `__u8[4]` | zero |

## Reasons

| 3 | `peer_hit` | kept |
"""


def problems(old="", new=""):
    return check_maps.check(MAPS, STRUCTS, REASONS, PAGE.replace(old, new) if old else PAGE)


class CheckMaps(unittest.TestCase):
    def test_page_that_agrees_has_no_problems(self):
        self.assertEqual(problems(), [])

    def test_every_difference_is_found(self):
        for old, new in [
                ("Type: array", "Type: hash"), ("Key: `__u32`", "Key: `__u64`"),
                ("## `slots`", "## `slot`"), ("(8 bytes)", "(4 bytes)"),
                ("| 4 | `pad`", "| 5 | `pad`"), ("`__u8[4]`", "`__u8[3]`"),
                ("`backend_id`", "`backend`"), ("| 0 | `backend_id` | `__u32` | which |\n", ""),
                ("| which |", "|  |"), ("| 3 |", "| 4 |"), ("kept", "moved"),
                ("`peer_hit`", "`hit`")]:
            with self.subTest(old=old):
                self.assertNotEqual(problems(old, new), [])

    def test_what_does_not_exist_is_found(self):
        page = PAGE + "\n## `ghosts`\n\nType: array. Key: `__u32`. Value: `__u64`.\n"
        found = check_maps.check(MAPS, STRUCTS, REASONS, page)
        self.assertEqual(found, ["docs/maps.md: map 'ghosts' does not exist"])

    def test_reasons_are_read_over_several_lines(self):
        header = 'X(A, 0, "a", "one") \\\n X(B, 1, "b", \\\n "two, " \\\n "three")'
        self.assertEqual(check_maps.read_reasons(header), {0: ("a", "one"), 1: ("b", "two, three")})

    def test_page_agrees_with_what_was_built(self):
        with open(os.path.join(ROOT, "include/beeline/reasons.h"), encoding="ascii") as header:
            built = check_maps.read_built(OBJECTS, header.read())
        self.assertGreater(len(built[0]), 10)
        with open(os.path.join(ROOT, "docs/maps.md"), encoding="utf-8") as page:
            self.assertEqual(check_maps.check(*built, page.read()), [])


if __name__ == "__main__":
    OBJECTS = sys.argv[1:]
    del sys.argv[1:]
    unittest.main()
