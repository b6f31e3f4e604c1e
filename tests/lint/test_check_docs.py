# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker of pages finds dead links and decisions that the index forgot."""

import os
import tempfile
import unittest

import check_docs

GOOD = {
    "README.md": "[layers](docs/layers.md#top) [web](https://example.org)\n",
    "docs/layers.md": "# Layers\n",
    "docs/decisions/README.md": "[0001](0001-one.md)\n",
    "docs/decisions/0001-one.md": "# 0001: One\n",
}


def check(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**GOOD, **files}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return check_docs.check_tree(root)


class CheckDocs(unittest.TestCase):
    def test_tree_is_whole(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        self.assertEqual(check_docs.check_tree(os.path.normpath(root)), [])

    def test_good_pages_pass(self):
        self.assertEqual(check({}), [])

    def test_dead_link_is_found_with_its_line(self):
        problems = check({"docs/layers.md": "# Layers\n[gone](gone.md)\n"})
        self.assertEqual(problems, ["docs/layers.md:2: link to 'gone.md', which is not there"])

    def test_decision_outside_the_index_is_found(self):
        self.assertIn("'0002-two.md' is not in the list",
                      check({"docs/decisions/0002-two.md": "# 0002: Two\n"})[0])

    def test_bad_name_and_title_are_found(self):
        self.assertIn("bad name", check({"docs/decisions/two.md": "# 0002: Two\n"})[0])
        self.assertIn("first line", check({"docs/decisions/0001-one.md": "# One\n"})[0])

    def test_number_used_twice_is_found(self):
        problems = check({"docs/decisions/0001-two.md": "# 0001: Two\n"})
        self.assertIn("number 0001 is taken", problems[0])


if __name__ == "__main__":
    unittest.main()
