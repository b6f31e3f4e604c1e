# SPDX-License-Identifier: GPL-3.0-or-later
"""sessionAffinity: ClientIP, its time-out, and switching it on and off."""

import time

import pytest

from lab import system
from lab.traffic import FAILED, answers, wait_for_answers
from objects import HTTP, NODE_PORT, VIP, names, put_service

STICKY = {"sessionAffinity": "ClientIP"}


def with_timeout(seconds):
    return {**STICKY, "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": seconds}}}


def wait_for_one(client, address=VIP, port=80, count=15):
    """Waits until the service answers; returns the pod that every call got."""
    deadline = time.monotonic() + 5 * system.PATIENCE
    while True:
        counter = answers(client, address, count, port)
        if len(counter) == 1 and FAILED not in counter:
            return next(iter(counter))
        assert time.monotonic() < deadline, f"no affinity: {dict(counter)}"


@pytest.mark.parametrize("target", ["cluster-ip", "node-port"])
def test_cases_51_53_client_keeps_its_pod(one_node, lab, target):
    node = one_node(pods=4)
    put_service(lab, type="NodePort", ports=[{**HTTP, "nodePort": NODE_PORT}], **STICKY)
    address, port = (VIP, 80) if target == "cluster-ip" else (node.addresses[0], NODE_PORT)
    first = wait_for_one(node.client, address, port)
    for _ in range(3):
        assert set(answers(node.client, address, 10, port)) == {first}


def test_case_51_clients_are_told_apart(one_node, lab):
    node = one_node(pods=3)
    others = [node.add_pod(f"other-{i}", serve=False, ports=()) for i in range(8)]
    put_service(lab, **STICKY)
    chosen = {wait_for_one(client) for client in (node.client, *others)}
    assert len(chosen) > 1, "nine clients share one pod of three"


def test_case_51_affinity_ends_with_its_pod(one_node, lab):
    node = one_node(pods=3)
    put_service(lab, **STICKY)
    first = wait_for_one(node.client)
    gone = next(pod for pod in node.web if pod.name == first)
    gone.withdraw()
    wait_for_answers(node.client, VIP, [wait_for_another(node.client, first)])


def wait_for_another(client, before):
    deadline = time.monotonic() + 5 * system.PATIENCE
    while True:
        name = wait_for_one(client)
        if name != before:
            return name
        assert time.monotonic() < deadline, f"'{before}' is still chosen"


@pytest.mark.parametrize("target", ["cluster-ip", "node-port"])
def test_cases_52_54_affinity_is_switched_on_and_off(one_node, lab, target):
    node = one_node(pods=4)
    spec = {"type": "NodePort", "ports": [{**HTTP, "nodePort": NODE_PORT}]}
    address, port = (VIP, 80) if target == "cluster-ip" else (node.addresses[0], NODE_PORT)
    put_service(lab, **spec, **STICKY)
    wait_for_one(node.client, address, port)
    put_service(lab, **spec, sessionAffinity="None")
    wait_for_answers(node.client, address, names(node.web), port, count=40)
    put_service(lab, **spec, **STICKY)
    wait_for_one(node.client, address, port)


def test_case_55_affinity_ends_after_its_timeout(one_node, lab):
    node = one_node(pods=4)
    put_service(lab, **with_timeout(1))
    first = wait_for_one(node.client)
    deadline = time.monotonic() + 25 * system.PATIENCE
    while set(answers(node.client, VIP)) == {first}:
        # One in four times chance gives the same pod again, which the next round tells.
        time.sleep(1.3)
        assert time.monotonic() < deadline, f"'{first}' answered after every pause"


def test_case_55_use_keeps_affinity_alive(one_node, lab):
    node = one_node(pods=4)
    timeout = 3
    put_service(lab, **with_timeout(timeout))
    kept_for, first = 0, wait_for_one(node.client)
    begun = used = time.monotonic()
    while kept_for < 2.5 * timeout:
        time.sleep(0.4)
        asked = time.monotonic()
        name = wait_for_one(node.client, count=1)
        if time.monotonic() - used > timeout - 1:
            begun, first = asked, name  # too late on this machine: from the beginning
        assert name == first
        used, kept_for = asked, asked - begun


def test_affinity_outlives_the_agent(one_node, lab):
    node = one_node(pods=4)
    put_service(lab, **STICKY)
    first = wait_for_one(node.client)
    node.agent.kill()
    assert set(answers(node.client, VIP, 6)) == {first}
    node.start_agent()
    assert set(answers(node.client, VIP, 6)) == {first}
