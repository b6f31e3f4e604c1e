# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients outside while agents die and devices change."""

import json
import signal

import pytest

from held import HELD, hold_every_way
from lab import outside, system
from objects import WEB
from outside import outcome, put_node_port, status, wait_for, where

CHECK_FAILED = 3  # of beeline check


def sizes(node):
    """Of the packet programs, as the verifier left them: it takes out what constants rule out."""
    hooks = json.loads(node.output("bpftool", "-j", "net", "show", "dev", "eth0"))[0]
    ids = {row["id"] for rows in hooks.values() for row in rows if "id" in row}
    programs = [json.loads(node.output("bpftool", "-j", "prog", "show", "id", str(number)))
                for number in ids]
    return {program["name"]: program["bytes_xlated"] for program in programs}


@pytest.mark.parametrize("mode", ["native", "tc"])
def test_held_connections_outlive_kills_restarts_and_upgrades_of_the_agents(outside_nodes, lab,
                                                                           mode):
    """The programs of the next agent are others than the last one's, as those of another version
    would be: an option puts code into them."""
    near, far = outside_nodes(2, "--xdp-mode", mode)
    held = hold_every_way(lab, near, far)
    every = [HELD // 2, HELD // 4, HELD // 4]
    assert [some.alive() for some in held] == every
    programs = [sizes(near)]
    for number, option in ((signal.SIGKILL, ["--answer-echo"]), (signal.SIGTERM, [])):
        for node in (near, far):
            node.agent.signal(number)
        assert [some.alive() for some in held] == every, "while no agent runs"
        for node in (near, far):
            node.start_agent("--device", "eth0", "--xdp-mode", mode, *outside.PEERS, *option)
            assert [some.alive() for some in held] == every, "after a restart"
        programs.append(sizes(near))
    assert programs[0] == programs[2] and programs[0] != programs[1], programs
    for some in held:
        some.close()


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_mode_tc_serves_pods_here_and_elsewhere(outside_nodes, lab, family):
    near, far = outside_nodes(2, "--xdp-mode", "tc")
    near.add_pod("web", labels=WEB)
    put_node_port(lab)
    for node in (near, far):
        wait_for(lab.client, node.addresses[family], ["web"])
    assert where(lab.client, near.addresses[family]) == ("web", lab.client.addresses[family])
    assert where(lab.client, far.addresses[family]) == ("web", far.addresses[family])


def test_case_92_node_ports_are_at_the_addresses_that_are_asked_for(outside_nodes, lab):
    (node,) = outside_nodes(1, "--node-port-addresses", "192.168.77.0/24")
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    wait_for(lab.client, node.addresses[0], ["web"])
    assert outcome(lab.client, node.addresses[1]) != "web"


def test_cluster_ips_answer_outside_only_when_asked_for(outside_nodes, lab):
    (node,) = outside_nodes(1)
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    lab.outside.lead("10.96.0.0/16", node)
    wait_for(lab.client, node.addresses[0], ["web"])
    assert outcome(lab.client, "10.96.0.80", 80, 1) != "web"
    node.agent.stop()
    node.start_agent("--device", "eth0", "--cluster-ip-from-outside")
    wait_for(lab.client, "10.96.0.80", ["web"], 80)


def test_another_xdp_program_on_the_device_is_named_and_tc_is_offered(outside_nodes, lab):
    (node,) = outside_nodes(1)
    node.agent.stop()
    node.beeline("unload", *node.place())
    system.offload(node.netns, "eth0 pass on")
    log_before = len(node.agent.read_log())
    node.start_agent("--device", "eth0")
    system.wait_until(lambda: "lab_pass" in node.agent.read_log()[log_before:], 10, 0.1,
                      "a message that names the program")
    assert "--xdp-mode tc" in node.agent.read_log()[log_before:]
    check = node.beeline("check", "--device", "eth0", check=False)
    assert check.returncode == CHECK_FAILED
    row = next(line for line in check.stdout.splitlines() if "eth0: free for XDP" in line)
    assert "MISSING" in row and "XDP program 'lab_pass'" in row
    assert "--xdp-mode tc" in check.stdout
    assert node.beeline("check", "--device", "eth0", "--xdp-mode", "tc").returncode == 0
    node.agent.stop()
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    node.start_agent("--device", "eth0", "--xdp-mode", "tc")
    wait_for(lab.client, node.addresses[0], ["web"])


def test_unload_takes_everything_off_the_devices(outside_nodes, lab):
    (node,) = outside_nodes(1)
    node.agent.stop()
    assert "xdp" in node.output("ip", "link", "show", "eth0")
    node.beeline("unload", *node.place())
    assert "xdp" not in node.output("ip", "link", "show", "eth0")
    assert "clsact" not in node.output("tc", "qdisc", "show", "dev", "eth0")


def test_status_and_check_say_the_mode_of_each_device(outside_nodes):
    (node,) = outside_nodes(1)
    devices = {row["name"]: row for row in status(node)["devices"]}
    assert devices["eth0"]["mode"] == "native", json.dumps(devices)
    assert "eth0: native" in node.beeline("status").stdout
    rows = {(row["device"], row["name"]): row for row in json.loads(
        node.beeline("check", "--device", "eth0", "-o", "json").stdout)}
    assert rows["eth0", "native XDP"]["detail"] == "in use"
    assert "'bl_xdp'" in rows["eth0", "free for XDP"]["detail"]
    assert rows[None, "packet programs"]["found"]
    missing = node.beeline("check", "--device", "nowhere0", check=False)
    assert missing.returncode == CHECK_FAILED and "nowhere0: there" in missing.stdout
    assert missing.stdout.count("nowhere0") == 1, "nothing else is asked of it"
