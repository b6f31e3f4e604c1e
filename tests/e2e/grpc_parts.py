# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gRPC servers of the tests share: Debian's python3-grpcio without generated stubs, and as
much of protobuf as their messages need."""

import concurrent.futures
import signal

import grpc


def varint(value):
    out = bytearray()
    while True:
        byte = value & 0x7f
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def field_number(field, value):
    return varint(field << 3) + varint(value & 0xffffffffffffffff)


def field_bytes(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def take_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """[(field, number or bytes)] of a message without fixed-size fields."""
    rows, at = [], 0
    while at < len(data):
        key, at = take_varint(data, at)
        value, at = take_varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        elif key & 7 != 0:
            raise ValueError(f"wire type {key & 7}")
        rows.append((key >> 3, value))
    return rows


def serve(address, service, **methods):
    """Serves until it is told to end; each method takes (bytes, context) and returns bytes."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {
        name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()})])
    if not server.add_insecure_port(address):
        raise SystemExit(f"cannot listen on '{address}'")
    server.start()
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    server.stop(None)
