# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's names as pods and programs of the node ask for them: dig over UDP and TCP, and the
C library's resolver with the resolv.conf that beeline prints."""

import json
import os
import signal

import pytest

from asking import DNS, counters, dig, until
from lab import manifest
from objects import HTTP, VIP, WEB, put_service

NAMED = ({"name": "http", **HTTP},)

# Another server: answers A questions for *.example with 192.0.2.7, over UDP, and counts nothing.
UPSTREAM = r"""
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    query, peer = sock.recvfrom(2000)
    end = 12
    while query[end]:
        end += query[end] + 1
    end += 5
    known = query[12:end].lower().find(b"\x07example\x00\x00\x01") >= 0
    head = query[:2] + bytes([0x81, 0x80 if known else 0x83, 0, 1, 0, known, 0, 0, 0, 0])
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07"
    sock.sendto(head + query[12:end] + (record if known else b""), peer)
"""


@pytest.fixture
def node(lab):
    standing = lab.add_node()
    standing.web = [standing.add_pod(labels={"app": "web"}) for _ in range(2)]
    standing.client = standing.add_pod("client", serve=False, ports=())
    standing.start("/usr/bin/python3", "-I", "-c", UPSTREAM, "5300")
    standing.start_agent("--dns", "--dns-upstream", "127.0.0.1:5300")
    return standing


WEB_NAME = "web.default.svc.cluster.local."


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_pod_asks_the_service(lab, node, transport):
    put_service(lab, ports=NAMED)
    until(("NOERROR", [f"{WEB_NAME} A {VIP}"]), lambda: dig(node.client, WEB_NAME, "A", transport))
    assert dig(node.client, "_http._tcp." + WEB_NAME, "SRV", transport) == (
        "NOERROR", [f"_http._tcp.{WEB_NAME} SRV 0 100 80 {WEB_NAME}"])
    assert dig(node.client, "80.0.96.10.in-addr.arpa", "PTR", transport) == (
        "NOERROR", [f"80.0.96.10.in-addr.arpa. PTR {WEB_NAME}"])
    assert dig(node.client, "dns-version.cluster.local", "TXT", transport) == (
        "NOERROR", ['dns-version.cluster.local. TXT "1.1.0"'])
    assert dig(node.client, "none.default.svc.cluster.local", "A", transport) == ("NXDOMAIN", [])
    assert dig(node.client, WEB_NAME, "MX", transport) == ("NOERROR", [])


def test_node_asks_on_loopback(lab, node):
    put_service(lab, ports=NAMED)
    until(("NOERROR", [f"{WEB_NAME} A {VIP}"]),
          lambda: dig(node, WEB_NAME, server="127.0.0.1", port=10053))
    assert dig(node, WEB_NAME, server=DNS) == ("NOERROR", [f"{WEB_NAME} A {VIP}"])


def test_headless_records_follow_the_endpoints(lab, node):
    put_service(lab, "set", ports=NAMED, address="None")
    name = "set.default.svc.cluster.local."
    rows = [f"{name} A {pod.addresses[0]}" for pod in node.web]
    until(("NOERROR", sorted(rows)), lambda: dig(node.client, name))
    node.web[0].publish(ready=False)
    until(("NOERROR", rows[1:]), lambda: dig(node.client, name))
    node.web[1].withdraw()
    until(("NXDOMAIN", []), lambda: dig(node.client, name))
    node.web[0].publish()
    until(("NOERROR", rows[:1]), lambda: dig(node.client, name))
    put_service(lab, "set", ports=NAMED, address="None", publishNotReadyAddresses=True)
    node.web[0].publish(ready=False)
    until(("NOERROR", rows[:1]), lambda: dig(node.client, name))


def test_headless_records_take_turns(lab, node):
    put_service(lab, "set", ports=NAMED, address="None")
    name = "set.default.svc.cluster.local."
    until(2, lambda: len(dig(node.client, name)[1]))
    firsts = {node.client.output("dig", f"@{DNS}", "+short", name).splitlines()[0]
              for _ in range(6)}
    assert firsts == {pod.addresses[0] for pod in node.web}


def test_case_44_external_name_leads_outside(lab, node):
    put_service(lab, "out", ports=(), selector=None, address=None, type="ExternalName",
                externalName="www.example")
    name = "out.default.svc.cluster.local."
    until(("NOERROR", sorted([f"{name} CNAME www.example.", "www.example. A 192.0.2.7"])),
          lambda: dig(node.client, name))
    assert dig(node.client, "other.example") == ("NOERROR", ["other.example. A 192.0.2.7"])
    assert dig(node.client, "other.invalid")[0] == "NXDOMAIN"


