# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of DNS: sockets of all kinds through the hooks, sources and marks, odd messages."""

import json
import socket
import struct

import pytest

from asking import DNS, DNS6, counters, dig, until
from lab import system
from lab.traffic import RemoteSocket
from objects import VIP, put_service

NAME = "web.default.svc.cluster.local."
MARK = 0x626C70

# Questions over one TCP connection as fast as they are taken, until the server has had enough.
FLOOD = """
import socket, struct, sys, threading
query = bytes.fromhex(sys.argv[2])
with socket.create_connection((sys.argv[1], 53)) as sock:
    def read():
        try:
            while sock.recv(1 << 20): pass
        except OSError: pass
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(2000):
            sock.sendall((struct.pack(">H", len(query)) + query) * 100)
        print("all taken")
    except OSError as error:
        print("ended")
    sock.close()
    reader.join()
"""


@pytest.fixture
def node(lab, node_with_names):
    standing = node_with_names()
    put_service(lab)
    until(("NOERROR", [f"{NAME} A {VIP}"]), lambda: dig(standing.client, NAME))
    return standing


def question(name=NAME, number=1, identity=0x1234):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return struct.pack(">HHHHHH", identity, 0x0100, 1, 0, 0, 0) + labels + struct.pack(
        ">BHH", 0, number, 1)


def last_address(answer):
    assert answer[:2] == b"\x12\x34" and answer[3] & 0x0F == 0, answer
    return socket.inet_ntoa(answer[-4:])


@pytest.mark.parametrize("family, server", [("ipv4", DNS), ("ipv6", DNS6)])
def test_every_kind_of_socket_talks_to_the_service(node, family, server):
    with RemoteSocket(node.client, family, "udp") as sock:  # connected, as the C library's
        sock.connect((server, 53))
        sock.send(question())
        assert last_address(sock.recv(600)) == VIP
        assert sock.getpeername()[:2] == (server, 53)
    with RemoteSocket(node.client, family, "udp") as sock:  # unconnected, as dig's and musl's
        for _ in range(3):
            sock.sendto(question(), (server, 53))
            answer, source = sock.recvfrom(600)
            assert last_address(answer) == VIP and source[:2] == (server, 53)
    with RemoteSocket(node.client, family, "tcp") as sock:
        sock.connect((server, 53))
        sock.sendall(struct.pack(">H", len(question())) + question())
        answer = sock.recv(600)
        assert last_address(answer[2:]) == VIP
        assert sock.getpeername()[:2] == (server, 53)


def test_queries_reach_the_agent_of_the_node_and_nobody_else(lab):
    nodes = [lab.add_node() for _ in range(2)]
    for node in nodes:
        node.client = node.add_pod(f"client-{node.index}", serve=False, ports=())
        node.start_agent("--dns", "--dns-upstream", "127.0.0.1:5300")
    put_service(lab)
    for node, other in (nodes, nodes[::-1]):
        until(("NOERROR", [f"{NAME} A {VIP}"]), lambda node=node: dig(node.client, NAME))
        before = counters(node)["udp"], counters(other)["udp"]
        for _ in range(10):
            dig(node.client, NAME)
        assert (counters(node)["udp"], counters(other)["udp"]) == (before[0] + 10, before[1])


def test_one_source_port_is_used_again_and_again(node):
    told = node.client.python("""
import socket, sys
query, good = bytes.fromhex(sys.argv[2]), 0
for _ in range(100):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 5555))
        sock.settimeout(2)
        sock.sendto(query, (sys.argv[1], 53))
        good += sock.recv(600)[-4:] == socket.inet_aton(sys.argv[3])
print(good)
""", DNS, question().hex(), VIP)
    assert told == "100"


