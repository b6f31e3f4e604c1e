# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner counts single test cases whatever printed them, and never takes a failure for none."""

import contextlib
import io
import os
import sys
import unittest

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(TREE, "tools", "lib")]

import board
import run_tests

SYNTHESIS = "[====] Synthesis: Tested: {} | Passing: {} | Failing: {} | Crashing: {}\n"


def entry(result, stdout="", stderr=""):
    return {"name": "a", "result": result, "stdout": stdout, "stderr": stderr}


class CountCases(unittest.TestCase):
    def check(self, found, passed, failed):
        self.assertEqual(run_tests.count_cases(found), (passed, failed))

    def test_criterion(self):
        self.check(entry("OK", stderr=SYNTHESIS.format(7, 7, 0, 0)), 7, 0)
        self.check(entry("FAIL", stderr=SYNTHESIS.format(7, 4, 2, 1)), 4, 3)

    def test_leak_found_after_every_test_passed_is_a_failure(self):
        self.check(entry("FAIL", stderr=SYNTHESIS.format(7, 7, 0, 0) + "LeakSanitizer"), 7, 1)

    def test_unittest(self):
        self.check(entry("OK", stderr="Ran 9 tests in 0.1s\n\nOK\n"), 9, 0)
        self.check(entry("FAIL", stderr="Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n"),
                   6, 3)

    def test_program_without_a_framework_is_one_case(self):
        self.check(entry("OK"), 1, 0)
        self.check(entry("FAIL"), 0, 1)

    def test_time_out_and_crash_are_failures(self):
        self.check(entry("TIMEOUT"), 0, 1)
        self.check(entry("ERROR", stderr="no such file"), 0, 1)


class CountGuest(unittest.TestCase):
    def check(self, status, output, programs, passed, failed):
        self.assertEqual(run_tests.count_guest(status, output, programs)[:2], (passed, failed))

    def test_programs_that_ended_well_or_not(self):
        output = (SYNTHESIS.format(5, 5, 0, 0) + "vm-test-status: 0 /a/test_one\r\n" +
                  SYNTHESIS.format(3, 1, 2, 0) + "vm-test-status: 2 /a/test_two\r\n")
        self.check(0, output, 2, 6, 2)

    def test_program_that_was_stopped_is_a_failure(self):
        self.check(0, "hangs\nvm-test-status: 124 /a/test_one\n", 1, 0, 1)

    def test_guest_that_ends_early_fails_for_each_program_that_did_not_run(self):
        self.check(1, SYNTHESIS.format(5, 5, 0, 0) + "vm-test-status: 0 /a/test_one\n", 3, 5, 2)
        self.check(1, "the guest ended without a status", 2, 0, 2)
        self.check(1, SYNTHESIS.format(5, 5, 0, 0) + "vm-test-status: 0 /a/test_one\n", 1, 5, 1)

    def test_programs_that_need_not_run_again(self):
        output = (SYNTHESIS.format(5, 5, 0, 0) + "vm-test-status: 0 /a/test_one\r\n" +
                  SYNTHESIS.format(3, 1, 2, 0) + "vm-test-status: 2 /a/test_two\r\n")
        self.assertEqual(run_tests.passing_programs(output), {"/a/test_one": 5})


class EndToEndPiles(unittest.TestCase):
    def test_every_file_is_in_one_pile(self):
        named = [name for pile in run_tests.e2e_piles() for name in pile]
        folder = os.path.join(TREE, "tests", "e2e")
        self.assertEqual(sorted(named), sorted(
            f"tests/e2e/{name}" for name in os.listdir(folder)
            if name.startswith("test_") and name.endswith(".py")))

    def test_what_is_said_to_take_long_is_there(self):
        for name in run_tests.E2E_SECONDS:
            self.assertTrue(os.path.exists(os.path.join(TREE, "tests", "e2e", f"{name}.py")), name)

    def test_who_shares_the_standing_cluster_is_together(self):
        (pile,) = [pile for pile in run_tests.e2e_piles()
                   if "tests/e2e/test_outside_policy.py" in pile]
        self.assertIn("tests/e2e/test_outside_semantics.py", pile)


