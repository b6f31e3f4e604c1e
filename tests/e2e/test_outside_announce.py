# SPDX-License-Identifier: GPL-3.0-or-later
"""Load-balancer addresses on a segment that clients share with the nodes: who answers ARP and
neighbour discovery for them."""

import json
import signal

import pytest

from lab import system
from objects import WEB, drop_service, put_service
from outside import LOCAL, put_node_port, status, url, wait_for

POOLS = ("192.168.77.240/29", "fd00:77::f0/125")
POOL = [word for pool in POOLS for word in ("--load-balancer-pool", pool)]
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])

# Asks the link COUNT times who has ADDRESS, as arping(8) and ndisc6(8) do, and prints each answer's
# MAC. Another than the first is waited for after the last question above all: one that comes late is
# read after the next. A question about an IPv6 address is whole, with its checksum made by the kernel.
RESOLVE = """
import socket, struct, sys, time
address, count = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
    sock.bind(("eth0", 0))
    own = sock.getsockname()[4]
def text(raw):
    return ":".join(f"{byte:02x}" for byte in raw)
def arp():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
    sock.bind(("eth0", 0x0806))
    target = socket.inet_aton(address)
    source = socket.inet_aton(sys.argv[3])
    for left in reversed(range(count)):
        sock.send(b"\\xff" * 6 + own + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + own
                  + source + bytes(6) + target)
        end = time.monotonic() + 0.4
        sock.settimeout(0.4)
        try:
            while time.monotonic() < end:
                frame = sock.recv(2048)
                if frame[20:22] == b"\\0\\2" and frame[28:32] == target and frame[:6] == own:
                    print(text(frame[22:28]))
                    if left:
                        end = time.monotonic() + 0.05
                        sock.settimeout(0.05)
        except TimeoutError:
            pass
def neighbour():
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    target = socket.inet_pton(socket.AF_INET6, address)
    index = socket.if_nametoindex("eth0")
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    sock.bind((sys.argv[3], 0, 0, 0))
    group = "ff02::1:ff" + f"{target[13]:02x}:{target[14]:02x}{target[15]:02x}"
    for left in reversed(range(count)):
        sock.sendto(struct.pack("!BBHI", 135, 0, 0, 0) + target + b"\\1\\1" + own,
                    (group, 0, 0, index))
        end = time.monotonic() + 0.4
        sock.settimeout(0.4)
        try:
            while time.monotonic() < end:
                message, _ = sock.recvfrom(2048)
                if message[0] == 136 and message[8:24] == target and message[4] & 0x40:
                    print(text(message[26:32]))
                    if left:
                        end = time.monotonic() + 0.05
                        sock.settimeout(0.05)
        except TimeoutError:
            pass
neighbour() if ":" in address else arp()
"""


def put_balancer(lab, **spec):
    spec.setdefault("type", "LoadBalancer")
    put_node_port(lab, **spec)


def announced(node):
    return {row["address"]: row for row in status(node)["announced"]}


def addresses(node, name="web"):
    found = json.loads(node.beeline("get", "service", name, "-o", "json").stdout)
    return [item["ip"] for item in found["status"]["loadBalancer"]["ingress"]]


def mac(node, device="eth0"):
    return json.loads(node.output("ip", "-j", "link", "show", device))[0]["address"]


def resolve(client, address, count=4):
    """MACs that answered, in order."""
    return client.python(RESOLVE, address, count, client.addresses[":" in address]).split()


def wait_for_owner(nodes, address, timeout=15):
    """The one node that says it answers for the address."""
    owners = []

    def settled():
        owners[:] = [node for node in nodes
                     if announced(node).get(address, {}).get("state") == "here"]
        return len(owners) == 1

    system.wait_until(settled, timeout, 0.05, f"one node to answer for {address}")
    return owners[0]


@pytest.fixture
def segment(outside_nodes, lab):
    """Builds nodes with a pool, and a client on their wire; each node has a pod 'pod-N'."""
    def build(count, *agent):
        nodes = outside_nodes(count, *POOL, *agent)
        lab.neighbour = lab.add_client("neighbour")
        for node in nodes:
            node.pod = node.add_pod(f"pod-{node.index}", labels=WEB)
        return nodes
    return build


