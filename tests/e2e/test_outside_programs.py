# SPDX-License-Identifier: GPL-3.0-or-later
"""Real programs of clients outside, and traffic that is hard on translators: datagrams in fragments,
narrow links between nodes, ports that clients share."""

import json
import os

import pytest

from lab import system
from objects import NODE_PORT, WEB
from outside import EXTERNAL, UDP_NODE_PORT, ask, put_node_port, url, wait_for

DSR = {"metadata": {"annotations": {"beeline.dev/forwarding-mode": "dsr"}}}
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
WAYS = pytest.mark.parametrize("node, spec", [(0, {}), (1, {}), (1, DSR)],
                               ids=["local", "snat", "dsr"])
SHARED_PORT, TARGET = 30520, 5201

# Datagrams larger than a frame, there and back; how many came back whole. The first ones may be lost
# while the sender learns of a smaller path.
LARGE = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
good = 0
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(1)
    sock.connect((host, port))
    for number in range(40):
        text = f"{number} ".encode() + b"x" * (2000 + 150 * number)
        try:
            sock.send(text)
            good += sock.recv(65535).endswith(b" " + text)
        except (TimeoutError, OSError):
            pass
print(good)
"""

# Connects from one local port to several addresses at a time, and asks each for the pod's name.
SHARE = """
import socket, sys
own, host_ports = int(sys.argv[1]), sys.argv[2:]
held = []
for text in host_ports:
    host, _, port = text.rpartition("/")
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(3)
    sock.bind(("", own))
    sock.connect((host, int(port)))
    held.append(sock)
