# SPDX-License-Identifier: GPL-3.0-or-later
"""Load-balancer addresses in a cluster: one agent gives them and writes them into the status of
Services, and one node answers for each, by Leases."""

import concurrent.futures
import json
import os
import signal
import subprocess
import time

import pytest

from lab import cluster, manifest, system
from lab.traffic import answers
from objects import HTTP, READY, WEB
from test_outside_announce import mac, resolve

POOL = ("--load-balancer-pool", "192.168.77.240/29")
PORTS = [{"port": 8080, "protocol": "TCP"}]


def status(node):
    return json.loads(node.output("curl", "-sS", "--unix-socket", node.socket,
                                  "http://localhost/beeline/v1/status"))


def announced(node):
    return {row["address"]: row for row in status(node)["announced"]}


class Cluster:
    """Nodes with an agent each that follow the API server in the first of them."""

    def __init__(self, lab, count, *agent, lease_namespace="kube-system", start=True,
                 device="eth0"):
        self.lab = lab
        self.lease_namespace = lease_namespace
        self.nodes = [lab.add_node() for _ in range(count)]
        lab.neighbour = lab.add_client("neighbour")
        for node in self.nodes:
            node.pod = node.add_pod(f"pod-{node.index}", labels=WEB, publish=False)
            if device != "eth0":  # the server is reached by eth0
                lab.add_uplink(node, device, (f"192.168.77.{50 + node.index}",
                                              f"fd00:77::{50 + node.index}"))
        address = self.nodes[0].addresses[0]
        self.server = cluster.ApiServer(self.nodes[0], "--address", address)
        self.options = ("--device", device, *agent)
        for node in self.nodes:
            self.server.put_node(node.name)
        self.follow = {node: ("--kubeconfig", self.server.kubeconfig_of(node, address))
                       for node in self.nodes}
        if start:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                list(pool.map(self.start, self.nodes))

    def start(self, node, *more):
        node.start_agent(*self.follow[node], *self.options, *more)

    def put(self, name="web", pods=None, metadata=None, number=None, **spec):
        number = number or 80 + sum(name.encode()) % 100
        address = f"10.96.{number // 250}.{number % 250 + 1}"
        self.server.put(object=json.loads(manifest.service(name, **{
            "ports": [HTTP], "clusterIP": address, "type": "LoadBalancer",
            "clusterIPs": [address], "ipFamilies": ["IPv4"],
            "metadata": metadata or {}, **spec})))
        pods = [node.pod for node in self.nodes] if pods is None else pods
        self.server.put(object=json.loads(manifest.endpoint_slice(
            name, f"{name}-1", [(pod.addresses[0], pod.node.name, READY) for pod in pods], PORTS)))

    def ingress(self, name="web"):
        found = self.server.get(kind="Service", name=name, namespace="default")
        return [item["ip"] for item in
                found.get("status", {}).get("loadBalancer", {}).get("ingress", [])]

    def wait_for_address(self, name="web", timeout=30):
        system.wait_until(lambda: self.ingress(name), timeout, 0.1, f"an address of '{name}'")
        return self.ingress(name)[0]

    def lease(self, name):
        for item in self.server.all(kind="Lease")["items"]:
            meta = item["metadata"]
            if (meta["namespace"], meta["name"]) == (self.lease_namespace, name):
                return item
        return None

    def holder(self, name):
        found = self.lease(name)
        return found["spec"].get("holderIdentity") if found else None

    def leaders(self):
        return [node for node in self.nodes
                if node.agent.child.poll() is None and status(node)["clusterPool"]["leads"]]

    def wait_for_leader(self, timeout=30):
        system.wait_until(lambda: len(self.leaders()) == 1, timeout, 0.1, "one leader")
        return self.leaders()[0]

    def owners(self, address):
        return [node for node in self.nodes if node.agent and node.agent.child.poll() is None
                and announced(node).get(address, {}).get("state") == "here"]

    def wait_for_owner(self, address, among=None, timeout=30):
        among = among or self.nodes
        system.wait_until(lambda: [node for node in self.owners(address) if node in among]
                          and len(self.owners(address)) == 1, timeout, 0.1,
                          f"one node to answer for {address}")
        return self.owners(address)[0]

    def wait_for_owned(self, count, among=None, timeout=60):
        """Services whose addresses these nodes answer for, by their Leases."""
        system.wait_until(lambda: sum(status(node)["clusterPool"]["owned"]
                                      for node in among or self.nodes) == count, timeout, 0.1,
                          f"{count} Services with an owner")

    def events(self):
        return [(item["regarding"]["name"], item["type"], item["reason"], item["note"])
                for item in self.server.all(kind="Event")["items"]]

    def problems(self, *nodes):
        return " ".join(row["message"] for node in nodes or self.nodes
                        for row in status(node)["problems"])

    def put_count(self):
        return self.server.stats()["counts"].get("PUT leases", 0)


