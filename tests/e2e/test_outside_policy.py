# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients outside and traffic policies: where packets go, and whose address the pod sees."""

import contextlib
import time

import pytest

from lab import system
from lab.traffic import RemoteSocket, fetch
from objects import (GONE_TERMINATING, NODE_PORT, OTHER_VIP, READY, SERVING_TERMINATING, UNREADY,
                     WEB, put_service, put_slice)
from outside import (BALANCER, EXTERNAL, LOCAL, REFUSED, TIMED_OUT, UDP_NODE_PORT, ask,
                     balancer_status, outcome, outcomes, put_node_port, together, url, wait_for,
                     where)

FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])


@FAMILIES
def test_case_38_every_node_serves_a_node_port_over_tcp_and_udp(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster)
    for node in cluster.nodes:
        wait_for(cluster.client, node.addresses[family], ["first"])
        assert outcomes(cluster.client, node.addresses[family]) == {"first": 12}
        answer = ask(cluster.client, node.addresses[family], UDP_NODE_PORT, "hello")
        assert answer == "first hello"


@FAMILIES
def test_cluster_policy_balances_over_all_nodes(cluster, family):
    for node in cluster.nodes:
        node.pod.publish(labels=WEB)
    put_node_port(cluster)
    for node in cluster.nodes:
        wait_for(cluster.client, node.addresses[family], ["first", "second", "third"])
        assert REFUSED not in outcomes(cluster.client, node.addresses[family], count=20)


@FAMILIES
def test_pod_on_the_node_sees_the_client_and_a_pod_elsewhere_sees_the_node(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster)
    near, far = (node.addresses[family] for node in cluster.nodes[:2])
    for address in (near, far):
        wait_for(cluster.client, address, ["first"])
    assert where(cluster.client, near) == ("first", cluster.client.addresses[family])
    assert where(cluster.client, far) == ("first", far)


@FAMILIES
def test_case_63_local_policy_keeps_the_client_and_drops_elsewhere(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster, **LOCAL)
    near, far = (node.addresses[family] for node in cluster.nodes[:2])
    wait_for(cluster.client, near, ["first"])
    wait_for(cluster.client, far, [TIMED_OUT])
    assert where(cluster.client, near) == ("first", cluster.client.addresses[family])
    assert ask(cluster.client, far, UDP_NODE_PORT) == "timeout"


@FAMILIES
def test_case_58_no_endpoints_refuse_clients_outside_at_once(cluster, family):
    put_node_port(cluster)
    for node in cluster.nodes:
        address = node.addresses[family]
        wait_for(cluster.client, address, [REFUSED])
        system.wait_until(lambda: ask(cluster.client, address, UDP_NODE_PORT) == "refused", 5, 0.05,
                          "ICMP port unreachable")
        assert outcome(cluster.client, address, timeout=1) == REFUSED


@FAMILIES
def test_case_67_terminating_endpoints_serve_clients_outside_while_none_is_ready(cluster, family):
    first, second = (node.pod for node in cluster.nodes[:2])
    pods = (first, second)
    for pod in pods:
        pod.publish(labels=WEB, terminating=True)
    put_node_port(cluster)
    address = cluster.nodes[2].addresses[family]
    wait_for(cluster.client, address, ["first", "second"])
    second.publish(labels=WEB)
    wait_for(cluster.client, address, ["second"])


@FAMILIES
def test_case_68_local_terminating_endpoints_serve_under_policy_local(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB, terminating=True)
    cluster.nodes[1].pod.publish(labels=WEB)
    put_node_port(cluster, **LOCAL)
    wait_for(cluster.client, cluster.nodes[0].addresses[family], ["first"])
    wait_for(cluster.client, cluster.nodes[1].addresses[family], ["second"])


@pytest.mark.parametrize("conditions", [UNREADY, GONE_TERMINATING])
def test_case_88_endpoint_that_does_not_serve_gets_nobody_from_outside(cluster, conditions):
    pods = [node.pod for node in cluster.nodes[:2]]
    put_node_port(cluster, selector=None)
    echo = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    put_slice(cluster, [(pods[0], READY), (pods[1], conditions)], ports=echo)
    wait_for(cluster.client, cluster.nodes[2].addresses[0], ["first"])
    put_slice(cluster, [(pods[1], conditions)], ports=echo)
    wait_for(cluster.client, cluster.nodes[2].addresses[0], [REFUSED])