def test_search_domains_cost_no_question_to_upstreams(node):
    before = counters(node)
    assert node.client.output("getent", "ahosts", "www.example.org").split()[0] in \
        node.outside.addresses
    after = counters(node)
    # A and AAAA of three search domains and of the name itself.
    assert after["udp"] - before["udp"] == 8
    assert after["forwarded"] - before["forwarded"] == 2
    assert node.client.output("getent", "ahostsv4", "web").split()[0] == VIP
    assert counters(node)["forwarded"] == after["forwarded"]
    # The second time the answers are kept.
    node.client.output("getent", "ahosts", "www.example.org")
    assert counters(node)["forwarded"] == after["forwarded"]
    assert counters(node)["cached"] == after["cached"] + 2


def test_no_address_of_a_family_is_no_data_and_no_endpoint_is_no_name(lab, node):
    def ask(name, kind):
        out = node.client.output("dig", f"@{DNS}", "+noall", "+comments", "+answer", "+authority",
                                 name, kind)
        rows = [line.split() for line in out.splitlines() if line and line[0] != ";"]
        return out.split("status: ")[1].split(",")[0], [(row[1], row[3]) for row in rows]

    put_service(lab, "set", address="None")
    name = "set.default.svc.cluster.local"
    until(("NOERROR", [("5", "A")] * 2), lambda: ask(name, "A"))
    assert ask(name, "AAAA") == ("NOERROR", [("5", "SOA")])
    assert ask(NAME, "AAAA") == ("NOERROR", [("5", "SOA")])
    for pod in node.web:
        pod.publish(ready=False)
    for kind in ("A", "AAAA"):
        until(("NXDOMAIN", [("5", "SOA")]), lambda kind=kind: ask(name, kind))
    assert ask("absent.default.svc.cluster.local", "A") == ("NXDOMAIN", [("5", "SOA")])


def test_questions_to_upstreams_carry_the_mark_of_the_agent(node):
    rules = ("table inet seen { chain out { type filter hook output priority 0; "
             f"meta mark {MARK} udp dport 53 counter; udp dport 53 counter; }}; }}\n")
    node.run("nft", "-f", "-", text=rules)
    before = counters(node)["forwarded"]
    assert dig(node.client, "www.example.org")[0] == "NOERROR"
    assert counters(node)["forwarded"] > before
    rows = json.loads(node.output("nft", "-j", "list", "table", "inet", "seen"))["nftables"]
    marked, both = [expression["counter"]["packets"] for row in rows if "rule" in row
                    for expression in row["rule"]["expr"] if "counter" in expression]
    assert marked == both >= 1


def test_listener_follows_the_address_of_the_node(node):
    def endpoints():
        rows = json.loads(node.beeline("get", "endpointslices", "-n", "kube-system", "-o",
                                       "json").stdout)["items"]
        return sorted(row["endpoints"][0]["addresses"][0] for row in rows)

    first = ["10.244.1.1", "fd00:10:244:1::1"]
    until(first, endpoints)
    node.run("ip", "addr", "add", "10.244.0.1/32", "dev", "pods0")
    until(["10.244.0.1", "fd00:10:244:1::1"], endpoints)
    assert dig(node.client, NAME) == ("NOERROR", [f"{NAME} A {VIP}"])
    assert dig(node.client, NAME, server="10.244.0.1", port=10053)[0] == "NOERROR"
    node.run("ip", "addr", "del", "10.244.0.1/32", "dev", "pods0")
    until(first, endpoints)
    for transport in ("+notcp", "+tcp"):
        assert dig(node.client, NAME, "A", transport) == ("NOERROR", [f"{NAME} A {VIP}"])
    assert json.loads(node.beeline("status", "-o", "json").stdout)["problems"] == []


