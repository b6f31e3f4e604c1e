# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a laboratory of its own for each test that asks for one."""

import itertools
import os
import sys

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TREE, "tools")]

from lab import journal, laboratory

numbers = itertools.count(1)


def new_name():
    return f"bl{os.getpid()}-{next(numbers)}"


@pytest.fixture(scope="session", autouse=True)
def sweep_abandoned():
    """A run that was killed could not clean up after itself; the next one does."""
    journal.remove_abandoned()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keeps the outcome where fixtures see it, and adds the agents' logs to a failure."""
    outcome = yield
    report = outcome.get_result()
    standing = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and standing is not None:
        for node in standing.nodes:
            if node.agent:
                report.sections.append((f"agent of {node.name}", node.agent.read_log()))


@pytest.fixture
def lab():
    with laboratory.Lab(new_name()) as standing:
        yield standing
