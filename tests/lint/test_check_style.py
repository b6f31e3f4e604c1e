# SPDX-License-Identifier: GPL-3.0-or-later
"""Each house rule finds a bad sample and leaves a good one alone."""

import os
import unittest

import check_style

C_TOP = "/* SPDX-License-Identifier: GPL-3.0-or-later */\n"


def check(path, text):
    return check_style.check_text(path, text)


class CheckStyle(unittest.TestCase):
    def assert_one(self, path, text, words):
        problems = check(path, text)
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(words, problems[0])

    def test_tree_keeps_the_rules(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        self.assertEqual(check_style.check_tree(os.path.normpath(root)), [])

    def test_good_file_passes(self):
        self.assertEqual(check("user/base/a.c", C_TOP + "int a(void)\n{\n\treturn 0;\n}\n"), [])

    def test_missing_licence(self):
        self.assert_one("user/base/a.c", "int a;\n", "no 'SPDX-License-Identifier")
        self.assert_one("tools/thing", "#!/bin/bash\n\necho\n", "no 'SPDX-License-Identifier")

    def test_wrong_licence(self):
        self.assert_one("bpf/a.bpf.c", C_TOP, "expected 'GPL-2.0'")

    def test_long_file(self):
        self.assert_one("user/base/a.c", C_TOP + "int a;\n" * 700, "701 lines")

    def test_long_function(self):
        body = "\ta();\n" * 101
        self.assert_one("user/base/a.c", C_TOP + "void b(void)\n{\n" + body + "}\n",
                        "a body of 101 lines")

    def test_unfinished_work(self):
        self.assert_one("docs/a.md", "later: TO" + "DO\n", "finish it")

    def test_banned_call(self):
        self.assert_one("user/base/a.c", C_TOP + "\tstrcpy(a, b);\n", "'strcpy' is banned")
        self.assertEqual(check("user/base/a.c", C_TOP + '\tlog("strcpy(a)"); /* atoi() */\n'), [])

    def test_banned_call_in_a_unit_test_is_left_alone(self):
        self.assertEqual(check("tests/unit/a.c", C_TOP + "\tstrcat(a, b);\n"), [])
        self.assert_one("tests/bpf/a.c", C_TOP + "\tstrcat(a, b);\n", "'strcat' is banned")

    def test_forbidden_name(self):
        self.assert_one("user/base/a.c", C_TOP + "\tint rs = 0;\n", "say 'backend'")

    def test_not_ascii(self):
        self.assert_one("user/base/a.c", C_TOP + "/* caf\u00e9 */\n", "not ASCII")
        self.assertEqual(check("tests/unit/base/test_a.c", C_TOP + 'f("caf\u00e9");\n'), [])

    def test_guard(self):
        self.assert_one("user/base/a.h", C_TOP + "int a;\n", "no include guard 'BASE_A_H'")
        self.assertEqual(
            check("user/base/a.h", C_TOP + "#ifndef BASE_A_H\n#define BASE_A_H\n#endif\n"), [])

    def test_guard_of_a_test_has_any_name(self):
        self.assert_one("tests/unit/a.h", C_TOP + "int a;\n", "no include guard")
        self.assertEqual(check("tests/unit/a.h", C_TOP + "#ifndef X_H\n#define X_H\n#endif\n"), [])

    def test_blanks_at_the_end(self):
        self.assert_one("user/base/a.c", C_TOP + "int a; \n", "blanks at the end")


if __name__ == "__main__":
    unittest.main()
