# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the node itself while the agent runs: addresses and network namespaces."""

import json
import os

from lab import system
from lab.traffic import FAILED, answers, wait_for_answers
from objects import HTTP, NODE_PORT, VIP, names, put_service

LATE = "192.168.77.150"


def rows(node, name):
    done = node.output("bpftool", "-j", "map", "dump", "pinned", os.path.join(node.bpffs, name))
    return json.loads(done)


def test_node_ports_follow_the_addresses_of_the_node(one_node, lab):
    node = one_node()
    put_service(lab, type="NodePort", ports=[{**HTTP, "nodePort": NODE_PORT}])
    wait_for_answers(node, node.addresses[0], names(node.web), port=NODE_PORT)
    system.ip(node.netns, f"addr add {LATE}/24 dev eth0")
    wait_for_answers(node, LATE, names(node.web), port=NODE_PORT)
    assert LATE in node.beeline("get", "no", "-o", "yaml").stdout
    system.ip(node.netns, f"addr del {LATE}/24 dev eth0")
    system.wait_until(lambda: f"{LATE}:{NODE_PORT}" not in node.beeline("plan").stdout, 5, 0.05,
                      "the frontend to go")
    assert node.beeline("verify").returncode == 0
    assert FAILED not in answers(node, node.addresses[0], 4, port=NODE_PORT)


def test_pods_are_known_by_their_network_namespace_while_affinity_needs_it(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    assert rows(node, "netns_pods") == []
    put_service(lab, sessionAffinity="ClientIP")
    for pod in (*node.web, node.client):
        pod.wait_until_known()
    node.add_pod("late", serve=False, ports=()).wait_until_known()
