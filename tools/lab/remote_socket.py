# SPDX-License-Identifier: GPL-3.0-or-later
"""The far end of traffic.RemoteSocket: one socket, whose methods are called line by line."""

import errno
import json
import socket
import sys

FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}


def encode(value):
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(value):
    if isinstance(value, dict):
        return value["bytes"].encode("latin-1")
    return tuple(value) if isinstance(value, list) else value


def main():
    family, kind, timeout = sys.argv[1:]
    sock = socket.socket(FAMILIES[family], KINDS[kind])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(float(timeout))
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            value = getattr(sock, method)(*map(decode, arguments))
            answer = {"value": encode(value) if not isinstance(value, socket.socket) else None}
        except TimeoutError:
            answer = {"errno": errno.ETIMEDOUT, "text": "timed out"}
        except OSError as error:
            answer = {"errno": error.errno, "text": error.strerror}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
