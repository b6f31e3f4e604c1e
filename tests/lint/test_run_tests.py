# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner counts single test cases whatever printed them, and never takes a failure for none."""

import os
import sys
import unittest

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(TREE, "tools", "lib")]

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


class Postponed(unittest.TestCase):
    def run_board(self, again):
        board = run_tests.Board()
        board.say = lambda text: None
        board.add("a", 3, 0)
        board.postpone("a", 1, "", lambda: again)
        board.run_postponed()
        return board.passed, board.failed

    def test_second_result_counts(self):
        self.assertEqual(self.run_board((1, 0, "")), (4, 0))
        self.assertEqual(self.run_board((0, 1, "")), (3, 1))


if __name__ == "__main__":
    unittest.main()
