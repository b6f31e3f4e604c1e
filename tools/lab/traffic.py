# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients: calls that are counted, loops that run beside a test, sockets that stay open."""

import collections
import json
import os
import subprocess

from lab import system

FAILED = "failed"
HERE = os.path.dirname(os.path.abspath(__file__))

CALLS = """
for i in $(seq "$1"); do curl -sS -g --noproxy '*' -m 3 "$2" 2>/dev/null || echo failed; done
"""

# Calls without a pause until its standard input ends; each over a new connection.
LOOP = """
import socket, sys, threading, time
host, port, stop = sys.argv[1], int(sys.argv[2]), []
threading.Thread(target=lambda: (sys.stdin.read(), stop.append(1)), daemon=True).start()
good, bad = 0, []
while not stop:
    try:
        with socket.create_connection((host, port), timeout=10) as s:
            s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while block := s.recv(4096):
                answer += block
        if not answer.startswith(b"HTTP/1.1 200"):
            raise OSError(f"answer {answer[:40]!r}")
        good += 1
    except OSError as error:
        bad.append(str(error))
    time.sleep(0.002)
print(good, len(bad), bad[:3])
"""


def host_in_url(address):
    return f"[{address}]" if ":" in address else address


def answers(member, address, count=1, port=80):
    """Which pods answered, how often, and how many calls failed."""
    done = member.run("sh", "-c", CALLS, "sh", str(count),
                      f"http://{host_in_url(address)}:{port}/", timeout=count * 4 + 5)
    return collections.Counter(done.stdout.split())


def wait_for_answers(member, address, expected, port=80, timeout=5.0, count=12):
    """Waits until exactly the pods named in `expected` answer; none: until every call fails."""
    wanted = set(expected) or {FAILED}
    seen = [None]

    def settled():
        seen[0] = answers(member, address, count, port)
        return set(seen[0]) == wanted

    try:
        system.wait_until(settled, timeout, 0.05, f"answers of {sorted(wanted)}")
    except system.LabError as error:
        raise system.LabError(f"{error} at {address} port {port}; last seen {dict(seen[0])}") from None


class Loop:
    """Calls that go on beside a test; `finish` returns (good, bad, samples of errors)."""

    def __init__(self, member, address, port=80):
        self.child = member.start("/usr/bin/python3", "-I", "-S", "-c", LOOP, address, str(port),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def finish(self):
        output, _ = self.child.communicate(timeout=20 * system.PATIENCE)
        good, bad, samples = output.split(" ", 2)
        return int(good), int(bad), samples.strip()


class RemoteSocket:
    """A socket inside a member; methods are those of socket.socket, errors are OSError."""

    def __init__(self, member, family="ipv4", kind="udp", timeout=2.0):
        self.child = member.start(
            "/usr/bin/python3", "-I", "-S", os.path.join(HERE, "remote_socket.py"), family, kind,
            str(timeout), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, method, *arguments):
        encoded = [{"bytes": part.decode("latin-1")} if isinstance(part, bytes) else part
                   for part in arguments]
        self.child.stdin.write(json.dumps([method, encoded]) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise system.LabError("the process with the socket is gone")
        answer = json.loads(line)
        if "errno" in answer:
            raise OSError(answer["errno"], answer["text"])
        return decode(answer["value"])

    def __getattr__(self, method):
        return lambda *arguments: self.call(method, *arguments)

    def close(self):
        self.child.stdin.close()
        self.child.wait(timeout=5 * system.PATIENCE)
        self.child.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def fetch(sock):
    """The body of an answer on a connected RemoteSocket, which stays open."""
    sock.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer or answer.endswith(b"\r\n\r\n"):
        block = sock.recv(4000)
        if not block:
            raise system.LabError(f"the connection ended after {answer!r}")
        answer += block
    return answer.rpartition(b"\r\n\r\n")[2].decode().strip()


def decode(value):
    if isinstance(value, dict):
        return value["bytes"].encode("latin-1")
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    return value