class PinnedPrograms(unittest.TestCase):
    def test_other_suites_get_nothing(self):
        with run_tests.pinned_programs("unit", "build") as settings:
            self.assertEqual(settings, {})


class CountPytest(unittest.TestCase):
    def check(self, status, line, passed, failed):
        self.assertEqual(run_tests.count_pytest(status, f"...F\r\n{line}\r\n"), (passed, failed))

    def test_the_last_line(self):
        self.check(0, "22 passed, 2 skipped in 480.11s (0:08:00)", 22, 0)
        self.check(0, "===== 22 passed, 2 skipped in 480.11s (0:08:00) =====", 22, 0)
        self.check(1, "1 failed, 20 passed, 2 skipped, 3 errors in 9.00s", 20, 4)
        self.check(1, "1 passed, 1 error in 9.00s", 1, 1)

    def test_what_ran_nothing_or_ended_badly_is_a_failure(self):
        self.check(0, "24 skipped in 1.00s", 0, 1)
        self.check(0, "", 0, 1)
        self.check(1, "no tests ran in 0.01s", 0, 1)
        self.check(137, "22 passed in 3.00s", 22, 1)


class Postponed(unittest.TestCase):
    def run_board(self, again):
        self.board = board.Board()
        self.said = []
        self.board.say = self.said.append
        self.board.add("a", 3, 0)
        self.board.postpone("a", 1, ["a::b"], "", lambda: again)
        self.board.run_postponed()
        return self.board.passed, self.board.failed

    def last_lines(self):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.board.print_failures()
        return out.getvalue()

    def test_second_result_counts(self):
        self.assertEqual(self.run_board((1, 0, "")), (4, 0))
        self.assertEqual(self.run_board((0, 1, "")), (3, 1))

    def test_what_passes_alone_is_named_and_is_no_failure(self):
        self.run_board((1, 0, ""))
        self.assertIn("a: 1 unsteady: failed beside others, passed alone: a::b", self.said)
        self.assertEqual(self.last_lines(), "")

    def test_what_fails_alone_is_said_again_at_the_end_with_its_reason(self):
        self.run_board((0, 1, "noise\n" * 500 + "____ test_it ____\n    code\n>   assert x == 2\n"
                        "E   assert 1 == 2\ntests/e2e/test_a.py:7: AssertionError\n" +
                        "agent said this\n" * 500 + "FAILED tests/e2e/test_a.py::test_it\n"))
        self.assertEqual(self.last_lines(), (
            "a, again: 1 FAILED\n  ____ test_it ____\n  >   assert x == 2\n"
            "  E   assert 1 == 2\n  tests/e2e/test_a.py:7: AssertionError\n"
            "  FAILED tests/e2e/test_a.py::test_it\n"))


class Essence(unittest.TestCase):
    def test_criterion(self):
        output = ("[----] a.c:7: Assertion Failed\n[----]   \n[----]   row 1\n[----]   \n"
                  "[FAIL] device::mode: (2.28s)\n[FAIL] x::y: CRASH!\n" + SYNTHESIS.format(3, 1, 1, 1))
        self.assertEqual(board.failed_cases(output), ["device::mode", "x::y"])
        self.assertEqual(board.essence(output, 9), [
            "[----] a.c:7: Assertion Failed", "[----]   row 1", "[FAIL] device::mode: (2.28s)",
            "[FAIL] x::y: CRASH!"])

    def test_what_nobody_knows_ends_with_its_last_lines(self):
        self.assertEqual(board.essence("one\n\ntwo\nthree\n", 2), ["two", "three"])

    def test_a_long_story_keeps_its_beginning_and_its_end(self):
        lines = [f"E   {number}" for number in range(50)]
        self.assertEqual(board.essence("\n".join(lines), 5), [
            *lines[:2], "...", *lines[-2:]])


if __name__ == "__main__":
    unittest.main()