def test_many_endpoints_are_truncated_and_come_over_tcp(lab, node):
    rows = [f"10.244.9.{number}" for number in range(1, 201)]
    put_service(lab, "many", ports=NAMED, selector=None, address="None")
    lab.publish("many.yaml", "apiVersion: v1\nkind: Endpoints\nmetadata: {name: many}\nsubsets:\n"
                "- ports: [{name: http, port: 80}]\n  addresses:\n"
                + "".join(f"  - {{ip: {row}}}\n" for row in rows))
    name = "many.default.svc.cluster.local."
    wanted = sorted(f"{name} A {row}" for row in rows)
    until(("NOERROR", wanted), lambda: dig(node.client, name))  # dig goes on over TCP by itself
    out = node.client.output("dig", f"@{DNS}", "+ignore", "+noall", "+comments", name)
    assert " tc" in out.split("flags:")[1].split(";")[0]


def resolve(member, folder, name):
    """Addresses that the C library finds with the file in `folder`."""
    done = member.run("unshare", "--mount", "/bin/sh", "-c",
                      'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf '
                      '&& exec getent ahostsv4 "$3"', "sh", os.path.join(folder, "resolv.conf"),
                      os.path.join(folder, "nsswitch.conf"), name, check=False)
    return sorted({line.split()[0] for line in done.stdout.splitlines()})


def test_c_library_searches_the_domains_of_the_pod(lab, node):
    put_service(lab, ports=NAMED)
    put_service(lab, "set", ports=NAMED, address="None")
    folder = node.folder
    text = node.output("beeline", "resolv-conf", "--pod", "client")
    assert text.splitlines()[0].startswith(
        "search default.svc.cluster.local svc.cluster.local cluster.local")
    assert f"nameserver {DNS}" in text and "options ndots:5" in text
    with open(os.path.join(folder, "resolv.conf"), "w", encoding="ascii") as out:
        out.write(text + "\n")
    with open(os.path.join(folder, "nsswitch.conf"), "w", encoding="ascii") as out:
        out.write("hosts: files dns\n")
    until([VIP], lambda: resolve(node.client, folder, "web"))
    for name in ("web.default", "web.default.svc", "web.default.svc.cluster.local"):
        assert resolve(node.client, folder, name) == [VIP], name
    assert resolve(node.client, folder, "set") == sorted(pod.addresses[0] for pod in node.web)
    assert resolve(node.client, folder, "kube-dns.kube-system") == [DNS]
    assert resolve(node.client, folder, "www.example") == ["192.0.2.7"]
    assert resolve(node.client, folder, "nothing") == []


def test_strangers_get_no_answer(lab, node):
    put_service(lab, ports=NAMED)
    stranger = lab.add_client("stranger")
    friend = lab.add_client("friend")
    node.agent.stop()
    node.start_agent("--dns", "--dns-listen", f"{node.addresses[0]}:10053", "--dns-allow",
                     f"{friend.addresses[0]}/32")
    until(("NOERROR", [f"{WEB_NAME} A {VIP}"]),
          lambda: dig(friend, WEB_NAME, server=node.addresses[0], port=10053))
    assert dig(node.client, WEB_NAME) == ("NOERROR", [f"{WEB_NAME} A {VIP}"])
    done = stranger.run("dig", f"@{node.addresses[0]}", "-p", "10053", "+time=1", "+tries=1",
                        WEB_NAME, check=False)
    assert done.returncode == 9, done.stdout  # no reply from the server
    assert counters(node)["not_allowed"] >= 1


def test_names_outlive_a_restart_of_the_agent(lab, node):
    put_service(lab, ports=NAMED)
    until(("NOERROR", [f"{WEB_NAME} A {VIP}"]), lambda: dig(node.client, WEB_NAME))
    node.agent.signal(signal.SIGKILL)
    node.start_agent("--dns", "--dns-upstream", "127.0.0.1:5300")
    assert dig(node.client, WEB_NAME) == ("NOERROR", [f"{WEB_NAME} A {VIP}"])


def test_pod_asks_over_ipv6(lab, node):
    put_service(lab, ports=NAMED)
    until(("NOERROR", [f"{WEB_NAME} A {VIP}"]),
          lambda: dig(node.client, WEB_NAME, server="fd00:10:96::a"))
    assert dig(node.client, WEB_NAME, "A", "+tcp", server="fd00:10:96::a")[0] == "NOERROR"


def test_kube_dns_of_the_user_comes_first(lab, node):
    def selector():
        done = node.run("beeline", "get", "service", "kube-dns", "-n", "kube-system", "-o", "json",
                        check=False)
        # The agent's own comes a moment after the user's has gone.
        return json.loads(done.stdout)["spec"].get("selector") if done.returncode == 0 else "gone"

    def slices():
        return json.loads(node.output("beeline", "get", "endpointslices", "-n", "kube-system",
                                      "-o", "json"))["items"]

    assert selector() is None and len(slices()) == 2
    lab.publish("kube-dns.yaml", manifest.service(
        "kube-dns", namespace="kube-system", selector={"app": "other"}, clusterIP=DNS,
        ports=[{"name": "dns", "port": 53, "protocol": "UDP"}]))
    until({"app": "other"}, selector)
    until([], slices)
    lab.withdraw("kube-dns.yaml")
    put_service(lab, ports=NAMED)
    until(None, selector)
    until(("NOERROR", [f"{WEB_NAME} A {VIP}"]), lambda: dig(node.client, WEB_NAME))
