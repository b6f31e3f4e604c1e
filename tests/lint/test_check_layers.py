# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker of layers finds what it should in trees made for it."""

import os
import tempfile
import unittest

import check_layers

TABLE = """
| folder | what lives there | may include | libraries |
|---|---|---|---|
| `include/beeline` | contracts | | |
| `bpf` | programs | `include/beeline` | `bpf/` |
| `user/base` | basics | `include/beeline` | |
| `user/model` | objects | `user/base` | `json-c/` |
| `user/plan` | contents | `user/base` `user/model/out.h` | |
| `user/datapath` | the kernel | `user/plan` `bpf/sock_skel.h` | `bpf/` |
"""
HEADERS = {"include/beeline/abi.h": "", "user/base/err.h": "", "user/model/out.h": "",
           "user/model/inner.h": "", "user/plan/plan.h": ""}


def check(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**HEADERS, **files, "docs/layers.md": TABLE}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return check_layers.check_tree(root)


class CheckLayers(unittest.TestCase):
    def test_tree_keeps_the_table(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        self.assertEqual(check_layers.check_tree(os.path.normpath(root)), [])

    def test_good_includes_pass(self):
        self.assertEqual(check({
            "user/model/a.c": '#include "base/err.h"\n#include <json-c/json.h>\n#include <stdio.h>\n',
            "user/plan/a.c": '#include "model/out.h"\n#include "plan/plan.h"\n',
            "user/datapath/a.c": '#include <bpf/libbpf.h>\n#include "sock_skel.h"\n',
            "bpf/sock_skel.h": '#include "sock.skel.h"\n',
            "bpf/sock.bpf.c": '#include "beeline/abi.h"\n#include <bpf/bpf_helpers.h>\n',
        }), [])

    def test_upward_include_is_found_with_its_line(self):
        problems = check({"user/base/a.c": '#include <stdio.h>\n#include "model/out.h"\n'})
        self.assertEqual(len(problems), 1)
        self.assertIn("user/base/a.c:2: 'model/out.h'", problems[0])

    def test_header_beside_the_allowed_one_is_found(self):
        self.assertEqual(len(check({"user/plan/a.c": '#include "model/inner.h"\n'})), 1)

    def test_way_round_by_dots_is_found(self):
        self.assertEqual(len(check({"user/plan/a.c": '#include "../model/inner.h"\n'})), 1)

    def test_library_of_another_layer_is_found(self):
        self.assertEqual(len(check({"user/plan/a.c": "# include <bpf/bpf.h>\n"})), 1)

    def test_skeleton_outside_its_wrapper_is_found(self):
        self.assertEqual(len(check({"user/datapath/a.c": '#include "sock.skel.h"\n'})), 1)

    def test_wrapper_of_a_skeleton_outside_the_datapath_is_found(self):
        self.assertEqual(len(check({"bpf/sock_skel.h": "", "user/plan/a.c":
                                    '#include "sock_skel.h"\n'})), 1)

    def test_folder_without_a_row_is_found(self):
        problems = check({"user/extra/a.c": "\n"})
        self.assertIn("folder 'user/extra' has no row", problems[0])

    def test_header_that_is_nowhere_is_found(self):
        self.assertIn("no such header", check({"user/plan/a.c": '#include "base/gone.h"\n'})[0])


if __name__ == "__main__":
    unittest.main()
