# SPDX-License-Identifier: GPL-3.0-or-later
"""Another version of beeline takes over from the one that runs, and gives way to it again: another
program with other programs for the kernel (tests/upgrade). Nobody notices. What cannot take over
says so, and what is loaded goes on serving."""

import json
import os
import signal

import pytest

from held import HELD, hold_every_way
from lab import laboratory, outside, system
from lab.traffic import Loop, answers, wait_for_answers
from objects import VIP, WEB
from outside import outcome, put_node_port, status, wait_for

NEXT = os.path.join(laboratory.TREE, "build", "tests", "upgrade", "beeline-next")


def programs(node):
    """name -> tag, which is a hash of what the program is made of."""
    hooks = json.loads(node.output("bpftool", "-j", "net", "show", "dev", "eth0"))[0]
    ids = {row["id"] for rows in hooks.values() for row in rows if "id" in row}
    ids |= {row["id"] for row in json.loads(node.output(
        "bpftool", "-j", "cgroup", "show", node.cgroup))}
    shown = [json.loads(node.output("bpftool", "-j", "prog", "show", "id", str(number)))
             for number in ids]
    return {program["name"]: program["tag"] for program in shown}


def maps(node):
    """name -> id"""
    names = [name for name in os.listdir(node.bpffs)
             if not os.path.isdir(os.path.join(node.bpffs, name))]
    return {name: json.loads(node.output("bpftool", "-j", "map", "show", "pinned",
                                         os.path.join(node.bpffs, name)))["id"] for name in names}


def replace(node, binary, *options):
    """As a package's upgrade does it: the agent ends, and the other one starts."""
    node.agent.stop()
    with pytest.MonkeyPatch.context() as patch:
        if binary:
            patch.setenv("BEELINE_BINARY", binary)
        node.start_agent("--device", "eth0", *outside.PEERS, *options)


def assert_others(before, after):
    """The hooks are the same, with other programs in them: in those that do most, at least."""
    assert before.keys() == after.keys()
    for name in ("bl_xdp", "bl_tc_ingress", "bl_tc_egress", "bl_connect4", "bl_connect6"):
        if name in before:
            assert before[name] != after[name], f"{name} is what it was"


