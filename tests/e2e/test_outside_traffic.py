# SPDX-License-Identifier: GPL-3.0-or-later
"""Much traffic of clients outside, through every way to a pod: whole, and over narrow links."""

import hashlib
import os

import pytest

from lab import system
from objects import NODE_PORT, WEB
from outside import UDP_NODE_PORT, put_node_port, url, wait_for

DSR = {"metadata": {"annotations": {"beeline.dev/forwarding-mode": "dsr"}}}
MEGABYTES = 100
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
# (how the packets get to the pod, number of the node that is dialled, the Service's annotations)
WAYS = pytest.mark.parametrize("node, spec", [(0, {}), (1, {}), (1, DSR)],
                               ids=["local", "snat", "dsr"])

NGINX = """
user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; client_max_body_size 300m; client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2; uwsgi_temp_path {folder}/t3;
    scgi_temp_path {folder}/t4;
    server {{ listen 8090; listen [::]:8090; root {folder}/files;
        location /put/ {{ dav_methods PUT; create_full_put_path on; root {folder}; }} }}
}}
"""

ECHOES = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
good = 0
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(2)
    sock.connect((host, port))
    for number in range(500):
        text = f"{number} ".encode() + b"x" * (number % 1200)
        sock.send(text)
        good += sock.recv(2048).endswith(b" " + text)
print(good)
"""


@pytest.fixture(scope="module")
def nginx(standing_cluster):
    """A real server in the first pod, with a file of random bytes; returns the file's path."""
    folder = os.path.join(standing_cluster.folder, "nginx")
    os.makedirs(os.path.join(folder, "files"))
    with open(os.path.join(folder, "files", "big"), "wb") as out:
        out.write(os.urandom(1 << 20) * MEGABYTES)
    with open(os.path.join(folder, "conf"), "w", encoding="utf-8") as out:
        out.write(NGINX.format(folder=folder))
    pod = standing_cluster.nodes[0].pod
    pod.start("nginx", "-c", os.path.join(folder, "conf"))
    system.wait_until(lambda: pod.curl("http://127.0.0.1:8090/none", check=False).returncode == 0,
                      10, 0.05, "nginx")
    yield os.path.join(folder, "files", "big")
    system.remove_folder(folder)


def serve(cluster, node, spec, family):
    """The Service of nginx; returns the address of the node that is dialled, once it answers."""
    cluster.nodes[0].pod.publish(labels=WEB)
    put_node_port(cluster, ports=[
        {"name": "http", "port": 80, "targetPort": 8090, "nodePort": NODE_PORT},
        {"name": "echo", "port": 53, "protocol": "UDP", "targetPort": 5353,
         "nodePort": UDP_NODE_PORT}], **spec)
    address = cluster.nodes[node].addresses[family]
    system.wait_until(lambda: cluster.client.curl(
        url(address, NODE_PORT, "/none"), timeout=2, check=False).returncode == 0, 8, 0.05,
        "an answer of nginx")
    return address


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_digest(client, address, timeout=120):
    return client.output(
        "sh", "-c", 'curl -fsS -g --noproxy "*" --max-time "$2" "$1" | sha256sum | cut -d" " -f1',
        "sh", url(address, NODE_PORT, "/big"), str(timeout), timeout=timeout + 5)


@WAYS
@FAMILIES
def test_a_hundred_megabytes_arrive_whole(cluster, nginx, node, spec, family):
    address = serve(cluster, node, spec, family)
    assert fetch_digest(cluster.client, address) == digest_of(nginx)


@WAYS
@FAMILIES
def test_datagrams_of_every_size_are_echoed(cluster, nginx, node, spec, family):
    address = serve(cluster, node, spec, family)
    assert cluster.client.python(ECHOES, address, UDP_NODE_PORT, timeout=60) == "500"


@pytest.fixture
def narrow(cluster):
    cluster.outside.narrow(1300)
    yield cluster
    cluster.outside.narrow(1500)


@WAYS
@FAMILIES
def test_pods_learn_of_a_narrow_link_on_the_way_to_the_client(narrow, nginx, node, spec, family):
    address = serve(narrow, node, spec, family)
    assert fetch_digest(narrow.client, address) == digest_of(nginx)


@WAYS
@FAMILIES
def test_uploads_arrive_whole(cluster, nginx, node, spec, family):
    """With DSR the packets grow on their way, so the client has to learn of a smaller size."""
    address = serve(cluster, node, spec, family)
    target = f"/put/{node}-{family}-{len(spec)}"
    sent = os.path.join(os.path.dirname(nginx), "part")
    with open(nginx, "rb") as source, open(sent, "wb") as out:
        out.write(source.read(10 << 20))
    cluster.client.curl(url(address, NODE_PORT, target), "--fail", "-T", sent, timeout=60)
    stored = os.path.dirname(os.path.dirname(nginx)) + target
    assert digest_of(stored) == digest_of(sent)
