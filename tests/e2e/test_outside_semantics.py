# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases of Kubernetes that have clients outside and inside at once: who gets where, and under
whose address."""

import functools
import itertools

import pytest

from lab import manifest, system
from lab.traffic import RemoteSocket, fetch
from objects import NODE_PORT, VIP, WEB
from outside import (BALANCER, EXTERNAL, LOCAL, PORTS, REFUSED, TIMED_OUT, UDP_NODE_PORT, ask,
                     balancer_status, outcome, outcomes, put_node_port, together, url, wait_for,
                     where)

FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
HEALTH_PORT = 32100


def put_balancer(lab, **spec):
    put_node_port(lab, type="LoadBalancer", status=balancer_status(*BALANCER), **spec)


@FAMILIES
def test_case_38_pods_of_every_node_reach_the_node_port_of_every_node(cluster, family):
    """At the own node it is a socket that is served, at another's it is a client outside."""
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster)
    for client, node in itertools.product(cluster.nodes, cluster.nodes):
        wait_for(client.pod, node.addresses[family], ["first"])
        wait_for(client, node.addresses[family], ["first"])
        assert ask(client.pod, node.addresses[family], UDP_NODE_PORT) == "first question"


@FAMILIES
def test_case_38_a_pod_reaches_another_directly_with_a_port_that_it_used_at_a_node_port(cluster,
                                                                                      family):
    """What the node remembers of the first connection must not have the second one's answers."""
    node, client = cluster.nodes[0], cluster.nodes[1].pod
    vip = (VIP, "fd00:10:96::80")[family]
    node.pod.publish(labels=WEB)
    put_node_port(cluster)
    wait_for(client, node.addresses[family], ["first"])
    wait_for(client, vip, ["first"], 80)
    for address, port in ((node.addresses[family], NODE_PORT), (vip, 80)):
        with RemoteSocket(client, "ipv6" if family else "ipv4", "tcp") as sock:
            sock.bind(("", 23100 + family))
            sock.connect((address, port))
            assert fetch(sock) == "first"


def health(client, node):
    done = client.curl(url(node.addresses[0], HEALTH_PORT), "-w", " %{http_code}", check=False)
    return int(done.stdout.split()[-1]) if done.returncode == 0 else done.returncode


def wait_for_health(cluster, expected):
    system.wait_until(lambda: [health(cluster.client, node) for node in cluster.nodes] == expected,
                      8, 0.05, f"health checks {expected}")


def test_case_64_health_check_fails_with_terminating_endpoints_alone_and_they_serve(cluster):
    first, second = cluster.nodes[:2]
    first.pod.publish(labels=WEB)
    put_balancer(cluster, healthCheckNodePort=HEALTH_PORT, **LOCAL)
    wait_for_health(cluster, [200, 503, 503])
    first.pod.publish(labels=WEB, terminating=True)
    wait_for_health(cluster, [503, 503, 503])
    assert outcomes(cluster.client, first.addresses[0]) == {"first": 12}
    assert where(cluster.client, first.addresses[0])[1] == cluster.client.addresses[0]
    wait_for(cluster.client, second.addresses[0], [TIMED_OUT])


def test_case_70_one_port_number_for_two_protocols_inside_and_outside(cluster):
    """Of type LoadBalancer, as the case has it, at its address and its ClusterIP."""
    cluster.nodes[0].pod.publish(labels=WEB)
    ports = [{"name": "svc1", "port": 80, "targetPort": 8080, "nodePort": NODE_PORT},
             {"name": "svc2", "port": 80, "targetPort": 5353, "nodePort": NODE_PORT,
              "protocol": "UDP"}]
    put_balancer(cluster, ports=ports)
    cluster.outside.lead(BALANCER[0], cluster.nodes[1])
    clients = [cluster.nodes[1].pod, cluster.nodes[2], cluster.client]
    for client in clients:
        wait_for(client, BALANCER[0], ["first"], 80)
        assert ask(client, BALANCER[0], 80) == "first question"
    for client in clients[:2]:
        wait_for(client, VIP, ["first"], 80)
        assert ask(client, VIP, 80) == "first question"


def test_case_71_node_ports_and_health_checks_follow_the_external_policy(cluster):
    here, own, third = cluster.nodes
    client = own.pod
    here.pod.publish(labels=WEB)
    for _ in range(2):
        put_balancer(cluster, healthCheckNodePort=HEALTH_PORT, **LOCAL)
        wait_for_health(cluster, [200, 503, 503])
        wait_for(client, third.addresses[0], [TIMED_OUT])
        assert where(client, here.addresses[0]) == ("first", client.addresses[0])
        assert outcomes(client, own.addresses[0]) == {"first": 12}, "the short-circuit rule"
        assert outcome(client, third.addresses[0]) == TIMED_OUT
        put_balancer(cluster)
        wait_for_health(cluster, [REFUSED] * 3)
        for node in cluster.nodes:
            wait_for(client, node.addresses[0], ["first"])


def test_case_72_named_port_of_a_sidecar_container_is_served_outside(cluster):
    pod = cluster.nodes[0].pod
    sidecar = {"name": "sidecar", "image": "example.org/sidecar:1", "restartPolicy": "Always",
               "ports": [{"name": "side", "containerPort": 9090}]}
    cluster.publish(pod.manifest_file, manifest.pod(pod.name, cluster.nodes[0].name, pod.addresses,
                                                    labels=WEB,
                                                    spec={"initContainers": [sidecar]}))
    put_node_port(cluster, ports=[{"port": 80, "targetPort": "side", "nodePort": NODE_PORT}])
    for node in cluster.nodes[:2]:
        wait_for(cluster.client, node.addresses[0], ["first"])
        seen = cluster.client.curl(url(node.addresses[0], NODE_PORT, "/where")).split()[1]
        assert seen.endswith(":9090")


