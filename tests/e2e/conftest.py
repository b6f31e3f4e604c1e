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


@pytest.fixture
def one_node(lab):
    """Builds a node with `pods` labelled app=web and a pod 'client', and starts its agent."""
    def build(pods=2, agent=()):
        node = lab.add_node()
        node.web = [node.add_pod(labels={"app": "web"}) for _ in range(pods)]
        node.client = node.add_pod("client", serve=False, ports=())
        node.start_agent(*agent)
        return node
    return build


@pytest.fixture
def two_nodes(lab):
    """Two nodes with a client pod each and their agents; pods come from the test."""
    nodes = lab.add_node(), lab.add_node()
    for node in nodes:
        node.client = node.add_pod(f"client-{node.index}", serve=False, ports=())
        node.start_agent()
    return nodes
