# SPDX-License-Identifier: GPL-3.0-or-later
"""Run time of the socket programs beside other ways to do the same, from the kernel's own
statistics: 'sudo /usr/bin/python3 -B tools/lib/bench_hooks.py [ROUNDS]'.

Each round attaches every variant in turn to a cgroup of this process, in a network namespace of its
own with no route out, and makes the same calls; so all numbers are of one run, interleaved. Printed
are minimum and median over the rounds, in nanoseconds a run of the program (statistics included:
'empty' is what a program that does nothing shows) and of the whole system calls as Python sees them.
"""

import ctypes
import errno
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CALLS = 4000
CLONE_NEWNET = 0x40000000
SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_ENABLE_STATS = 32
VIRTUAL, BACKEND, ELSEWHERE = "10.96.0.10", "127.0.1.1", "127.0.3.1"
PORT = 80

# Name, hook, program, second hook and program, destination.
CONNECT = [
    ("empty program", "connect4", "bench_empty", None, VIRTUAL),
    ("no frontend (miss)", "connect4", "bl_connect4", None, ELSEWHERE),
    ("(a) remember nothing", "connect4", "bench_nothing", None, VIRTUAL),
    ("(b) socket storage", "connect4", "bench_by_storage",
     ("sock_release", "bench_storage_release"), VIRTUAL),
    ("(c) LRU hash by cookie", "connect4", "bench_by_lru", None, VIRTUAL),
    ("(e) hash, deleted at close", "connect4", "bench_by_hash",
     ("sock_release", "bench_hash_release"), VIRTUAL),
    ("(f) tcp_peers, as built", "connect4", "bl_connect4",
     ("sock_release", "bl_sock_release"), VIRTUAL),
    ("(f) socket of no frontend", "connect4", "bl_connect4",
     ("sock_release", "bl_sock_release"), ELSEWHERE),
    ("bare LRU insert", "connect4", "bench_lru_insert", None, VIRTUAL),
    ("bare storage create", "connect4", "bench_storage_create", None, VIRTUAL),
]
SEND = [
    ("empty program", "sendmsg4", "bench_send_empty", None, ELSEWHERE),
    ("no frontend (miss)", "sendmsg4", "bl_sendmsg4", None, ELSEWHERE),
    ("hit on an existing socket", "sendmsg4", "bl_sendmsg4", None, VIRTUAL),
    ("bare hash and array lookup", "sendmsg4", "bench_two_lookups", None, VIRTUAL),
]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Lab:
    """Programs pinned, this process in a cgroup and a network namespace of its own."""

    def __init__(self):
        mounts = [line.split() for line in open("/proc/self/mountinfo", encoding="ascii")]
        self.mount = next(f[4] for f in mounts if f[f.index("-") + 1] == "cgroup2")
        name = "beeline-bench-hooks-%d" % os.getpid()
        self.cgroup = os.path.join(self.mount, name)
        self.pins = os.path.join("/sys/fs/bpf", name)

    def __enter__(self):
        run("ninja", "-C", os.path.join(TREE, "build"), "bpf/bench_hooks.bpf.o")
        libc = ctypes.CDLL(None, use_errno=True)
        attr = ctypes.create_string_buffer(128)
        self.stats = libc.syscall(SYS_BPF, BPF_ENABLE_STATS, attr, len(attr))
        if self.stats < 0 or libc.unshare(CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "cannot enable statistics or leave the namespace")
        run("ip", "link", "set", "lo", "up")
        os.mkdir(self.cgroup)
        self.join(self.cgroup)
        os.mkdir(self.pins)
        run("bpftool", "prog", "loadall", os.path.join(TREE, "build/bpf/bench_hooks.bpf.o"),
            self.pins + "/programs", "pinmaps", self.pins + "/maps")
        self.fill()
        return self

    def __exit__(self, *_):
        self.join(self.mount)
        subprocess.run(["rm", "-rf", self.pins], check=False)
        os.rmdir(self.cgroup)

    @staticmethod
    def join(folder):
        with open(os.path.join(folder, "cgroup.procs"), "w", encoding="ascii") as procs:
            procs.write(str(os.getpid()))

    def put(self, name, key, value):
        run("bpftool", "map", "update", "pinned", "%s/maps/%s" % (self.pins, name),
            "key", *map(str, key), "value", *map(str, value))

    def fill(self):
        """One frontend of each protocol over backend 1, through slot 0; see beeline/abi.h."""
        address = socket.inet_aton(BACKEND) + bytes(12)
        backend = address + struct.pack("!H", PORT) + struct.pack("=BBIIHH", 2, 1, 1, 1, 100, 0)
        self.put("backends", struct.pack("=I", 1), backend)
        self.put("slots", struct.pack("=I", 0), struct.pack("=I", 1))
        for protocol in (6, 17):
            key = socket.inet_aton(VIRTUAL) + struct.pack("!H", PORT) + bytes([protocol, 0])
            self.put("frontends4", key, struct.pack("=IHBBIIIIIIII", 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        bit = filter_bit(VIRTUAL)
        self.put("addr_filter", struct.pack("=I", bit // 64), struct.pack("=QQ", 1 << bit % 64, 0))

    def program(self, name):
        return "%s/programs/%s" % (self.pins, name)

    def attached(self, hook, name, on):
        run("bpftool", "cgroup", "attach" if on else "detach", self.cgroup, hook, "pinned",
            self.program(name))

    def spent(self, name):
        row = json.loads(run("bpftool", "-j", "prog", "show", "pinned", self.program(name)))
        return row.get("run_time_ns", 0), row.get("run_cnt", 0)


def filter_bit(address):
    """bl_addr_filter_bit() of beeline/abi.h for an IPv4 address."""
    value = int.from_bytes(socket.inet_aton(address), sys.byteorder) * 0x9e3779b1 & 0xffffffff
    for factor in (0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f):
        value = value * factor & 0xffffffff
    return (value ^ value >> 15) & (4096 * 64 - 1)


def connects(address):
    """New TCP sockets; nobody listens, so each ends in a refusal after the program has run."""
    for _ in range(CALLS):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            result = client.connect_ex((address, PORT))
            if result not in (errno.ECONNREFUSED, errno.ENETUNREACH):
                raise OSError(result, "connect")


def sends(address):
    """Datagrams on one socket, to somebody who never reads them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        server.bind((BACKEND if address == VIRTUAL else address, PORT))
        for _ in range(CALLS):
            client.sendto(b"x", (address, PORT))


def measure(lab, variant, calls):
    _, hook, program, second, address = variant
    pairs = [(hook, program)] + ([second] if second else [])
    for pair in pairs:
        lab.attached(*pair, True)
    try:
        before = [lab.spent(name) for _, name in pairs]
        start = time.perf_counter_ns()
        calls(address)
        whole = (time.perf_counter_ns() - start) / CALLS
        after = [lab.spent(name) for _, name in pairs]
    finally:
        for pair in pairs:
            lab.attached(*pair, False)
    spent = [(a[0] - b[0]) / max(a[1] - b[1], 1) for a, b in zip(after, before)]
    return spent[0], spent[1] if second else None, whole


def table(lab, title, variants, calls, rounds):
    results = {variant[0]: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            results[variant[0]].append(measure(lab, variant, calls))
    print("%s, %d rounds of %d calls, ns as minimum/median" % (title, rounds, CALLS))
    for name, rows in results.items():
        columns = []
        for label, values in zip(("program", "release", "call"), zip(*rows)):
            if values[0] is not None:
                columns.append("%s %6.0f/%-6.0f" % (label, min(values), statistics.median(values)))
        print("  %-28s %s" % (name, "  ".join(columns)))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with Lab() as lab:
        table(lab, "TCP socket, connect, close", CONNECT, connects, rounds)
        table(lab, "UDP datagram", SEND, sends, rounds)


if __name__ == "__main__":
    main()
