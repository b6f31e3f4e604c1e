# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds beeline, runs its tests and adds up their results.

Every part yields results of single test cases, whatever runs them: Criterion and unittest through
meson, pytest, libFuzzer, clang-format, clang-tidy. Parts run in five tracks side by side: tests on
nodes wait more than they work, a guest has one processor and takes longest of all, and fuzzing takes
a fixed time however fast the machine is.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree

import build
import tidy
from board import Board, failed_cases

PATIENCE = 10  # times what a test may take on a quiet machine
VM_SKIPPED = 77  # tests/vm/run has no guest here


def checked_run(board, nice):
    def run(command, env):
        status, output = board.run(command, env, nice)
        if status != 0:
            raise build.BuildFailed(f"{' '.join(command)} ended with {status}\n{output}")
    return run


def update_build(board, folder, nice=0):
    board.say(f"building {folder}/")
    build.update(folder, checked_run(board, nice))


def count_cases(entry):
    """(passed, failed) of one program that meson ran, from what its framework printed."""
    text = entry.get("stdout", "") + entry.get("stderr", "")
    passed = failed = 0
    for tested in re.finditer(
            r"Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)", text):
        passed += int(tested[2])
        failed += int(tested[3]) + int(tested[4])
    ran = re.search(r"^Ran (\d+) tests? in", text, re.M)
    if ran:
        wrong = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", text))
        passed, failed = int(ran[1]) - wrong, wrong
    good = entry["result"] in ("OK", "EXPECTEDFAIL")
    if not good and failed == 0:
        failed = 1  # a leak found at exit, a time-out, a crash of the runner itself
    if good and passed == 0:
        passed = 1
    return passed, failed


@contextlib.contextmanager
def pinned_programs(suite, folder):
    """Environment of a suite's tests. The kernel looks at the programs for packets for a second and
    more, and so one test leaves them to the next, see tests/bpf/packet/packet_programs.h."""
    if suite != "bpf":
        yield {}
        return
    pins = tempfile.mkdtemp(prefix="beeline-tests-")
    try:
        subprocess.run(["mount", "-t", "bpf", "bpf", pins], check=True)
        try:
            yield {"BEELINE_TEST_PINS": pins, "CRITERION_JOBS": "1"}
        finally:
            subprocess.run(["umount", "--lazy", pins], check=True)
    finally:
        os.rmdir(pins)