def expected_inside(client_node, frontend, internal, here):
    """What a client on a node sees: (pod or exit code, whose address the pod sees)."""
    reaches = frontend != "ClusterIP" or internal == "Cluster" or client_node is here
    return "first" if reaches else REFUSED


def inside(cluster, node, internal, here, family):
    """Rows (client, address, port, what it gets) for a pod and the host of one node. The third
    address stands for a node's own NodePort."""
    targets = {"ClusterIP": ((VIP, "fd00:10:96::80")[family], 80),
               "NodePort": (node.addresses[family], NODE_PORT),
               "LoadBalancer": (BALANCER[family], 80), "ExternalIP": (EXTERNAL[family], 80)}
    for client, (frontend, target) in itertools.product((node.pod, node), targets.items()):
        yield client, target, expected_inside(node, frontend, internal, here)


def wait_until_gets(client, address, port, expected):
    """Twice: once for the change to be in force, and once in force."""
    for _ in range(2):
        system.wait_until(lambda: outcome(client, address, port, 1) == expected, 8, 0.05,
                          f"{expected} at {address} port {port} from {client.name}")


def check_inside(cluster, internal, here, family):
    for node in cluster.nodes[:2]:
        for client, (address, port), expected in inside(cluster, node, internal, here, family):
            wait_until_gets(client, address, port, expected)
            # No address is ever put in a client's place; a client may choose that of any link.
            if expected == "first" and client is node.pod:
                assert where(client, address, port) == ("first", client.addresses[family])


def check_outside(cluster, external, here, family):
    for node in cluster.nodes[:2]:
        reaches = external == "Cluster" or node is here
        source = cluster.client.addresses[family] if node is here else node.addresses[family]
        targets = [(node.addresses[family], NODE_PORT)]
        for address in (BALANCER[family], EXTERNAL[family]):
            cluster.outside.lead(address, node)
            targets.append((address, 80))
        if not reaches:
            together([functools.partial(wait_until_gets, cluster.client, *target, TIMED_OUT)
                      for target in targets])
            continue
        for address, port in targets:
            wait_until_gets(cluster.client, address, port, "first")
            assert where(cluster.client, address, port) == ("first", source)


@FAMILIES
@pytest.mark.parametrize("internal, external", itertools.product(("Cluster", "Local"), repeat=2))
def test_case_90_who_reaches_what_and_under_whose_address(cluster, internal, external, family):
    """{pod, node, outside} x {ClusterIP, NodePort, load balancer, external IP}, at the node of the
    endpoint and at another."""
    here = cluster.nodes[0]
    here.pod.publish(labels=WEB)
    put_balancer(cluster, externalIPs=list(EXTERNAL), internalTrafficPolicy=internal,
                 externalTrafficPolicy=external)
    check_inside(cluster, internal, here, family)
    check_outside(cluster, external, here, family)


@FAMILIES
def test_case_90_without_endpoints_everybody_is_refused(cluster, family):
    node = cluster.nodes[0]
    put_balancer(cluster, externalIPs=list(EXTERNAL))
    for address in (BALANCER[family], EXTERNAL[family]):
        cluster.outside.lead(address, node)
    rows = [(client, address, port) for client in (node.pod, node, cluster.client)
            for address, port in ((node.addresses[family], NODE_PORT), (BALANCER[family], 80),
                                  (EXTERNAL[family], 80))]
    for client, address, port in rows:
        wait_for(client, address, [REFUSED], port)


@pytest.fixture
def balancer(cluster):
    """A load balancer that is a machine of its own, at the router: it answers at BALANCER, where
    nodes and pods have a route to."""
    router, node = cluster.outside.router, cluster.nodes[0]
    rows = [(router, f"addr {{}} {BALANCER[0]}/32 dev lo"),
            (router, f"route {{}} {node.pod_networks[0]} via {node.addresses[0]}"),
            (node, f"route {{}} {BALANCER[0]} via 192.168.77.1"),
            (node.pod, f"route {{}} {BALANCER[0]} via 10.244.{node.index}.1")]
    for member, row in rows:
        system.ip(member.netns, row.format("add"))
    server = router.serve("balancer", http=[80])
    yield BALANCER[0]
    server.terminate()
    server.wait(timeout=10)
    for member, row in rows:
        system.ip(member.netns, row.format("del"))


def test_case_91_ip_mode_proxy_sends_clients_of_the_cluster_to_the_balancer(cluster, balancer):
    """KEP-1860: a proxy may end TLS or add headers, so it must not be gone round."""
    node = cluster.nodes[0]
    node.pod.publish(labels=WEB)
    ingress = {"ip": balancer, "ipMode": "Proxy"}
    put_node_port(cluster, type="LoadBalancer", status={"loadBalancer": {"ingress": [ingress]}},
                  ports=PORTS)
    wait_for(node.pod, node.addresses[0], ["first"])
    for client in (node.pod, node):
        assert outcomes(client, balancer, 80) == {"balancer": 12}
    put_node_port(cluster, type="LoadBalancer", ports=PORTS,
                  status={"loadBalancer": {"ingress": [{**ingress, "ipMode": "VIP"}]}})
    for client in (node.pod, node):
        wait_for(client, balancer, ["first"], 80)
