# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of Services that change, and NodePorts that are taken, wrong or given back."""

import errno

import pytest

from lab import manifest
from lab.traffic import FAILED, RemoteSocket, answers, wait_for_answers
from objects import HTTP, NODE_PORT, VIP, WEB, drop_service, names, put_service

EXTERNAL = {"ports": (), "selector": None, "address": None, "type": "ExternalName",
            "externalName": "www.example.org"}
NODE_PORTS = {"type": "NodePort", "ports": [{**HTTP, "nodePort": NODE_PORT}]}


def columns(node, name="web"):
    """Columns of 'get svc' for one Service."""
    return node.beeline("get", "svc", name).stdout.splitlines()[1].split()


def test_case_41_external_name_becomes_cluster_ip(one_node, lab):
    node = one_node()
    put_service(lab, **EXTERNAL)
    wait_for_answers(node.client, VIP, [])
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    assert columns(node)[1:3] == ["ClusterIP", VIP]


def test_case_42_external_name_becomes_node_port(one_node, lab):
    node = one_node()
    put_service(lab, **EXTERNAL)
    put_service(lab, **NODE_PORTS)
    wait_for_answers(node.client, VIP, names(node.web))
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)


def test_case_43_cluster_ip_becomes_external_name(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    put_service(lab, **EXTERNAL)
    wait_for_answers(node.client, VIP, [])
    assert columns(node)[1:4] == ["ExternalName", "<none>", "www.example.org"]


def test_case_44_node_port_becomes_external_name_and_frees_its_port(one_node, lab):
    node = one_node()
    put_service(lab, **NODE_PORTS)
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)
    put_service(lab, **EXTERNAL)
    wait_for_answers(node, "127.0.0.1", [], port=NODE_PORT)
    put_service(lab, "heir", **{**NODE_PORTS, "address": "10.96.0.90"})
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)


def apply(node, name, node_port, **options):
    text = manifest.service(name, selector=WEB, type="NodePort",
                            ports=[{**HTTP, "nodePort": node_port}])
    return node.beeline("apply", "-f", "-", text=text, **options)


def test_case_45_node_port_in_use_is_refused_until_its_owner_goes(one_node):
    node = one_node()
    apply(node, "first", NODE_PORT)
    refused = apply(node, "second", NODE_PORT, check=False)
    assert refused.returncode != 0
    assert "already allocated" in refused.stderr
    assert "first" in refused.stderr, "the owner is not named"
    node.beeline("delete", "svc", "first")
    apply(node, "second", NODE_PORT)
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)


def test_case_46_node_port_out_of_range_is_refused(one_node):
    node = one_node(pods=0)
    for number in (29999, 32768):
        refused = apply(node, "web", number, check=False)
        assert refused.returncode != 0
        assert "valid" in refused.stderr and "30000-32767" in refused.stderr


def test_case_47_node_port_is_released_on_delete(one_node):
    node = one_node()
    apply(node, "web", NODE_PORT)
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)
    node.beeline("delete", "svc", "web")
    wait_for_answers(node, "127.0.0.1", [], port=NODE_PORT)
    assert f":{NODE_PORT}" not in node.output("ss", "-Htln")
    with RemoteSocket(node, "ipv4", "tcp") as sock:
        sock.bind(("0.0.0.0", NODE_PORT))
    apply(node, "again", NODE_PORT)
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)


def test_case_40_node_port_of_one_number_for_both_protocols(one_node, lab):
    node = one_node(pods=1)
    put_service(lab, type="NodePort", ports=[
        {"name": "tcp", "port": 80, "targetPort": 8080, "nodePort": NODE_PORT},
        {"name": "udp", "port": 80, "protocol": "UDP", "targetPort": 5353,
         "nodePort": NODE_PORT}])
    wait_for_answers(node, "127.0.0.1", ["pod-1"], port=NODE_PORT)
    with RemoteSocket(node) as sock:
        sock.sendto(b"x", ("127.0.0.1", NODE_PORT))
        assert sock.recvfrom(100) == (b"pod-1 x", ("127.0.0.1", NODE_PORT))


