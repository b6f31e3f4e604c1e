# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP connections that something happens to."""

from lab.traffic import RemoteSocket, fetch, wait_for_answers
from objects import VIP, put_service

# One segment far outside of the window, as from a server that lost its way.
STRAY_SEGMENT = """
import socket, struct, sys
source, client, client_port = sys.argv[1], sys.argv[2], int(sys.argv[3])

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

def segment(check):
    return struct.pack("!HHIIBBHHH", 8080, client_port, 0xdeadbeef, 0xfeedface, 5 << 4, 0x10, 1000,
                       check, 0)

pseudo = (socket.inet_aton(source) + socket.inet_aton(client)
          + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20))
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
    raw.bind((source, 0))
    for _ in range(3):
        raw.sendto(segment(checksum(pseudo + segment(0))), (client, 0))
"""


def test_case_79_stray_segment_does_not_reset_the_connection(one_node, lab):
    node = one_node(pods=1)
    pod = node.web[0]
    put_service(lab)
    wait_for_answers(node.client, VIP, ["pod-1"])
    with RemoteSocket(node.client, "ipv4", "tcp") as sock:
        sock.connect((VIP, 80))
        assert fetch(sock) == "pod-1"
        pod.python(STRAY_SEGMENT, pod.addresses[0], *sock.getsockname())
        for _ in range(3):
            assert fetch(sock) == "pod-1"


def test_connection_stays_with_its_pod_until_that_ends(one_node, lab):
    node = one_node(pods=2)
    put_service(lab)
    wait_for_answers(node.client, VIP, ["pod-1", "pod-2"])
    with RemoteSocket(node.client, "ipv4", "tcp") as sock:
        sock.connect((VIP, 80))
        name = fetch(sock)
        pod = next(pod for pod in node.web if pod.name == name)
        pod.withdraw()
        other = next(pod for pod in node.web if pod.name != name)
        wait_for_answers(node.client, VIP, [other.name])
        assert fetch(sock) == name, "an open connection was cut or moved"