@FAMILIES
def test_case_39_external_ip_that_no_node_has_is_served(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster, type="ClusterIP", externalIPs=list(EXTERNAL),
                  ports=[{"name": "http", "port": 80, "targetPort": 8080},
                         {"name": "echo", "port": 53, "protocol": "UDP", "targetPort": 5353}])
    for node in cluster.nodes:
        cluster.outside.lead(EXTERNAL[family], node)
        wait_for(cluster.client, EXTERNAL[family], ["first"], 80)
        assert ask(cluster.client, EXTERNAL[family], 53) == "first question"


def put_balancer(lab, **spec):
    put_node_port(lab, type="LoadBalancer", status=balancer_status(*BALANCER), **spec)


@FAMILIES
def test_balancer_addresses_of_the_status_are_served(cluster, family):
    cluster.nodes[1].pod.publish(labels=WEB)
    put_balancer(cluster)
    for node in cluster.nodes:
        cluster.outside.lead(BALANCER[family], node)
        wait_for(cluster.client, BALANCER[family], ["second"], 80)


@FAMILIES
def test_case_93_source_ranges_hold_for_the_balancer_and_not_for_node_ports(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB)
    bits = 128 if family else 32
    put_balancer(cluster, loadBalancerSourceRanges=[f"{cluster.client.addresses[family]}/{bits}"])
    for node in cluster.nodes[:2]:
        cluster.outside.lead(BALANCER[family], node)
        wait_for(cluster.client, BALANCER[family], ["first"], 80)
        assert outcome(cluster.other_client, BALANCER[family], 80, 1) == TIMED_OUT
        assert outcome(cluster.other_client, node.addresses[family]) == "first"


@FAMILIES
def test_case_54_affinity_holds_a_client_outside_and_its_end_frees_it(cluster, family):
    for node in cluster.nodes:
        node.pod.publish(labels=WEB)
    put_node_port(cluster, sessionAffinity="ClientIP")
    address = cluster.nodes[0].addresses[family]
    system.wait_until(lambda: len(outcomes(cluster.client, address, count=10)) == 1, 8, 0.05,
                      "one pod for the client")
    assert len(outcomes(cluster.client, address, count=20)) == 1
    put_node_port(cluster)
    wait_for(cluster.client, address, ["first", "second", "third"])
    put_node_port(cluster, sessionAffinity="ClientIP")
    system.wait_until(lambda: len(outcomes(cluster.client, address, count=10)) == 1, 8, 0.05,
                      "one pod for the client")


@FAMILIES
def test_case_55_affinity_of_a_client_outside_ends_with_its_timeout(cluster, family):
    for node in cluster.nodes:
        node.pod.publish(labels=WEB)
    put_node_port(cluster, sessionAffinity="ClientIP",
                  sessionAffinityConfig={"clientIP": {"timeoutSeconds": 1}})
    address = cluster.nodes[0].addresses[family]
    system.wait_until(lambda: len(outcomes(cluster.client, address, count=10)) == 1, 8, 0.05,
                      "one pod for the client")
    seen = set()
    for _ in range(12):
        seen.add(outcome(cluster.client, address))
        time.sleep(1.2)
        if len(seen) > 1:
            break
    assert len(seen) > 1


@FAMILIES
def test_case_40_and_69_one_port_number_for_two_protocols(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB)
    tcp = {"name": "tcp", "port": 80, "targetPort": 8080, "nodePort": NODE_PORT}
    udp = {"name": "udp", "port": 80, "targetPort": 5353, "nodePort": NODE_PORT, "protocol": "UDP"}
    addresses = [node.addresses[family] for node in cluster.nodes[:2]]
    put_node_port(cluster, ports=[tcp, udp])
    for address in addresses:
        wait_for(cluster.client, address, ["first"])
        assert ask(cluster.client, address, NODE_PORT) == "first question"
    put_node_port(cluster, ports=[udp])
    for address in addresses:
        wait_for(cluster.client, address, [REFUSED])
        assert ask(cluster.client, address, NODE_PORT) == "first question"
    put_node_port(cluster, ports=[tcp])
    for address in addresses:
        wait_for(cluster.client, address, ["first"])
        assert ask(cluster.client, address, NODE_PORT) == "refused"


