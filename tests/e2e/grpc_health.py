#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gRPC server with grpc.health.v1.Health (gRPC's own health checking protocol), for probes.

usage: grpc_health.py PORT FOLDER [--without-health]. The file FOLDER/SERVICE ('all' for the empty
name) holds the status of a service, SERVING or NOT_SERVING, and perhaps seconds to wait before it is
told; a service without a file is not known. Without health the server has another service only."""

import os
import sys
import time

import grpc

import grpc_parts

STATUS = {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3}


def main():
    port, folder = sys.argv[1:3]

    def check(request, context):
        service = dict(grpc_parts.fields(request)).get(1, b"").decode()
        try:
            with open(os.path.join(folder, service or "all"), encoding="ascii") as file:
                status, *wait = file.read().split()
        except FileNotFoundError:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        time.sleep(float(wait[0]) if wait else 0)
        return grpc_parts.field_number(1, STATUS[status])

    name = "example.Other" if "--without-health" in sys.argv else "grpc.health.v1.Health"
    grpc_parts.serve(f"[::]:{port}", name, Check=check)


if __name__ == "__main__":
    main()