def test_who_may_ask_changes_with_the_configuration(lab, node):
    stranger = lab.add_client("stranger")
    server = node.addresses[0]

    def hears():
        return stranger.run("dig", f"@{server}", "-p", "10053", "+time=1", "+tries=1", NAME,
                            check=False).returncode == 0

    for allowed in ([], ["--dns-allow", f"{stranger.addresses[0]}/32"], ["--dns-allow",
                                                                        "192.168.77.64/26"], []):
        node.agent.stop()
        node.start_agent("--dns", "--dns-listen", f"{server}:10053", *allowed)
        system.wait_until(lambda: dig(node.client, NAME)[0] == "NOERROR", 5, 0.1, "the answer")
        assert hears() == bool(allowed), allowed
    # What is no address of the node's any more may not ask either.
    node.run("ip", "addr", "add", "192.168.77.50/24", "dev", "eth0")
    own = ["dig", "-b", "192.168.77.50", f"@{server}", "-p", "10053", "+time=1", "+tries=1", NAME]
    system.wait_until(lambda: node.run(*own, check=False).returncode == 0, 5, 0.1, "the answer")


def test_too_many_questions_over_tcp_end_the_connection(node):
    before = counters(node)["limited"]
    assert node.client.python(FLOOD, DNS, question().hex(), timeout=60) == "ended"
    assert counters(node)["limited"] > before
    # A second later the client is welcome again.
    until(("NOERROR", [f"{NAME} A {VIP}"]), lambda: dig(node.client, NAME))


@pytest.mark.parametrize("options, status", [
    (["+edns=1", "+noednsneg"], "BADVERS"), (["+edns=0", "+bufsize=512"], "NOERROR"),
    (["+noedns"], "NOERROR"), (["+nsid"], "NOERROR"), (["+cookie"], "NOERROR"),
    (["+dnssec"], "NOERROR"), (["-c", "CH"], "REFUSED"), (["-c", "HS"], "REFUSED"),
    (["+opcode=STATUS"], "NOTIMP"), (["+opcode=NOTIFY"], "NOTIMP"),
    (["+header-only"], "FORMERR"), (["+subnet=192.0.2.0/24"], "NOERROR"),
])
def test_odd_questions_get_their_codes(node, options, status):
    for transport in ("+notcp", "+tcp"):
        out = node.client.output("dig", f"@{DNS}", "+time=2", "+tries=1", transport, *options, NAME)
        assert f"status: {status}" in out, out


def test_zone_is_not_given_away(node):
    for kind in ("AXFR", "IXFR=1"):
        out = node.client.run("dig", f"@{DNS}", "+time=2", "+tries=1", "cluster.local", kind,
                              check=False).stdout
        assert "Transfer failed" in out and VIP not in out


def test_any_is_answered_with_little(node):
    rows = dig(node.client, NAME, "ANY", "+notcp")
    assert rows == ("NOERROR", [f'{NAME} HINFO "RFC8482" ""'])


def test_spelling_of_the_question_comes_back(node):
    spelt = "wEb.DeFAULT.sVc.CLUSTER.local."
    assert dig(node.client, spelt) == ("NOERROR", [f"{spelt} A {VIP}"])
    assert dig(node.client, "WWW.exAMPLE.org.")[1] == [
        f"WWW.exAMPLE.org. A {node.outside.addresses[0]}"]


def test_kdig_agrees(node):
    out = node.client.output("kdig", f"@{DNS}", "+short", NAME)
    assert out == VIP
    assert node.client.output("kdig", f"@{DNS}", "+tcp", "+short", "-x", VIP) == NAME
    assert "status: NXDOMAIN" in node.client.output("kdig", f"@{DNS}", "absent." + NAME)


def test_reverse_zone_has_an_authority_whose_serial_grows(lab, node):
    def serial(zone):
        rows = dig(node.client, zone, "SOA")[1]
        assert len(rows) == 1 and rows[0].startswith(f"{zone}. SOA ns.dns.cluster.local. "), rows
        return int(rows[0].split()[4])

    before = serial("cluster.local")
    assert serial("96.10.in-addr.arpa") == before
    put_service(lab, "more", address="10.96.0.99")
    until("NOERROR", lambda: dig(node.client, "more.default.svc.cluster.local")[0])
    assert serial("96.10.in-addr.arpa") == serial("cluster.local") > before
