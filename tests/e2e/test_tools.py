# SPDX-License-Identifier: GPL-3.0-or-later
"""The testbed and the demo as people run them."""

import os
import re
import signal
import subprocess
import time

import pytest

from conftest import TREE, new_name
from lab import journal, system
from test_laboratory import traces_of

TESTBED = os.path.join(TREE, "tools", "testbed")
DEMO = os.path.join(TREE, "tools", "demo")


def run_testbed(*arguments, check=True):
    done = subprocess.run([TESTBED, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def name():
    chosen = new_name()
    yield chosen
    if os.path.isdir(journal.folder_of(chosen)):
        journal.Journal(chosen, create=False).undo()


def test_testbed_up_exec_status_down(name):
    up = run_testbed("up", "--name", name)
    assert "10.244.1.11" in up.stdout
    assert "pod-3" in run_testbed("status", "--name", name).stdout
    node = ["exec", "--name", name, "node", "--"]
    run_testbed(*node, "beeline", "apply", "-f", os.path.join(TREE, "examples", "web.yaml"))
    assert "10.96.0.80" in run_testbed(*node, "beeline", "get", "svc").stdout
    answer = run_testbed("exec", "--name", name, "client", "--", "curl", "-sS", "-m", "5", "--retry",
                     "5", "--retry-connrefused", "http://10.96.0.80/").stdout
    assert answer in ("pod-1\n", "pod-2\n", "pod-3\n")
    assert run_testbed(*node, "sh", "-c", "exit 7", check=False).returncode == 7
    run_testbed("down", "--name", name)
    assert traces_of(name) == []


def test_testbed_pods_know_names_variables_and_probes(name):
    def client(*command):
        return run_testbed("exec", "--name", name, "client", "--", *command, check=False).stdout

    run_testbed("up", "--name", name, "--pods", "1")
    run_testbed("exec", "--name", name, "node", "--", "beeline", "apply", *(
        word for example in ("web", "headless", "external-name")
        for word in ("-f", os.path.join(TREE, "examples", example + ".yaml"))))
    assert client("curl", "-sS", "-m", "5", "http://web/") == "pod-1\n"
    assert client("curl", "-sS", "-m", "5", "http://elsewhere/") == "outside\n"
    assert "WEB_SERVICE_HOST" not in client("env")
    run_testbed("restart", "--name", name, "client")
    assert "WEB_SERVICE_HOST=10.96.0.80\n" in client("env")
    run_testbed("run", "--name", name, "slow", "--label", "app=web", "--port", "http:8080",
                "--probe", "ls /httpserv")
    assert client("dig", "+search", "+short", "headless").split() == ["10.244.1.11"]
    run_testbed("exec", "--name", name, "slow", "--", "touch", "/httpserv")
    system.wait_until(lambda: sorted(client("dig", "+search", "+short", "headless").split()) ==
                      ["10.244.1.11", "10.244.1.13"], 8, 0.2, "two addresses")
    run_testbed("down", "--name", name)
    assert traces_of(name) == []


def test_two_testbeds_stand_side_by_side(name):
    other = new_name()
    try:
        for one in (name, other):
            run_testbed("up", "--name", one, "--pods", "1")
        run_testbed("down", "--name", other)
        assert traces_of(other) == [] and traces_of(name)
        run_testbed("exec", "--name", name, "node", "--", "beeline", "status")
    finally:
        if os.path.isdir(journal.folder_of(other)):
            journal.Journal(other, create=False).undo()


@pytest.mark.parametrize("arguments, words", [
    (["down"], "there is no laboratory"),
    (["exec", "node", "--", "true"], "there is no laboratory"),
    (["run", "more"], "there is no laboratory"),
    (["restart"], "there is no laboratory"),
])
def test_testbed_that_does_not_stand_is_named(name, arguments, words):
    done = run_testbed(arguments[0], "--name", name, *arguments[1:], check=False)
    assert done.returncode == 1
    assert words in done.stderr and name in done.stderr


def test_testbed_up_twice_is_refused_and_unknown_members_are_named(name):
    run_testbed("up", "--name", name, "--pods", "1")
    again = run_testbed("up", "--name", name, check=False)
    assert again.returncode == 1 and "is there already" in again.stderr
    unknown = run_testbed("exec", "--name", name, "pod-9", "--", "true", check=False)
    assert unknown.returncode == 1 and "expected one of node, outside, pod-1" in unknown.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_testbed_up_interrupted_leaves_no_trace(name, number):
    child = subprocess.Popen([TESTBED, "up", "--name", name, "--pods", "32"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not traces_of(name) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    child.send_signal(number)
    child.communicate(timeout=30)
    assert child.returncode != 0
    assert traces_of(name) == []


def test_demo_shows_what_it_says_and_leaves_no_trace():
    done = subprocess.run([DEMO], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything shown was checked" in done.stdout
    assert int(re.search(r"\((\d+) s\)", done.stdout)[1]) <= 60
    assert not [name for name in journal.names() if name.startswith("beeline-demo-")]


def test_demo_interrupted_leaves_no_trace():
    child = subprocess.Popen([DEMO], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    name = f"beeline-demo-{child.pid}"
    for line in child.stdout:
        if "$ beeline get svc" in line:
            break
    assert traces_of(name)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode == 130
    assert traces_of(name) == []


def test_demo_fails_when_a_step_does_not_show_what_it_says(tmp_path):
    broken = tmp_path / "beeline"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    done = subprocess.run([DEMO], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=180, check=False,
                          env={**os.environ, "BEELINE_BINARY": str(broken)})
    assert done.returncode == 1
    assert "demo: FAILED" in done.stderr
