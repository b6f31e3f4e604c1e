#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container runtime as far as exec probes need one: runtime.v1.RuntimeService/ExecSync of the CRI
over a UNIX socket, running commands as containerd does: in the container's namespace, with a
deadline that ends all that the command has started.

usage: cri_server.py SOCKET FOLDER. The file FOLDER/ID holds the name of the network namespace of the
container ID; 'hang' as its content makes the runtime say nothing at all."""

import os
import signal
import subprocess
import sys
import time

import grpc

import grpc_parts


def run(netns, command, seconds, context):
    child = subprocess.Popen(["nsenter", f"--net=/run/netns/{netns}", "--", *command],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = child.communicate(timeout=seconds or None)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        context.abort(grpc.StatusCode.DEADLINE_EXCEEDED,
                      f"command {command} timed out: timeout {seconds}s exceeded")
    return (grpc_parts.field_bytes(1, out) + grpc_parts.field_bytes(2, err) +
            (grpc_parts.field_number(3, child.returncode) if child.returncode else b""))


def main():
    path, folder = sys.argv[1:3]

    def exec_sync(request, context):
        rows = grpc_parts.fields(request)
        container = dict(rows)[1].decode()
        command = [value.decode() for field, value in rows if field == 2]
        try:
            with open(os.path.join(folder, container), encoding="ascii") as file:
                netns = file.read().strip()
        except FileNotFoundError:
            context.abort(grpc.StatusCode.NOT_FOUND,
                          f'an error occurred when try to find container "{container}": not found')
        if netns == "hang":
            time.sleep(30)
        return run(netns, command, dict(rows).get(3, 0), context)

    grpc_parts.serve(f"unix:{path}", "runtime.v1.RuntimeService", ExecSync=exec_sync)


if __name__ == "__main__":
    main()