for _ in range(3):
    for sock in held:
        sock.send(b"GET /where HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        answer = sock.recv(4096).decode()
        while "client=" not in answer:
            answer += sock.recv(4096).decode()
        print(answer.split("client=")[1].strip())
"""


def serve(cluster, node, spec, family, **more):
    """The first pod behind NodePorts; the address of the node that is dialled, once it answers."""
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster, **spec, **more)
    address = cluster.nodes[node].addresses[family]
    wait_for(cluster.client, address, {"first"})
    return address


@WAYS
@FAMILIES
def test_datagrams_in_fragments_go_there_and_back(cluster, node, spec, family):
    address = serve(cluster, node, spec, family)
    system.wait_until(lambda: ask(cluster.client, address, UDP_NODE_PORT) == "first question", 8,
                      0.1, "an echo")
    good = int(cluster.client.python(LARGE, address, UDP_NODE_PORT, timeout=60))
    # Lost: what taught the sender the size, in each direction.
    assert good >= 36


@pytest.fixture
def narrow_between(cluster):
    """The way from the second node to the pods of the first takes 1400 bytes."""
    first, second = cluster.nodes[:2]
    rows = list(zip(first.pod_networks, first.addresses))
    system.ip(second.netns, *(f"route change {network} via {address} mtu lock 1400"
                              for network, address in rows))
    yield cluster
    system.ip(second.netns, *(f"route change {network} via {address}"
                              for network, address in rows))


@pytest.mark.parametrize("spec", [{}, DSR], ids=["snat", "dsr"])
@FAMILIES
def test_clients_learn_of_a_narrow_way_between_the_nodes(narrow_between, spec, family):
    """The client sends full segments, for it knows of no narrow link."""
    cluster = narrow_between
    address = serve(cluster, 1, spec, family)
    sent = "x" * 60000
    answer = cluster.client.python(
        "import socket, sys\n"
        "with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as sock:\n"
        "    sock.sendall(b'GET /' + sys.argv[3].encode() + b' HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
        "    print(sock.recv(64).split()[1].decode())\n", address, NODE_PORT, sent, timeout=30)
    # The whole request was read: the server found it too long, or no such page.
    assert answer in ("404", "414")


def iperf(cluster, address, *options):
    done = cluster.client.run("iperf3", "-c", address, "-p", str(SHARED_PORT), "--json", *options,
                              timeout=90)
    return json.loads(done.stdout)["end"]


@WAYS
@FAMILIES
def test_iperf_measures_tcp_and_udp_behind_one_port_number(cluster, node, spec, family):
    pod = cluster.nodes[0].pod
    server = pod.start("iperf3", "-s", "-p", str(TARGET))
    try:
        address = serve(cluster, node, spec, family, ports=[
            {"name": "http", "port": 80, "targetPort": 8080, "nodePort": NODE_PORT},
            {"name": "tcp", "port": TARGET, "targetPort": TARGET, "nodePort": SHARED_PORT},
            {"name": "udp", "port": TARGET, "targetPort": TARGET, "nodePort": SHARED_PORT,
             "protocol": "UDP"}])
        system.wait_until(lambda: cluster.client.run(
            "iperf3", "-c", address, "-p", str(SHARED_PORT), "-n", "1K", check=False,
            timeout=20).returncode == 0, 20, 0.2, "iperf3")
        # The server reads no more once it hears of the end, so what sockets hold is bounded.
        tcp = iperf(cluster, address, "-n", "110M", "-w", "256K")
        assert tcp["sum_sent"]["bytes"] >= 110 << 20
        assert tcp["sum_received"]["bytes"] >= 100 << 20
        # Datagrams that fit a frame on every way: encapsulation takes forty bytes.
        udp = iperf(cluster, address, "-u", "-b", "50M", "-n", "10M", "-l", "1300")["sum"]
        assert udp["packets"] >= 10000000 // 1300
        assert udp["lost_percent"] < 50  # a busy machine loses some; a wrong translation all
    finally:
        server.terminate()
        server.wait()


KNOT = """
server:
    rundir: "{folder}"
    pidfile: "{folder}/pid"
    listen: [ 0.0.0.0@5300, "::@5300" ]
database:
    storage: "{folder}"
log:
  - target: stderr
    any: error
zone:
  - domain: example.test
    file: "{folder}/zone"
    zonefile-load: whole
    journal-content: none
"""
ZONE = """$ORIGIN example.test.
$TTL 60
@ SOA ns root 1 60 60 60 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.80
"""


@pytest.fixture
def knot(cluster):
    folder = os.path.join(cluster.folder, "knot")
    os.makedirs(folder)
    for name, text in (("conf", KNOT.format(folder=folder)), ("zone", ZONE)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(text)
    server = cluster.nodes[0].pod.start("knotd", "-c", os.path.join(folder, "conf"))
    yield cluster
    server.terminate()
    server.wait()
    system.remove_folder(folder)


@WAYS
@FAMILIES
def test_dig_asks_a_name_server_behind_a_node_port_by_udp_and_tcp(knot, node, spec, family):
    cluster = knot
    address = serve(cluster, node, spec, family, ports=[
        {"name": "http", "port": 80, "targetPort": 8080, "nodePort": NODE_PORT},
        {"name": "dns", "port": 53, "targetPort": 5300, "nodePort": UDP_NODE_PORT,
         "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "targetPort": 5300, "nodePort": UDP_NODE_PORT}])

    def dig(*options):
        return cluster.client.run("dig", f"@{address}", "-p", str(UDP_NODE_PORT), "+short",
                                  "+time=2", "+tries=1", *options, "www.example.test", "A",
                                  check=False, timeout=20).stdout.strip()

    system.wait_until(lambda: dig() == "192.0.2.80", 10, 0.1, "an answer of knotd")
    assert dig("+tcp") == "192.0.2.80"
    assert dig("+notcp") == "192.0.2.80"


@WAYS
@FAMILIES
def test_clients_with_one_port_number_are_told_apart(cluster, node, spec, family):
    address = serve(cluster, node, spec, family)
    shared = 21000 + 10 * node + family + (5 if spec else 0)  # none that the kernel gives to others
    held = [client.start("/usr/bin/python3", "-c", SHARE, str(shared), f"{address}/{NODE_PORT}",
                         stdout=-1, text=True)
            for client in (cluster.client, cluster.other_client)]
    for process in held:
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 0 and len(output.split()) == 3


@FAMILIES
def test_case_95_one_client_port_reaches_a_pod_by_two_frontends_at_a_time(cluster, family):
    """The pod sees the client's address for both, and another port for the second."""
    address = serve(cluster, 0, {}, family, externalIPs=list(EXTERNAL))
    cluster.outside.lead(EXTERNAL[family], cluster.nodes[0])
    system.wait_until(lambda: cluster.client.curl(url(EXTERNAL[family], 80), timeout=1,
                                                  check=False).returncode == 0, 8, 0.1, "both")
    seen = cluster.client.python(SHARE, 22000 + family, f"{address}/{NODE_PORT}",
                                 f"{EXTERNAL[family]}/80", timeout=30).split()
    assert len(seen) == 6 and len(set(seen)) == 2
    host = cluster.client.addresses[family]
    assert {one.rpartition(":")[0].strip("[]") for one in seen} == {host}