def test_case_95_moves_between_types_add_and_take_what_clients_reach(cluster):
    cluster.nodes[0].pod.publish(labels=WEB)
    node = cluster.nodes[1]
    cluster.outside.lead(BALANCER[0], node)
    cluster.outside.lead(EXTERNAL[0], node)
    external = {"type": "ClusterIP", "externalIPs": [EXTERNAL[0]]}
    moves = {"ClusterIP": {"type": "ClusterIP"}, "NodePort": {"type": "NodePort"},
             "LoadBalancer": {"type": "LoadBalancer", "status": balancer_status(BALANCER[0])},
             "externalIPs": external}
    without = [{"name": "http", "port": 80, "targetPort": 8080}]
    for begin in moves:
        for end in moves:
            if begin == end:
                continue
            for kind in (begin, end):
                ported = kind in ("NodePort", "LoadBalancer")
                put_node_port(cluster, **moves[kind],
                              ports=[{**without[0], "nodePort": NODE_PORT}] if ported else without)
            assert_reached(cluster, node, end)


def assert_reached(cluster, node, kind):
    ported = kind in ("NodePort", "LoadBalancer")
    wait_for(cluster.client, node.addresses[0], ["first"] if ported else [REFUSED])

    def ended_or_there(name, address):
        if kind == name:
            wait_for(cluster.client, address, ["first"], 80)
        else:
            system.wait_until(lambda: outcome(cluster.client, address, 80, 1) != "first", 5, 0.05,
                              f"{address} to end")

    together([lambda: ended_or_there("LoadBalancer", BALANCER[0]),
              lambda: ended_or_there("externalIPs", EXTERNAL[0])])


def server_port(cluster):
    """Of the pod that answers at the external IP: tells whose it is."""
    done = cluster.client.curl(url(EXTERNAL[0], 80, "/where"), timeout=1, check=False)
    return done.stdout.split()[1].rpartition(":")[2] if done.returncode == 0 else None


def test_case_95_services_that_claim_one_external_ip_keep_their_other_addresses(cluster):
    """Who has it keeps it, whatever the names; the other one gets it when it is given up."""
    node = cluster.nodes[0]
    node.pod.publish(labels=WEB)
    cluster.outside.lead(EXTERNAL[0], node)
    put_service(cluster, externalIPs=[EXTERNAL[0]])
    wait_for(cluster.client, EXTERNAL[0], ["first"], 80)
    put_service(cluster, "also", address=OTHER_VIP, externalIPs=[EXTERNAL[0]],
                ports=[{"port": 80, "targetPort": 9090}])
    wait_for(node, OTHER_VIP, ["first"], 80)
    assert server_port(cluster) == "8080"
    assert "'default/also' is in force in part" in node.beeline("status", check=False).stdout
    put_service(cluster)
    system.wait_until(lambda: server_port(cluster) == "9090", 5, 0.05, "the other one's pod")
    assert node.beeline("status").returncode == 0


@FAMILIES
def test_dsr_shows_the_client_to_pods_of_other_nodes(cluster, family):
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster, metadata={"annotations": {"beeline.dev/forwarding-mode": "dsr"}})
    far = cluster.nodes[1].addresses[family]
    wait_for(cluster.client, far, ["first"])
    system.wait_until(lambda: where(cluster.client, far) == (
        "first", cluster.client.addresses[family]), 5, 0.05, "the client's address at the pod")
    assert ask(cluster.client, far, UDP_NODE_PORT) == "first question"


