# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of a client that stay open: all of them answer, or are lost."""

import select
import subprocess

from lab import system
from lab.laboratory import HTTP_PORT
from objects import NODE_PORT, WEB, put_service
from outside import put_node_port, wait_for

HELD = 1000
DSR_NODE_PORT = 30082

# A line of input has every connection ask once more; the number of good answers comes back.
HOLD = """
import socket, sys
host, port, own_ports = sys.argv[1], int(sys.argv[2]), range(*map(int, sys.argv[3:5]))
def ask(sock):
    sock.sendall(b"GET / HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n")
    answer = b""
    while b"\\r\\n\\r\\n" not in answer or not answer.endswith(b"\\n"):
        block = sock.recv(4096)
        if not block:
            raise OSError("closed")
        answer += block
    return answer
socks = [socket.create_connection((host, port), 30, ("", own)) for own in own_ports]
for _ in sys.stdin:
    good = 0
    for sock in socks:
        try:
            good += ask(sock).startswith(b"HTTP/1.1 200")
        except OSError:
            pass
    print(good, flush=True)
"""


class Held:
    """Each connection has a port of the client's that no other has: the kernel would give two
    frontends the same ones now and then, and direct server return refuses the second such way to a
    backend (flow_collides)."""

    next_port = 20000  # below those that the kernel gives

    def __init__(self, client, address, port, count):
        first, Held.next_port = Held.next_port, Held.next_port + count
        self.child = client.start("/usr/bin/python3", "-I", "-c", HOLD, address, str(port),
                                  str(first), str(first + count), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)

    def alive(self, timeout=60):
        """How many answer."""
        self.child.stdin.write("again\n")
        self.child.stdin.flush()
        readable, _, _ = select.select([self.child.stdout], [], [], timeout)
        if not readable:
            raise system.LabError("the holder of connections does not answer")
        line = self.child.stdout.readline()
        if not line:
            raise system.LabError("the holder of connections could not make them all")
        return int(line)

    def close(self):
        self.child.stdin.close()
        self.child.wait(timeout=10)


NGINX = """
user root; daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_timeout 600s; keepalive_requests 100000;
    client_body_temp_path {folder}/t0; proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
    uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
    server {{ listen {port}; listen [::]:{port};
              location / {{ default_type text/plain; return 200 "{name}\\n"; }} }}
}}
"""


def start_nginx(pod, port=HTTP_PORT):
    """A real server that keeps connections; `pod` was made with serve=False."""
    folder = f"{pod.lab.folder}/nginx-{pod.name}"
    pod.run("mkdir", "-p", folder)
    pod.run("tee", f"{folder}/conf", text=NGINX.format(folder=folder, port=port, name=pod.name))
    pod.start("nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/conf",
              stderr=subprocess.DEVNULL)
    system.wait_until(lambda: pod.curl(f"http://127.0.0.1:{port}/", check=False).returncode == 0,
                      10, 0.05, "nginx")


def hold_every_way(lab, near, far):
    """A thousand connections to nginx: straight to its pod, through the other node, and through it
    with the answers straight back."""
    dsr = {"annotations": {"beeline.dev/forwarding-mode": "dsr"}}
    pod = near.add_pod("web", labels=WEB, serve=False)
    start_nginx(pod)
    put_node_port(lab)
    put_service(lab, "direct", type="NodePort", address=None, metadata=dsr,
                ports=({"port": 80, "targetPort": 8080, "nodePort": DSR_NODE_PORT},))
    ways = [(near, NODE_PORT, HELD // 2), (far, NODE_PORT, HELD // 4),
            (far, DSR_NODE_PORT, HELD // 4)]
    for node, port, _ in ways:
        wait_for(lab.client, node.addresses[0], ["web"], port)
    return [Held(lab.client, node.addresses[0], port, count) for node, port, count in ways]