# Prints the sender of every ARP message on the link that says it has ADDRESS.
LISTEN = """
import signal, socket, sys
target = socket.inet_aton(sys.argv[1])
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
sock.bind(("eth0", 0x0806))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("listening", flush=True)
while True:
    frame = sock.recv(2048)
    if frame[28:32] == target:
        print(":".join(f"{byte:02x}" for byte in frame[22:28]), flush=True)
"""


class Recorder:
    """Who says on the link that he has an address."""

    def __init__(self, client, address):
        self.child = client.start("/usr/bin/python3", "-I", "-c", LISTEN, address,
                                  stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "listening\n"

    def stop(self):
        self.child.terminate()
        return self.child.communicate(timeout=20)[0].split()


@pytest.fixture
def pooled(lab):
    return lambda count, *agent: Cluster(lab, count, *POOL, *agent)


def test_one_agent_gives_addresses_and_one_node_answers_for_each(pooled, lab):
    found = pooled(3)
    names = ["one", "two", "three", "four"]
    for name in names:
        found.put(name)
    given = [found.wait_for_address(name) for name in names]
    assert len(set(given)) == 4 and all(ip.startswith("192.168.77.24") for ip in given)
    leader = found.wait_for_leader()
    assert found.holder("beeline-pool") == leader.name
    for name, address in zip(names, given):
        owner = found.wait_for_owner(address)
        assert found.holder(f"beeline-lb.default.{name}") == owner.name
        assert resolve(lab.neighbour, address) == [mac(owner)] * 4
        assert set(answers(lab.neighbour, address, 4)) <= {"pod-1", "pod-2", "pod-3"}
    assert sum(status(node)["clusterPool"]["owned"] for node in found.nodes) == 4
    assert status(leader)["clusterPool"]["written"] == 4
    assert sorted(found.events()) == sorted(
        (name, "Normal", "LoadBalancerAddress", f"the load-balancer address is {address}")
        for name, address in zip(names, given))
    assert not found.problems()
    # What was decided stays so.
    version = found.server.get(kind="Service", name="one", namespace="default")
    time.sleep(3)
    assert found.server.get(kind="Service", name="one", namespace="default") == version


def test_another_agent_goes_on_when_the_leader_is_gone(pooled):
    found = pooled(2)
    found.put("one")
    address = found.wait_for_address("one")
    leader = found.wait_for_leader()
    (other,) = (node for node in found.nodes if node is not leader)
    leader.agent.kill()
    system.wait_until(lambda: status(other)["clusterPool"]["leads"], 25, 0.1, "a new leader")
    found.put("two")
    assert found.wait_for_address("two") != address
    assert found.ingress("one") == [address]
    found.wait_for_owner(address, among=[other])
    found.wait_for_owner(found.ingress("two")[0], among=[other])


def test_an_outage_of_the_server_changes_nothing_of_who_answers(pooled, lab):
    found = pooled(2)
    found.put("one")
    address = found.wait_for_address("one")
    owner = found.wait_for_owner(address)
    found.server.stop()
    end = time.monotonic() + 15  # well beyond the Lease
    while time.monotonic() < end:
        assert resolve(lab.neighbour, address, 1) in ([mac(owner)], [])
        assert set(answers(lab.neighbour, address, 2)) <= {"pod-1", "pod-2"}
        time.sleep(1)
    assert found.owners(address) == [owner]
    assert not any(status(node)["clusterPool"]["leads"] for node in found.nodes)
    found.server.start()
    found.wait_for_leader()
    found.wait_for_owner(address)
    found.put("two")
    found.wait_for_address("two")


def test_policy_local_is_answered_where_its_endpoints_are(pooled, lab):
    found = pooled(3)
    first, second, _ = found.nodes
    found.put("local", pods=[second.pod], externalTrafficPolicy="Local", healthCheckNodePort=31000)
    address = found.wait_for_address("local")
    assert found.wait_for_owner(address) is second
    assert set(answers(lab.neighbour, address, 4)) == {"pod-2"}
    found.put("local", pods=[first.pod], externalTrafficPolicy="Local", healthCheckNodePort=31000,
              status={"loadBalancer": {"ingress": [{"ip": address}]}})
    assert found.wait_for_owner(address, among=[first]) is first
    assert resolve(lab.neighbour, address) == [mac(first)] * 4


def test_a_node_that_lost_its_link_leaves_its_addresses_to_others(lab):
    found = Cluster(lab, 2, *POOL, device="eth1")
    found.put("one")
    address = found.wait_for_address("one")
    owner = found.wait_for_owner(address)
    (other,) = (node for node in found.nodes if node is not owner)
    owner.run("ip", "link", "set", "eth1", "down")
    found.wait_for_owner(address, among=[other])
    assert found.holder("beeline-lb.default.one") == other.name
    # Back again, it leaves the address where it is.
    owner.run("ip", "link", "set", "eth1", "up")
    time.sleep(2)
    assert found.owners(address) == [other]


def test_an_agent_that_was_not_run_for_a_while_says_nothing_of_what_it_lost(lab):
    """What was asked meanwhile waits in its sockets; answers to that would lead astray."""
    found = Cluster(lab, 2, *POOL, "--lease-duration", "5")
    found.put("one")
    address = found.wait_for_address("one")
    owner = found.wait_for_owner(address)
    (other,) = (node for node in found.nodes if node is not owner)
    owner.agent.child.send_signal(signal.SIGSTOP)
    try:
        system.wait_until(lambda: announced(other)[address]["state"] == "here", 40, 0.1,
                          "another owner")
        assert set(resolve(lab.neighbour, address, 3)) == {mac(other)}
        assert answers(lab.neighbour, address, 1)
        record = Recorder(lab.neighbour, address)
    finally:
        owner.agent.child.send_signal(signal.SIGCONT)
    found.wait_for_owner(address, among=[other])
    assert set(resolve(lab.neighbour, address, 6)) == {mac(other)}
    assert set(record.stop()) <= {mac(other)}


def test_services_of_others_are_left_alone(pooled):
    found = pooled(1)
    foreign = {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}
    found.put("classy", loadBalancerClass="example.org/lb")
    found.put("foreign", status=foreign)
    found.put("internal", type="ClusterIP")
    found.put("one")
    found.wait_for_address("one")
    time.sleep(1)
    assert found.ingress("classy") == [] and found.ingress("internal") == []
    assert found.ingress("foreign") == ["203.0.113.7"]


def test_an_address_is_free_again_with_its_service(lab):
    found = Cluster(lab, 1, "--load-balancer-pool", "192.168.77.240/32")
    found.put("one")
    address = found.wait_for_address("one")
    found.put("two")
    system.wait_until(lambda: "service 'default/two' has no load-balancer address: no address is "
                      "free" in found.problems(), 10, 0.1, "a problem")
    assert ("two", "Warning", "NoLoadBalancerAddress", "no load-balancer address: no address is "
            "free in --load-balancer-pool") in found.events()
    found.server.delete(kind="Service", name="one", namespace="default")
    assert found.wait_for_address("two") == address
    system.wait_until(lambda: not found.problems(), 10, 0.1, "no problem")
    # A Service that needs none any more, on a server that leaves the status as it was.
    found.put("two", type="ClusterIP", status={"loadBalancer": {"ingress": [{"ip": address}]}})
    system.wait_until(lambda: not found.ingress("two"), 10, 0.1, "an empty status")
    system.wait_until(lambda: not found.holder("beeline-lb.default.two"), 10, 0.1, "no Lease")


def test_missing_rights_are_explained(pooled):
    found = pooled(1)
    found.server.forbid(method="PATCH", words="/status")
    found.put("one")
    system.wait_until(lambda: "'patch' on resource 'services/status'" in found.problems(), 20, 0.1,
                      "a problem")
    found.server.allow()
    found.wait_for_address("one")
    system.wait_until(lambda: not found.problems(), 10, 0.1, "no problem")
    found.server.forbid(method="PUT", words="/leases")
    system.wait_until(lambda: "on resource 'leases' in API group 'coordination.k8s.io'"
                      in found.problems(), 20, 0.1, "a problem")
    found.server.allow()
    system.wait_until(lambda: not found.problems(), 10, 0.1, "no problem")


def test_an_agent_renews_one_lease_however_many_services_it_answers_for(lab):
    """An agent cannot renew more often than every two seconds; a Lease for each of 40 Services that
    was renewed would be 20 writes a second. BEELINE_LB_SERVICES=500 pytest -s tells of more."""
    count = int(os.environ.get("BEELINE_LB_SERVICES", "40"))
    found = Cluster(lab, 2, "--load-balancer-pool", "192.168.80.0/21")
    for number in range(count):
        found.put(f"web-{number}", number=500 + number)
    found.wait_for_owned(count)
    before, since = found.put_count(), time.monotonic()
    time.sleep(8)
    written, seconds = found.put_count() - before, time.monotonic() - since
    assert all(status(node)["clusterPool"]["owned"] >= count // 10 for node in found.nodes)
    assert 2 <= written <= len(found.nodes) * (seconds / 2 + 2)
    print(f"\n{count} Services on {len(found.nodes)} nodes: {written / seconds:.1f} PUT/s of Leases")
    for how, ended, other in zip(("kill", "stop"), found.nodes, reversed(found.nodes)):
        since = time.monotonic()
        getattr(ended.agent, how)()
        found.wait_for_owned(count, among=[other])
        print(f"all on the other node {time.monotonic() - since:.1f} s after '{how}'")
        found.start(ended)


@pytest.mark.parametrize("option", [(), ("--on-stop", "release")], ids=["default", "release"])
def test_addresses_and_lead_go_over_at_once_when_an_agent_is_stopped(lab, option):
    """Long before the Lease is over, which takes a minute here."""
    found = Cluster(lab, 2, *POOL, "--lease-duration", "60", *option)
    names = ["one", "two", "three", "four"]
    for name in names:
        found.put(name)
    given = [found.wait_for_address(name) for name in names]
    for address in given:
        found.wait_for_owner(address)
    leader = found.wait_for_leader()
    (other,) = (node for node in found.nodes if node is not leader)
    assert leader.agent.stop() == 0
    since = time.monotonic()
    for address in given:
        found.wait_for_owner(address, among=[other], timeout=25)
        assert resolve(lab.neighbour, address, 2) == [mac(other)] * 2
    system.wait_until(lambda: status(other)["clusterPool"]["leads"], 25, 0.05, "a new leader")
    assert time.monotonic() - since < 25
    found.put("five")
    found.wait_for_address("five")
    assert [found.ingress(name)[0] for name in names] == given
    # It comes back, and leaves all where it is.
    found.start(leader)
    time.sleep(2)
    assert all(found.owners(address) == [other] for address in given)


@pytest.mark.parametrize("way", ["signal", "option"])
def test_addresses_stay_where_an_agent_is_restarted(lab, way):
    found = Cluster(lab, 2, *POOL, "--lease-duration", "60",
                    *(("--on-stop", "keep") if way == "option" else ()))
    found.put("one")
    address = found.wait_for_address("one")
    owner = found.wait_for_owner(address)
    claim = found.lease("beeline-lb.default.one")
    end = owner.agent.stop() if way == "option" else owner.agent.signal(signal.SIGUSR2)
    assert end == 0
    time.sleep(3)
    (other,) = (node for node in found.nodes if node is not owner)
    assert announced(other)[address]["state"] != "here"
    found.start(owner)
    assert found.wait_for_owner(address) is owner
    assert found.lease("beeline-lb.default.one") == claim


def test_a_stop_waits_no_longer_than_two_seconds_for_a_server_that_is_away(pooled):
    found = pooled(1)
    found.put("one")
    found.wait_for_owner(found.wait_for_address("one"))
    (node,) = found.nodes
    found.server.stop()
    assert node.agent.stop() == 0
    assert "the API server does not answer" in node.agent.read_log()


def test_a_new_leader_knows_what_was_given_though_its_watch_does_not_say_so(lab):
    """One address, given to a Service that the new leader has never heard of."""
    found = Cluster(lab, 2, "--load-balancer-pool", "192.168.77.240/32", "--lease-duration", "60",
                    start=False)
    first, second = found.nodes
    found.start(first)
    found.put("one")
    address = found.wait_for_address("one")
    found.server.withhold(client=second.addresses[0], kind="Service", name="one")
    found.start(second)
    assert first.agent.stop() == 0
    system.wait_until(lambda: status(second)["clusterPool"]["leads"], 30, 0.1, "a new leader")
    found.put("two")
    system.wait_until(lambda: "service 'default/two' has no load-balancer address"
                      in found.problems(second), 20, 0.1, "a problem")
    assert found.ingress("one") == [address] and found.ingress("two") == []


def test_leases_are_where_they_are_said_to_be(lab):
    found = Cluster(lab, 1, *POOL, "--lease-namespace", "beeline", lease_namespace="beeline")
    found.put("one")
    found.wait_for_owner(found.wait_for_address("one"))
    (node,) = found.nodes
    assert found.holder("beeline-pool") == node.name
    assert {item["metadata"]["namespace"] for item in found.server.all(kind="Lease")["items"]} == {
        "beeline"}


def test_leases_of_a_service_that_is_gone_go_with_it(pooled):
    found = pooled(2)
    found.put("one")
    found.wait_for_owner(found.wait_for_address("one"))
    found.server.delete(kind="Service", name="one", namespace="default")
    system.wait_until(lambda: found.lease("beeline-lb.default.one") is None, 20, 0.1, "no Lease")
