# SPDX-License-Identifier: GPL-3.0-or-later
"""UDP clients that keep one socket and one source port while pods come and go."""

import errno
import time

import pytest

from lab import system
from lab.traffic import RemoteSocket, wait_for_answers
from objects import HTTP, NODE_PORT, UDP, VIP, WEB, put_service

SOURCE_PORT = 12345
BOUND = 3.0  # seconds until a client must have moved to another pod


class UdpClient:
    """Asks again and again from one source port, as 'nc -u -p' in a loop does."""

    def __init__(self, member, target, connected):
        self.member = member
        self.target = target
        self.connected = connected
        self.reopened = -1
        self.asked = 0
        self.open()

    def open(self):
        self.sock = RemoteSocket(self.member, timeout=0.3)
        self.sock.bind(("0.0.0.0", SOURCE_PORT))
        self.reopened += 1
        if self.connected:
            self.sock.connect(self.target)

    def send(self, text):
        if self.connected:
            self.sock.send(text)
        else:
            self.sock.sendto(text, self.target)

    def receive(self):
        if self.connected:
            return self.sock.recv(100)
        data, peer = self.sock.recvfrom(100)
        assert tuple(peer) == self.target, "the answer came from elsewhere"
        return data

    def ask(self):
        """The pod that answered; None: nobody."""
        self.asked += 1
        question = str(self.asked).encode()
        try:
            self.send(question)
            data = self.receive()
            while data.split()[1] != question:  # late answers to what was given up
                data = self.receive()
        except OSError as error:
            assert error.errno in (errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ECONNABORTED,
                                   errno.EDESTADDRREQ, errno.ENOTCONN, errno.EPIPE,
                                   errno.ENETUNREACH), error
            if error.errno not in (errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ENETUNREACH):
                self.close()
                try:
                    self.open()
                except ConnectionRefusedError:
                    pass
            return None
        return data.decode().split()[0]

    def wait_for(self, pod, bound=BOUND):
        started = time.monotonic()
        system.wait_until(lambda: self.ask() == pod, bound, 0.05, f"an answer of '{pod}'")
        return time.monotonic() - started

    def close(self):
        self.sock.close()


CONNECTED = pytest.mark.parametrize("connected", [False, True], ids=["unconnected", "connected"])


def cycle(node, client):
    """The first pod goes, a second takes its place; the client must follow."""
    first = node.add_pod("first", labels=WEB)
    client.wait_for("first")
    second = node.add_pod("second", labels=WEB)
    first.withdraw()
    client.wait_for("second")
    first.stop()
    client.sock.settimeout(5)
    for _ in range(3):
        assert client.ask() == "second"
    client.sock.settimeout(0.3)
    third = node.add_pod("third", labels=WEB)
    second.stop()
    second.withdraw()
    client.wait_for("third")
    assert third.name == "third"


def put_udp(lab, node):
    put_service(lab, type="NodePort", ports=[{**UDP, "nodePort": NODE_PORT},
                                             {"name": "http", **HTTP}][:1])
    # A service without endpoints refuses, so connecting has to wait for the first of them.
    starter = node.add_pod("starter", labels=WEB)
    with RemoteSocket(node.client, timeout=0.3) as sock:
        def answered():
            try:
                sock.sendto(b"x", (VIP, UDP["port"]))
                return sock.recvfrom(100)
            except OSError:
                return None
        system.wait_until(answered, 5, 0.05, "the service")
    return starter


def run_cycle(node, lab, member, target, connected):
    starter = put_udp(lab, node)
    client = UdpClient(member, target, connected)
    client.wait_for("starter")
    starter.withdraw()
    try:
        cycle(node, client)
    finally:
        client.close()


@CONNECTED
def test_case_75_udp_client_follows_when_the_pod_cycles_behind_a_node_port(one_node, lab, connected):
    node = one_node(pods=0)
    run_cycle(node, lab, node.client, (node.addresses[0], NODE_PORT), connected)


@CONNECTED
def test_case_76_udp_client_follows_when_the_pod_cycles_behind_a_cluster_ip(one_node, lab,
                                                                           connected):
    node = one_node(pods=0)
    run_cycle(node, lab, node.client, (VIP, 53), connected)


@CONNECTED
def test_case_77_host_network_udp_client_follows_when_the_pod_cycles(one_node, lab, connected):
    node = one_node(pods=0)
    client = node.add_host_pod("host-client", ports=())
    run_cycle(node, lab, client, (VIP, 53), connected)


def test_case_78_unready_endpoint_gets_udp_as_soon_as_it_is_ready(one_node, lab):
    node = one_node(pods=0)
    pod = node.add_pod("late", labels=WEB, publish=False)
    pod.publish(ready=False)
    put_service(lab, ports=[UDP])
    client = UdpClient(node.client, (VIP, 53), connected=False)
    try:
        for _ in range(4):
            assert client.ask() is None
        pod.publish(ready=True)
        client.wait_for("late")
    finally:
        client.close()


@CONNECTED
def test_case_80_udp_client_follows_a_changed_target_port(one_node, lab, connected):
    node = one_node(pods=0)
    pod = node.add_pod("pod", labels=WEB, serve=False)
    pod.serve("old", udp=[5353])
    pod.serve("new", udp=[5354])
    spec = {"type": "NodePort"}
    put_service(lab, ports=[{**UDP, "nodePort": NODE_PORT}], **spec)
    target = (node.addresses[0], NODE_PORT)
    with RemoteSocket(node.client, timeout=0.3) as sock:
        def refused():
            try:
                sock.sendto(b"x", target)
                return sock.recvfrom(100)
            except OSError:
                return None
        system.wait_until(refused, 5, 0.05, "the service")
    client = UdpClient(node.client, target, connected)
    try:
        client.wait_for("old")
        put_service(lab, ports=[{**UDP, "nodePort": NODE_PORT, "targetPort": 5354}], **spec)
        client.wait_for("new")
    finally:
        client.close()


def test_unconnected_socket_keeps_one_backend_for_each_frontend(one_node, lab):
    node = one_node(pods=4)
    put_service(lab, "one", ports=[UDP], address="10.96.0.11")
    put_service(lab, "two", ports=[UDP], address="10.96.0.12")
    with RemoteSocket(node.client, timeout=5) as sock:
        def ask(address):
            try:
                sock.sendto(b"x", (address, 53))
                data, peer = sock.recvfrom(100)
            except OSError:
                return None
            assert peer == (address, 53)
            return data
        first = [system.wait_until(lambda a=address: ask(a), 5, 0.05, "an answer")
                 for address in ("10.96.0.11", "10.96.0.12")]
        for _ in range(10):
            assert [ask("10.96.0.11"), ask("10.96.0.12")] == first


def test_connected_socket_shows_the_dialled_peer(one_node, lab):
    node = one_node(pods=1)
    put_service(lab, ports=[{"name": "udp", **UDP}, {"name": "tcp", **HTTP}])
    wait_for_answers(node.client, VIP, ["pod-1"])
    for kind, port in (("udp", 53), ("tcp", 80)):
        with RemoteSocket(node.client, "ipv4", kind) as sock:
            sock.connect((VIP, port))
            assert sock.getpeername() == (VIP, port)


def test_udp_to_what_is_no_service_is_left_alone(one_node, lab):
    node = one_node(pods=1)
    put_service(lab, ports=[UDP])
    with RemoteSocket(node.client) as sock:
        target = (node.web[0].addresses[0], 5353)
        sock.sendto(b"x", target)
        assert sock.recvfrom(100) == (b"pod-1 x", target)