@pytest.mark.parametrize("mode", ["native", "tc"])
def test_another_version_takes_over_under_held_connections_and_gives_way_again(outside_nodes, lab,
                                                                              mode):
    """A thousand connections from outside, new ones from a pod all the time, and none is lost."""
    near, far = outside_nodes(2, "--xdp-mode", mode)
    inside = far.add_pod("inside", serve=False, ports=())
    held = hold_every_way(lab, near, far)
    every = [HELD // 2, HELD // 4, HELD // 4]
    wait_for_answers(inside, VIP, ["web"])
    own = status(near)["version"]
    shown = [(programs(near), maps(near))]
    calls = Loop(inside, VIP)
    for binary in (NEXT, None):
        for node in (near, far):
            replace(node, binary, "--xdp-mode", mode)
            assert [some.alive() for some in held] == every, "after another version began"
        assert status(near)["version"] == (f"{own}-next" if binary else own)
        shown.append((programs(near), maps(near)))
    good, bad, samples = calls.finish()
    assert good > 100 and bad == 0, samples
    assert_others(shown[0][0], shown[1][0])
    assert shown[0][0] == shown[2][0], "the first version's programs"
    assert shown[0][1] == shown[1][1] == shown[2][1], "the maps were not adopted"
    for some in held:
        some.close()


def refused(node, *options):
    """What an agent says that does not start; the next agent's log begins after it."""
    before = len(node.agent.read_log())
    with pytest.raises(system.LabError):
        node.start_agent("--device", "eth0", *options)
    assert node.agent.child.wait(timeout=10) != 0
    return node.agent.read_log()[before:]


@pytest.fixture
def serving(outside_nodes, lab):
    """A node that serves clients outside and inside, whose agent has ended."""
    (node,) = outside_nodes(1)
    node.web = node.add_pod("web", labels=WEB)
    node.inside = node.add_pod("inside", serve=False, ports=())
    put_node_port(lab)
    wait_for(lab.client, node.addresses[0], ["web"])
    wait_for_answers(node.inside, VIP, ["web"])
    node.agent.stop()
    return node


def assert_serves(node):
    assert outcome(node.lab.client, node.addresses[0]) == "web"
    assert outcome(node.lab.client, node.addresses[1]) == "web"
    assert answers(node.inside, VIP, 3) == {"web": 3}


def test_maps_of_another_layout_are_refused_and_go_on_serving(serving):
    """As after an upgrade that changed the contract of the maps."""
    node = serving
    pin = os.path.join(node.bpffs, "abi")
    value = [int(byte, 16) for byte in json.loads(
        node.output("bpftool", "-j", "map", "lookup", "pinned", pin, "key", "0", "0", "0", "0"))
        ["value"]]
    own = value[4]

    def write(version):
        value[4] = version
        node.run("bpftool", "map", "update", "pinned", pin, "key", "0", "0", "0", "0", "value",
                 *map(str, value))

    for other in (own + 1, own - 1):
        write(other)
        before = programs(node)
        log = refused(node)
        assert f"have layout {other}, beeline" in log and f"has layout {own}" in log
        assert "start the beeline that made them" in log and "'beeline unload'" in log
        assert programs(node) == before
        assert_serves(node)
    write(own)
    node.start_agent("--device", "eth0")
    assert_serves(node)


@pytest.mark.parametrize("name", ["frontends4", "flows4", "flow_tags6"])
def test_a_pinned_map_of_another_kind_is_refused_and_the_old_one_goes_on_serving(serving, name):
    """Until 'beeline unload', which the message advises, and a new start."""
    node = serving
    pin = os.path.join(node.bpffs, name)
    os.unlink(pin)
    node.run("bpftool", "map", "create", pin, "type", "hash", "key", "4", "value", "8", "entries",
             "16", "name", "odd")
    log = refused(node)
    assert f"pinned map '{name}' is of another kind" in log and "'beeline unload'" in log
    assert_serves(node)
    node.beeline("unload", *node.place())
    node.start_agent("--device", "eth0")
    assert_serves(node)


def test_maps_of_another_size_are_adopted_and_said(serving):
    """An option, or a default of the next version, is for maps that are made anew."""
    node = serving
    before = maps(node)
    node.start_agent("--device", "eth0", "--maglev-entries", "4096")
    assert "room for 2097152 entries of Maglev tables, new ones would have it for 4096" in (
        node.agent.read_log())
    assert maps(node) == before
    assert_serves(node)
    node.agent.stop()
    node.beeline("unload", *node.place())
    node.start_agent("--device", "eth0", "--maglev-entries", "4096")
    log = node.agent.read_log()
    assert_serves(node)
    node.agent.signal(signal.SIGTERM)
    node.start_agent("--device", "eth0", "--maglev-entries", "4096")
    assert "Maglev tables" not in node.agent.read_log()[len(log):], "sizes are as asked for"


@pytest.mark.parametrize("ports, words", [
    ("60000-61500", "60000-61500 of --snat-ports overlap 32768-60999, which the kernel gives"),
    ("32767-32767", "32767-32767 of --snat-ports overlap the NodePorts 30000-32767"),
    ("61500-61000", "expected FIRST-LAST, two ports"),
])
def test_ports_for_sending_on_that_are_somebody_elses_are_refused(serving, ports, words):
    """What was loaded goes on serving; with the kernel's own range narrowed they are free."""
    node = serving
    system.set_sysctls(node.netns, ipv4__ip_local_port_range="32768 60999")
    assert words in refused(node, "--snat-ports", ports)
    assert_serves(node)
    if ports == "60000-61500":
        system.set_sysctls(node.netns, ipv4__ip_local_port_range="32768 59999")
        node.start_agent("--device", "eth0", "--snat-ports", ports)
        assert_serves(node)
