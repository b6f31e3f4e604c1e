# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the parts of a test run put their results, and what is printed of them."""

import re
import subprocess
import threading
import time

import build

OUTPUT_SHOWN = 12000  # characters of a failed test's output
LAST_LINES = 100  # of all failures together, at the very end

# What tells which case failed, and why: of pytest, Criterion, unittest, sanitizers, compilers.
TELLING = re.compile("|".join((
    r"E  ", r">  ", r"_+ (?:ERROR|\w*[Tt]est).* _+$", r"(?:FAILED|ERROR|FAIL)\b",
    r"\S+\.py:\d+: ", r"\w*(?:Error|Expired)\b",
    r"\[----\]\s*\S", r"\[(?:FAIL|!!!!)", r"--- \S+.*: ", r"SUMMARY: ",
    r".*\b(?:runtime error|error|warning): ", r".*ERROR: \w+Sanitizer")))


def essence(output, limit):
    """The lines of a failed run's output that tell most, `limit` at most."""
    lines = [line for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if TELLING.match(line)] or lines[-limit:]
    if len(telling) <= limit:
        return telling
    first = limit // 2
    return [*telling[:first], "...", *telling[first + 1 - limit:]]


def failed_cases(output):
    """Names of Criterion's cases that failed."""
    return re.findall(r"^\[FAIL\] ([\w:]+): ", output, re.M)


class Board:
    """Adds up results and prints them; the tracks share it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = 0
        self.failed = 0
        self.started = time.monotonic()
        self.children = set()
        self.postponed = []
        self.failures = []
        self.stopped = threading.Event()

    def say(self, text):
        with self.lock:
            print(f"[{time.monotonic() - self.started:5.0f} s] {text}", flush=True)

    def add(self, part, passed, failed, output=""):
        with self.lock:
            self.passed += passed
            self.failed += failed
            if failed:
                self.failures.append((part, failed, output))
        if failed:
            self.say(f"{part}: {failed} FAILED, {passed} passed\n{output[-OUTPUT_SHOWN:]}")
        else:
            self.say(f"{part}: {passed} passed")

    def postpone(self, part, count, names, output, again):
        """Cases that failed beside everything else: `again` runs them alone and yields (passed,
        failed, output). A machine that is busy with four tracks is no fault of the product's; a
        failure that stays is, and so the second result counts, in the open."""
        self.say(f"{part}: {count} failed and will run again alone\n{output[-OUTPUT_SHOWN:]}")
        with self.lock:
            self.postponed.append((part, count, names, again))

    def run_postponed(self):
        for part, count, names, again in self.postponed:
            if self.stopped.is_set():
                return
            passed, failed, output = again()
            if not failed:
                self.say(f"{part}: {count} unsteady: failed beside others, passed alone: "
                         f"{', '.join(names)}")
            self.add(f"{part}, again", passed, failed, output)

    def run(self, command, env=None, nice=0):
        """Runs to completion; returns (exit status, output)."""
        if nice:
            command = ["nice", "-n", str(nice), *command]
        child = subprocess.Popen(
            command, env=env, cwd=build.TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        with self.lock:
            self.children.add(child)
        try:
            output, _ = child.communicate()
        finally:
            with self.lock:
                self.children.discard(child)
        return child.returncode, output

    def terminate(self):
        self.stopped.set()
        with self.lock:
            for child in self.children:
                child.terminate()

    def print_failures(self):
        """Once more and in short what counts as failed, for whoever sees the end of a log alone."""
        for part, failed, output in self.failures:
            lines = essence(output, max(12, LAST_LINES // len(self.failures)))
            print("\n  ".join([f"{part}: {failed} FAILED", *lines]))