def test_exactly_one_node_answers_arp_and_neighbour_discovery_for_an_address(segment, lab):
    nodes = segment(3)
    put_balancer(lab)
    system.wait_until(lambda: announced(nodes[0]), 5, 0.05, "addresses")
    for address in addresses(nodes[0]):
        owner = wait_for_owner(nodes, address)
        assert resolve(lab.neighbour, address, 6) == [mac(owner)] * 6
        wait_for(lab.neighbour, address, ["pod-1", "pod-2", "pod-3"], 80)
        others = [announced(node)[address] for node in nodes if node is not owner]
        assert [row["holder"] for row in others] == [mac(owner)] * 2


@FAMILIES
def test_another_node_takes_an_address_over_when_the_owners_agent_is_gone(segment, lab, family):
    """By then its own pods serve on; the new owner sends to them, too."""
    nodes = segment(2)
    put_balancer(lab)
    system.wait_until(lambda: announced(nodes[0]), 5, 0.05, "addresses")
    address = addresses(nodes[0])[family]
    owner = wait_for_owner(nodes, address)
    wait_for(lab.neighbour, address, ["pod-1", "pod-2"], 80)
    (other,) = (node for node in nodes if node is not owner)
    owner.agent.kill()
    system.wait_until(lambda: announced(other)[address]["state"] == "here", 15, 0.1, "a new owner")
    assert resolve(lab.neighbour, address) == [mac(other)] * 4
    wait_for(lab.neighbour, address, ["pod-1", "pod-2"], 80)
    # Back again, it leaves the address where it is: connections would break.
    owner.start_agent("--device", "eth0", *POOL)
    system.wait_until(lambda: announced(owner).get(address, {}).get("state") == "elsewhere", 10,
                      0.1, "the first owner to step back")
    assert resolve(lab.neighbour, address) == [mac(other)] * 4


def test_another_node_takes_an_address_over_at_once_when_the_owners_agent_is_stopped(segment, lab):
    """Long before it was silent for three intervals, which are half a minute here."""
    nodes = segment(2, "--announce-interval", "10")
    put_balancer(lab)
    system.wait_until(lambda: announced(nodes[0]), 5, 0.05, "addresses")
    given = addresses(nodes[0])
    for address in given:
        wait_for_owner(nodes, address)
    nodes[0].agent.stop()
    for address in given:
        system.wait_until(lambda address=address: announced(nodes[1])[address]["state"] == "here",
                          15, 0.05, f"the other to answer for {address}")
        assert resolve(lab.neighbour, address) == [mac(nodes[1])] * 4


def test_an_agent_that_is_restarted_keeps_its_addresses(segment, lab):
    nodes = segment(2, "--announce-interval", "5")
    put_balancer(lab)
    system.wait_until(lambda: announced(nodes[0]), 5, 0.05, "addresses")
    owners = {address: wait_for_owner(nodes, address) for address in addresses(nodes[0])}
    for node in nodes:
        assert node.agent.signal(signal.SIGUSR2) == 0
        node.start_agent(*node.agent.options)
        for address, owner in owners.items():
            assert wait_for_owner(nodes, address) is owner
            assert set(resolve(lab.neighbour, address)) == {mac(owner)}


def test_under_policy_local_a_node_with_an_endpoint_answers(segment, lab):
    nodes = segment(2)
    nodes[0].pod.withdraw()
    put_balancer(lab, **LOCAL)
    system.wait_until(lambda: announced(nodes[0]), 5, 0.05, "addresses")
    for family, address in enumerate(addresses(nodes[0])):
        assert wait_for_owner(nodes, address) is nodes[1]
        wait_for(lab.neighbour, address, ["pod-2"], 80)
        seen = lab.neighbour.curl(url(address, 80, "/where")).split()[2]
        assert lab.neighbour.addresses[family] in seen
    nodes[0].pod.publish()
    nodes[1].pod.withdraw()
    for address in addresses(nodes[0]):
        system.wait_until(lambda: announced(nodes[0])[address]["state"] == "here", 10, 0.05,
                          "the node of the endpoint to answer")
        assert announced(nodes[1])[address]["state"] == "idle"
        wait_for(lab.neighbour, address, ["pod-1"], 80)


