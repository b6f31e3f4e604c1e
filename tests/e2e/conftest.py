# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a laboratory of its own for each test that asks for one."""

import concurrent.futures
import itertools
import os
import sys

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TREE, "tools")]

from lab import journal, laboratory, names, outside, system

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
def node_with_names(lab):
    """Builds a node that gives its pods DNS and variables, and a machine outside that answers for
    `known` names and serves HTTP. Its own address is the upstream's, so that nothing goes further.
    """
    def build(pods=2, known=("www.example.org",), ports=(80,), agent=()):
        node = lab.add_node()
        node.outside = names.add_world(lab, "outside", [node], known, ports)
        node.start_agent("--dns", "--dns-upstream", node.outside.addresses[0], *agent)
        node.web = [node.add_pod(labels={"app": "web"}) for _ in range(pods)]
        node.client = node.add_pod("client", serve=False, ports=())
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


def start_agents(nodes, *options):
    """All at once: most of a start with a device is the kernel's look at the programs. No manifest
    has Nodes, so an option says where the others are."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: node.start_agent("--device", "eth0", *outside.PEERS, *options),
                      nodes))


def add_outside(lab):
    lab.outside = outside.Outside(lab)
    lab.client = lab.outside.add_client()


@pytest.fixture
def outside_nodes(lab):
    """Builds nodes that serve clients outside, a router and a client; pods come from the test."""
    def build(count, *agent):
        nodes = [lab.add_node() for _ in range(count)]
        add_outside(lab)
        start_agents(nodes, *agent)
        return nodes
    return build


@pytest.fixture(scope="session")
def standing_cluster():
    with laboratory.Lab(new_name()) as standing:
        nodes = [standing.add_node() for _ in range(3)]
        for node, name in zip(nodes, ("first", "second", "third")):
            node.pod = node.add_pod(name, publish=False)
        add_outside(standing)
        standing.other_client = standing.outside.add_client()
        start_agents(nodes)
        yield standing


@pytest.fixture
def cluster(standing_cluster):
    """Three nodes with a pod each ('first' to 'third', without manifests), a router, two clients.
    All tests share it, for it takes long to build: they leave agents alone, and what they publish
    goes afterwards."""
    yield standing_cluster
    for file in os.listdir(standing_cluster.manifests):
        standing_cluster.withdraw(file)
    # A Service of the same name that came in the same moment would be a change of this one, and a
    # Service that loses its selector keeps its last endpoints.
    for node in standing_cluster.nodes:
        system.wait_until(lambda node=node: not node.run("beeline", "get", "services", "-A").stdout,
                          10, 0.05, f"services of {node.name} to go")