@FAMILIES
def test_connections_outlive_a_change_of_the_forwarding_mode(cluster, family):
    pod, address = cluster.nodes[0].pod, cluster.nodes[1].addresses[family]
    pod.publish(labels=WEB)
    sources = {"snat": address, "dsr": cluster.client.addresses[family]}
    held = []
    with contextlib.ExitStack() as stack:
        for mode in ("snat", "dsr", "snat"):
            put_node_port(cluster, metadata={"annotations": {"beeline.dev/forwarding-mode": mode}})
            wait_for(cluster.client, address, ["first"])
            system.wait_until(lambda: where(cluster.client, address)[1] == sources[mode], 5, 0.05,
                              f"mode {mode}")
            held.append(stack.enter_context(
                RemoteSocket(cluster.client, "ipv6" if family else "ipv4", "tcp")))
            held[-1].connect((address, NODE_PORT))
            assert [fetch(sock) for sock in held] == ["first"] * len(held)


@FAMILIES
def test_connections_by_maglev_and_dsr_outlive_that_another_node_gets_their_packets(cluster,
                                                                                  family):
    third, first = cluster.nodes[2], cluster.nodes[0]
    for node in cluster.nodes[:2]:
        node.pod.publish(labels=WEB)
    put_balancer(cluster, metadata={"annotations": {"beeline.dev/forwarding-mode": "dsr",
                                                    "beeline.dev/lb-algorithm": "maglev"}})
    for node in (first, third):
        cluster.outside.lead(BALANCER[family], node)
        wait_for(cluster.client, BALANCER[family], ["first", "second"], 80)
        system.wait_until(lambda: where(cluster.client, BALANCER[family], 80)[1] ==
                          cluster.client.addresses[family], 5, 0.05, "direct server return")
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(RemoteSocket(cluster.client, "ipv6" if family else "ipv4",
                                                 "tcp")) for _ in range(8)]
        for sock in held:
            sock.connect((BALANCER[family], 80))
        pods = [fetch(sock) for sock in held]
        cluster.outside.lead(BALANCER[family], first)
        assert [fetch(sock) for sock in held] == pods


@FAMILIES
def test_host_network_pods_serve_clients_outside(cluster, family):
    pod = cluster.nodes[2].add_host_pod(f"host-{family}", labels=WEB,
                                        ports=(("http", 8080 + family, "TCP"),))
    put_node_port(cluster, ports=[{"name": "http", "port": 80, "targetPort": 8080 + family,
                                   "nodePort": NODE_PORT}])
    for node in cluster.nodes:
        wait_for(cluster.client, node.addresses[family], [pod.name])
    near = where(cluster.client, cluster.nodes[2].addresses[family])
    assert near == (pod.name, cluster.client.addresses[family])


def health(client, node, port=32100):
    done = client.curl(url(node.addresses[0], port), "-w", " %{http_code}", check=False)
    return int(done.stdout.split()[-1]) if done.returncode == 0 else done.returncode


def wait_for_health(cluster, expected):
    system.wait_until(lambda: [health(cluster.client, node) for node in cluster.nodes] == expected,
                      8, 0.05, f"health checks {expected}")


def test_case_71_and_89_health_check_port_follows_local_ready_endpoints(cluster):
    pod = cluster.nodes[0].pod
    pod.publish(labels=WEB)
    put_balancer(cluster, healthCheckNodePort=32100, **LOCAL)
    wait_for_health(cluster, [200, 503, 503])
    pod.publish(labels=WEB, terminating=True)
    wait_for_health(cluster, [503, 503, 503])
    assert outcome(cluster.client, cluster.nodes[0].addresses[0]) == "first"
    pod.publish(labels=WEB)
    put_balancer(cluster)
    wait_for_health(cluster, [REFUSED] * 3)
    put_balancer(cluster, healthCheckNodePort=32100, **LOCAL)
    wait_for_health(cluster, [200, 503, 503])


def test_terminating_pods_keep_the_connections_that_they_have(cluster):
    first, second = (node.pod for node in cluster.nodes[:2])
    first.publish(labels=WEB)
    put_node_port(cluster)
    address = cluster.nodes[2].addresses[0]
    wait_for(cluster.client, address, ["first"])
    with RemoteSocket(cluster.client, "ipv4", "tcp") as sock:
        sock.connect((address, NODE_PORT))
        assert fetch(sock) == "first"
        second.publish(labels=WEB)
        first.publish(labels=WEB, terminating=True)
        wait_for(cluster.client, address, ["second"])
        assert fetch(sock) == "first"