def meson_test(board, folder, suite, names=(), nice=0, env=None):
    """Runs meson tests; returns their log entries, and meson's output where there are none."""
    base = f"{suite}-{os.getpid()}"
    log = os.path.join(build.path(folder), "meson-logs", base + ".json")
    arguments = ["meson", "test", "-C", build.path(folder), "--no-rebuild", "--suite", suite,
                 "--logbase", base, "--timeout-multiplier", str(PATIENCE), *names]
    with pinned_programs(suite, folder) as pins:
        if names or pins:
            arguments += ["--num-processes", "1"]
        status, output = board.run(
            arguments, dict(os.environ, LC_ALL="C.UTF-8", **(env or {}), **pins), nice)
    if not os.path.exists(log):
        return [], f"no test ran; meson ended with {status}\n{output}"
    with open(log, encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    for name in os.listdir(os.path.dirname(log)):
        if name.startswith(base + "."):
            os.unlink(os.path.join(os.path.dirname(log), name))
    return entries, output


def add_up(entries):
    """(passed, failed, report, entries of programs in which something failed)."""
    passed = failed = 0
    report = []
    bad_entries = []
    for entry in entries:
        good, bad = count_cases(entry)
        passed += good
        failed += bad
        if bad:
            bad_entries.append(entry)
            report.append(f"--- {entry['name']}: {entry['result']}\n"
                          f"{entry.get('stdout', '')}{entry.get('stderr', '')}")
    return passed, failed, "\n".join(report), bad_entries


def run_suite(board, folder, suite, nice=0, env=None):
    """One suite of the meson tests of a build folder."""
    part = suite if folder == "build" else f"{suite} ({folder})"
    entries, output = meson_test(board, folder, suite, nice=nice, env=env)
    passed, failed, report, bad = add_up(entries)
    if passed + failed == 0:
        board.add(part, 0, 1, f"no test in suite '{suite}'\n{output}")
        return
    if not bad:
        board.add(part, passed, 0)
        return

    # meson names a test "project:suite / name" and takes "name" alone.
    names = [entry["name"].rpartition(" / ")[2] for entry in bad]

    def again():
        entries, output = meson_test(board, folder, suite, names, env=env)
        passed, failed, report, _ = add_up(entries)
        return passed, failed or int(len(entries) != len(bad)), report or output

    board.add(part, passed - sum(count_cases(entry)[0] for entry in bad), 0)
    board.postpone(part, failed, failed_cases(report) or names, report, again)


SAN_ENV = {
    # Not strict_string_checks: it wants a zero behind what strndup() reads only a part of.
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def part_unit(board):
    run_suite(board, "build", "unit")


def part_bpf(board):
    run_suite(board, "build", "bpf")


def bpf_programs():
    """Paths of the test programs of suite `bpf`."""
    with open(os.path.join(build.path("build"), "meson-info", "intro-tests.json"),
              encoding="utf-8") as tests:
        return [test["cmd"][0] for test in json.load(tests)
                if any(suite.split(":")[-1] == "bpf" for suite in test["suite"])]


def count_guest(status, output, programs):
    """(passed, failed, report) of what tests/vm/run_each printed."""
    passed = failed = 0
    report = []
    parts = re.split(r"^vm-test-status: (\d+) (.+)$", output.replace("\r", ""), flags=re.M)
    for text, code, name in zip(parts[0::3], parts[1::3], parts[2::3]):
        good, bad = count_cases({"stdout": text, "result": "OK" if code == "0" else "FAIL"})
        passed += good
        failed += bad
        if bad:
            report.append(f"--- {os.path.basename(name)}: ended with {code}\n{text}")
    missing = programs - len(parts) // 3
    if missing or status != 0:
        failed += max(missing, 1)
        report.append(f"the guest ended with {status}, {missing} programs did not\n{parts[-1]}")
    return passed, failed, "\n".join(report)


def passing_programs(output):
    """Passed cases of each program that a guest ran without a failure."""
    parts = re.split(r"^vm-test-status: (\d+) (.+)$", output.replace("\r", ""), flags=re.M)
    counts = {}
    for text, code, name in zip(parts[0::3], parts[1::3], parts[2::3]):
        good, bad = count_cases({"stdout": text, "result": "OK" if code == "0" else "FAIL"})
        if not bad:
            counts[name] = good
    return counts


def run_guest(board, programs):
    """What tests/vm/run_each prints for the programs; None where there can be no guest."""
    status, output = board.run(
        ["tests/vm/run", "tests/vm/run_each", "400", *programs],
        dict(os.environ, BEELINE_VM_SECONDS="1500"))
    if status == VM_SKIPPED:
        board.say(f"vm: {output.strip()}")
        return None
    return status, output


def part_vm(board):
    """On Debian's own kernel, one after the other: the guest is emulated."""
    run_guest_bpf(board)
    run_guest_e2e(board)


# What this machine's kernel may lack the modules for.
GUEST_E2E = ("tests/e2e/test_outside_vlan_devices.py",)


def count_pytest(status, output):
    """(passed, failed) by the last line that pytest prints; what was skipped counts as neither."""
    lines = re.findall(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s.*$", output.replace("\r", ""), re.M)
    counts = dict((word, int(number)) for number, word in
                  re.findall(r"(\d+) ([a-z]+?)s?\b", lines[-1] if lines else ""))
    failed = counts.get("failed", 0) + counts.get("error", 0)
    passed = counts.get("passed", 0)
    if status != 0 or passed + failed == 0:
        failed = max(failed, 1)
    return passed, failed


def run_guest_e2e(board):
    def run():
        return board.run(["tests/vm/run", "/usr/bin/python3", "-B", "-m", "pytest", "-p",
                          "no:cacheprovider", "-q", "-rfEs", "--color=no", *GUEST_E2E],
                         dict(os.environ, BEELINE_VM_SECONDS="1800", BEELINE_VM_MEMORY="3072"))

    status, output = run()
    if status == VM_SKIPPED:
        board.say(f"vm, e2e: {output.strip()}")
        return
    passed, failed = count_pytest(status, output)
    if not failed:
        board.add("vm, e2e", passed, 0)
        return

    def again():
        status, output = run()
        passed_again, failed_again = count_pytest(status, output)
        return max(passed_again - passed, 0), failed_again, output

    board.add("vm, e2e", passed, 0)
    board.postpone("vm, e2e", failed, GUEST_E2E, output, again)


def run_guest_bpf(board):
    """Suite `bpf`, one program after the other."""
    programs = bpf_programs()
    ran = run_guest(board, programs)
    if ran is None:
        return
    passed, failed, report = count_guest(*ran, len(programs))
    good = passing_programs(ran[1])
    bad = [program for program in programs if program not in good]
    if not bad:
        board.add("vm", passed, failed, report)
        return

    def again():
        ran = run_guest(board, bad)
        return count_guest(*ran, len(bad)) if ran else (0, 1, "the guest was skipped")

    board.add("vm", sum(good[program] for program in good), 0)
    board.postpone("vm", failed, failed_cases(report) or bad, report, again)


def own_sources(endings, folders=("bpf", "include", "tests", "user", "tools")):
    for folder in folders:
        for root, _, names in os.walk(os.path.join(build.TREE, folder)):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(root, name), build.TREE)


def part_lint(board):
    run_suite(board, "build", "lint")
    status, output = board.run(
        ["clang-format-14", "--dry-run", "-Werror", *own_sources((".c", ".h"))])
    board.add("format", int(status == 0), int(status != 0), output)


def run_pytest(board, tests):
    """(passed, failed, ids of failed tests, output)."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        status, output = board.run(
            ["/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rfEs",
             "--durations=8", f"--junitxml={report.name}", *tests])
        try:
            suite = ElementTree.parse(report.name).getroot().find("testsuite")
        except (ElementTree.ParseError, AttributeError):
            return 0, 1, [], f"pytest ended with {status}\n{output}"
    failed = [case_id(case) for case in suite.iter("testcase")
              if case.find("failure") is not None or case.find("error") is not None]
    skipped = int(suite.attrib["skipped"])
    if skipped:
        board.say(f"e2e: {skipped} skipped\n{output[-2000:]}")
    # A test may fail and have an error at its end, and pytest counts both.
    total = len(list(suite.iter("testcase"))) - skipped
    failed = list(dict.fromkeys(failed))
    return total - len(failed), max(len(failed), int(status != 0)), failed, output


def case_id(case):
    """pytest's own name of a test, from the junit report's."""
    return f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}"


# Seconds of the files that take longest, of which most is waiting; others take two for each test.
# Only the order depends on it.
E2E_SECONDS = {
    "test_agent_writes": 80, "test_dns_wire": 60, "test_kubectl_read": 70, "test_kubernetes": 110,
    "test_kubernetes_pool": 200, "test_outside_announce": 80, "test_outside_semantics": 60,
    "test_upgrade": 140,
}
E2E_SMALL = 4  # piles of what is left


def e2e_weight(text, name):
    return E2E_SECONDS.get(name.removesuffix(".py"), 2 * text.count("\ndef test_"))


def e2e_piles():
    """The files of the end-to-end tests in piles, that which takes longest first: files of long
    tests alone, and together those that share the standing cluster, which takes long to build."""
    folder = os.path.join(build.TREE, "tests", "e2e")
    weights, sharing = {}, []
    for name in sorted(os.listdir(folder)):
        if name.startswith("test_") and name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            weights[f"tests/e2e/{name}"] = e2e_weight(text, name)
            if re.search(r"^def \w+\(cluster\b", text, re.M):
                sharing.append(f"tests/e2e/{name}")
    alone = [name for name in weights if name not in sharing and weights[name] >= 60]
    piles = [sharing, *([name] for name in alone)]
    small = [[] for _ in range(E2E_SMALL)]
    for name in sorted(set(weights) - {name for pile in piles for name in pile},
                       key=lambda name: (-weights[name], name)):
        min(small, key=lambda pile: sum(weights[other] for other in pile)).append(name)
    return sorted((pile for pile in piles + small if pile),
                  key=lambda pile: -sum(weights[name] for name in pile))


def part_e2e(board):
    def run(pile):
        passed, failed, failures, output = run_pytest(board, pile)
        board.add("e2e", passed, 0 if failures else failed, output)
        return failures, output

    # They wait more than they work, so three share two processors well beside the other tracks.
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        results = list(pool.map(run, e2e_piles()))
    names = [name for failures, _ in results for name in failures]
    if not names:
        return

    def again():
        passed, failed, _, output = run_pytest(board, names)
        return passed, failed, output

    board.postpone("e2e", len(names), names,
                   "\n".join(output for failures, output in results if failures), again)


def part_san(board, nice=0):
    update_build(board, "build-san", nice)
    for suite in ("unit", "bpf"):
        run_suite(board, "build-san", suite, nice, SAN_ENV)


def fuzz_targets():
    folder = os.path.join(build.path("build-fuzz"), "tests", "fuzz")
    if not os.path.isdir(folder):
        return []
    return sorted(
        os.path.join(folder, name) for name in os.listdir(folder)
        if name.startswith("fuzz_") and os.path.isfile(os.path.join(folder, name)))


def run_fuzz_target(board, target, seconds):
    name = os.path.basename(target)
    short = name[len("fuzz_"):]
    source = os.path.join(build.TREE, "tests", "fuzz")
    crashes = os.path.join(build.path("build-fuzz"), "crashes")
    os.makedirs(crashes, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=name + "-") as grown:
        command = [target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024",
                   "-print_final_stats=1", f"-artifact_prefix={crashes}/{name}-"]
        # A target's own dictionary and corpus, or those of what its name ends with.
        last = short.rpartition("_")[2]
        for dictionary in (short + ".dict", "manifest.dict"):
            if os.path.exists(os.path.join(source, dictionary)):
                command.append("-dict=" + os.path.join(source, dictionary))
                break
        command.append(grown)
        command += [folder for folder in (os.path.join(source, "corpus", name)
                                          for name in dict.fromkeys((short, last)))
                    if os.path.isdir(folder)]
        status, output = board.run(command, dict(os.environ, **SAN_ENV), nice=10)
    runs = re.search(r"number_of_executed_units: (\d+)", output)
    if status == 0 and (not runs or int(runs[1]) == 0):
        status, output = 1, "the target ran no input\n" + output
    if status == 0:
        board.say(f"{name}: {runs[1]} inputs in {seconds} s")
    board.add(name, int(status == 0), int(status != 0), output)


def part_fuzz(board):
    targets = fuzz_targets()
    if not targets:
        board.add("fuzz", 0, 1, "no fuzz target was built")
    for target in targets:
        run_fuzz_target(board, target, int(os.environ.get("BEELINE_FUZZ_SECONDS", "20")))


def part_tidy(board, nice=0):
    # clang's own compile commands, since gcc's hold options that clang does not know.
    looks = tidy.Looks(build.path("build-fuzz"))
    tree = os.path.realpath(build.TREE)
    files = [path for path in (os.path.join(tree, name)
                               for name in own_sources((".c",), ("user", "tests")))
             if path in looks.entries]
    needed = looks.needed(files)
    part = f"tidy ({len(files)} files, {len(files) - len(needed)} known to be clean)"
    if files and not needed:
        board.add(part, 1, 0)
        return
    status, output = board.run(
        ["run-clang-tidy-14", "-quiet", "-p", build.path("build-fuzz"), "-j",
         str(os.cpu_count() or 1), *map(looks.pattern, needed)], nice=nice)
    if status == 0:
        looks.remember(needed)
    output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    findings = "\n".join(line for line in output.splitlines()
                         if not re.match(r"clang-tidy-14 |\d+ warnings? generated", line))
    board.add(part, int(status == 0), int(status != 0), findings)


PARTS = {
    "unit": "unit tests (Criterion)",
    "bpf": "the real programs in the kernel (root)",
    "vm": "the same on Debian 12's own kernel, in QEMU (root), and what takes its modules: VLANs; "
          "skipped where there is no QEMU",
    "lint": "layers, style, clang-format",
    "e2e": "several nodes with the real agent and real clients (root)",
    "san": "unit and bpf tests with the address and undefined-behaviour sanitizers (root)",
    "fuzz": "libFuzzer, BEELINE_FUZZ_SECONDS (20) each",
    "tidy": "clang-tidy",
}
NEED_ROOT = {"bpf", "vm", "e2e", "san"}


def tracks_of(board, parts):
    """Lists of steps that run one after the other; the lists run side by side."""
    built = threading.Event()
    clang_built = threading.Event()

    def own_build():
        try:
            update_build(board, "build")
        finally:
            built.set()

    def vm():
        built.wait()
        part_vm(board)

    def e2e():
        built.wait()
        part_e2e(board)

    def clang_build():
        try:
            update_build(board, "build-fuzz", 5)
        finally:
            clang_built.set()

    def fuzz():
        clang_built.wait()
        part_fuzz(board)

    front = []
    if parts & {"unit", "bpf", "vm", "lint", "e2e"}:
        front.append(own_build)
    for name, step in (("unit", part_unit), ("lint", part_lint), ("bpf", part_bpf)):
        if name in parts:
            front.append(lambda step=step: step(board))
    behind = []
    if parts & {"fuzz", "tidy"}:
        behind.append(clang_build)
    if "san" in parts:
        behind.append(lambda: part_san(board, 5))
    if "tidy" in parts:
        behind.append(lambda: part_tidy(board, 5))
    return [front, behind, *([step] for name, step in (("e2e", e2e), ("vm", vm), ("fuzz", fuzz))
                             if name in parts)]


def walk(board, track):
    for step in track:
        if board.stopped.is_set():
            return
        try:
            step()
        except build.BuildFailed as failure:
            board.add("build", 0, 1, str(failure))
            return
        except Exception as failure:  # a bug of this runner must fail the run, not hide in a thread
            board.add("runner", 0, 1, f"{type(failure).__name__}: {failure}")
            return


def main():
    parser = argparse.ArgumentParser(
        prog="tools/test", description="Builds beeline and runs its tests.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts:\n" + "\n".join(f"  {name:6} {text}" for name, text in PARTS.items()))
    parser.add_argument("parts", nargs="*", metavar="PART", help="run only these parts")
    wanted = set(parser.parse_args().parts)
    unknown = wanted - set(PARTS)
    if unknown:
        parser.error(f"unknown part '{sorted(unknown)[0]}', expected one of {', '.join(PARTS)}")
    parts = wanted or set(PARTS)
    if os.geteuid() != 0 and parts & NEED_ROOT:
        free = " ".join(name for name in PARTS if name not in NEED_ROOT)
        print(f"'{sorted(parts & NEED_ROOT)[0]}' needs root: run 'sudo tools/test', or "
              f"'tools/test {free}', which do not", file=sys.stderr)
        return 4
    for tool in ("meson", "ninja"):
        if not shutil.which(tool):
            print(f"'{tool}' is missing: run 'sudo tools/install-packages'", file=sys.stderr)
            return 1

    board = Board()

    def stop(_number, _frame):
        board.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threads = [threading.Thread(target=walk, args=(board, track))
               for track in tracks_of(board, parts) if track]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    board.run_postponed()
    if board.stopped.is_set():
        board.add("runner", 0, 1, "interrupted")
    board.say("done")
    board.print_failures()
    print(f"{board.passed} passed, {board.failed} failed")
    return 1 if board.failed or board.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