def test_an_address_that_a_service_gave_up_is_answered_no_more(segment, lab):
    (node,) = segment(1)
    put_balancer(lab)
    system.wait_until(lambda: announced(node), 5, 0.05, "addresses")
    for address in addresses(node):
        wait_for_owner([node], address)
    held = addresses(node)
    put_balancer(lab, type="NodePort")
    system.wait_until(lambda: not announced(node), 5, 0.05, "the addresses to go")
    for address in held:
        system.wait_until(lambda address=address: not resolve(lab.neighbour, address, 2), 5, 0.05,
                          f"no answers for {address}")


def test_an_address_that_a_machine_has_is_left_to_it(segment, lab):
    """Such as one of a pool that was given out by hand: answers of two would cut both off."""
    (node,) = segment(1)
    stranger = lab.add_client("stranger")
    system.ip(stranger.netns, *(f"addr add {address} dev eth0{' nodad' if ':' in address else ''}"
                                for address in ("192.168.77.244/24", "fd00:77::f4/64")))
    put_balancer(lab, loadBalancerIP="192.168.77.244", ipFamilies=["IPv4"],
                 ipFamilyPolicy="SingleStack", clusterIPs=None)
    system.wait_until(lambda: announced(node).get("192.168.77.244", {}).get("state") ==
                      "elsewhere", 8, 0.05, "the node to step back")
    assert announced(node)["192.168.77.244"]["holder"] == mac(stranger)
    assert resolve(lab.neighbour, "192.168.77.244") == [mac(stranger)] * 4
    stranger.run("ip", "addr", "del", "192.168.77.244/24", "dev", "eth0")
    wait_for_owner([node], "192.168.77.244")


def test_agents_that_share_a_pool_give_the_same_addresses(segment, lab):
    """Six Services in six addresses, so that each gets another's first choice, read in different
    orders: one agent sees them come one by one, the other all at once after a start."""
    nodes = segment(2, "--load-balancer-pool-shared")
    names = [f"web-{number}" for number in range(6)]
    nodes[1].agent.stop()
    nodes[1].run("rm", "-f", f"{nodes[1].state}/load-balancers.json")
    for name in names:
        put_service(lab, name, type="LoadBalancer", address=None)
        system.wait_until(lambda name=name: known(nodes[0], name), 5, 0.05, f"an address of {name}")
    nodes[1].start_agent("--device", "eth0", *POOL, "--load-balancer-pool-shared")
    system.wait_until(lambda: all(known(nodes[1], name) for name in names), 5, 0.05, "addresses")
    given = [[addresses(node, name)[0] for name in names] for node in nodes]
    assert given[0] == given[1] and len(set(given[0])) == 6
    for address in given[0]:
        wait_for(lab.neighbour, address, ["pod-1", "pod-2"], 80)


def known(node, name):
    done = node.beeline("get", "service", name, "-o", "json", check=False)
    status_of = json.loads(done.stdout)["status"] if done.returncode == 0 else {}
    return status_of.get("loadBalancer", {}).get("ingress", [])


def test_a_service_that_found_no_address_gets_the_next_that_is_free(segment, lab):
    (node,) = segment(1)
    names = [f"web-{number}" for number in range(7)]
    for name in names:
        put_service(lab, name, type="LoadBalancer", address=None)
    system.wait_until(lambda: sum(bool(known(node, name)) for name in names) == 6, 5, 0.05,
                      "six Services with an address")
    (waiting,) = (name for name in names if not known(node, name))
    (problem,) = status(node)["problems"]
    assert f"service 'default/{waiting}' has no load-balancer address" in problem["message"]
    gone = next(name for name in names if name != waiting)
    freed = known(node, gone)[0]["ip"]
    drop_service(lab, gone)
    system.wait_until(lambda: known(node, waiting), 5, 0.05, "its address")
    assert known(node, waiting)[0]["ip"] == freed
    assert status(node)["problems"] == []
    wait_for(lab.neighbour, freed, ["pod-1"], 80)


def test_nothing_is_answered_when_announcing_is_switched_off(segment, lab):
    (node,) = segment(1, "--no-announce")
    put_balancer(lab)
    system.wait_until(lambda: addresses(node), 5, 0.05, "addresses")
    assert announced(node) == {}
    assert [resolve(lab.neighbour, address, 3) for address in addresses(node)] == [[], []]