def test_node_port_answers_on_own_addresses_of_both_families(one_node, lab):
    node = one_node()
    put_service(lab, **NODE_PORTS, ipFamilyPolicy="RequireDualStack")
    for address in ("127.0.0.1", "::1", *node.addresses):
        wait_for_answers(node, address, names(node.web), port=NODE_PORT)
    for address in node.addresses:
        assert FAILED not in answers(node.client, address, 4, NODE_PORT)


def test_loopback_node_port_is_the_nodes_alone(one_node, lab):
    node = one_node()
    put_service(lab, **NODE_PORTS, ipFamilyPolicy="RequireDualStack")
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)
    for address in ("127.0.0.1", "::1"):
        assert set(answers(node.client, address, 3, NODE_PORT)) == {FAILED}


def test_node_port_of_another_node_is_left_alone(two_nodes, lab):
    first, second = two_nodes
    first.add_pod("web", labels=WEB)
    put_service(lab, **NODE_PORTS)
    wait_for_answers(first, first.addresses[0], ["web"], port=NODE_PORT)
    wait_for_answers(second, second.addresses[0], ["web"], port=NODE_PORT)
    # Taken down on the second node, its port there must not be answered by the first one's hooks.
    second.agent.stop()
    second.beeline("unload", *second.place())
    for client in (first, first.client):
        assert set(answers(client, second.addresses[0], 3, NODE_PORT)) == {FAILED}
    assert FAILED not in answers(first, first.addresses[0], 3, NODE_PORT)


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_program_that_binds_a_node_port_is_refused(one_node, lab, kind):
    node = one_node()
    put_service(lab, type="NodePort", ports=[
        {"name": "a", **HTTP, "nodePort": NODE_PORT},
        {"name": "b", "port": 53, "protocol": "UDP", "targetPort": 5353, "nodePort": NODE_PORT}])
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)
    for family, any_address in (("ipv4", "0.0.0.0"), ("ipv6", "::")):
        with RemoteSocket(node, family, kind) as sock:
            with pytest.raises(OSError) as refusal:
                sock.bind((any_address, NODE_PORT))
            assert refusal.value.errno in (errno.EPERM, errno.EADDRINUSE)
        with RemoteSocket(node, family, kind) as sock:
            sock.bind((any_address, NODE_PORT + 1))
        with RemoteSocket(node.client, family, kind) as sock:
            sock.bind((any_address, NODE_PORT))


def test_refusing_binds_can_be_switched_off(one_node, lab):
    node = one_node(agent=["--allow-bind-node-ports"])
    put_service(lab, **NODE_PORTS)
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)
    with RemoteSocket(node, "ipv4", "tcp") as sock:
        sock.bind(("0.0.0.0", NODE_PORT))


def test_ipv4_mapped_clients_are_ipv4_clients(one_node, lab):
    node = one_node(pods=1)
    put_service(lab, ports=[{"name": "a", **HTTP},
                            {"name": "b", "port": 53, "protocol": "UDP", "targetPort": 5353}])
    wait_for_answers(node.client, VIP, ["pod-1"])
    mapped = f"::ffff:{VIP}"
    with RemoteSocket(node.client, "ipv6", "tcp") as sock:
        sock.connect((mapped, 80))
        assert sock.getpeername()[:2] == (mapped, 80)
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in sock.recv(1000)
    with RemoteSocket(node.client, "ipv6", "udp") as sock:
        sock.sendto(b"x", (mapped, 53))
        data, peer = sock.recvfrom(100)
        assert (data, peer[:2]) == (b"pod-1 x", (mapped, 53))


def test_load_balancer_address_is_answered_on_the_node(one_node, lab):
    node = one_node()
    put_service(lab, type="LoadBalancer", ports=[{**HTTP, "nodePort": NODE_PORT}],
                externalIPs=["192.168.88.80"])
    wait_for_answers(node.client, "192.168.88.80", names(node.web))
    wait_for_answers(node, "192.168.88.80", names(node.web))


def test_dropping_a_service_makes_its_address_unknown(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    drop_service(lab)
    wait_for_answers(node.client, VIP, [])
    assert node.beeline("get", "svc", "web", check=False).returncode != 0
