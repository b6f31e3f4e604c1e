# SPDX-License-Identifier: GPL-3.0-or-later
"""Offloads of a veth, as ethtool(8) switches them: called or run inside a namespace, with rows 'DEVICE
FEATURE on|off' as arguments.

Frames on a veth are as their sender left them: without a checksum, and with the tag of a VLAN beside
them. A stack on the other end knows of that from the packet's metadata; an XDP program, and whoever
gets the frame from it, sees bytes alone. And a veth takes an XDP program's frames only while its peer
has an XDP program, too: 'pass on' gives it one that lets everything pass.
"""

import array
import ctypes
import fcntl
import os
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
PROG_TYPE_XDP = 6
XDP_FLAGS_DRV_MODE = 1 << 2
RETURN_PASS = bytes.fromhex("b700000002000000" "9500000000000000")
COMMANDS = {"rx": 0x15, "tx": 0x17, "gro": 0x2c}
GET_FLAGS, SET_FLAGS, TX_VLAN = 0x25, 0x26, 1 << 7


def ethtool(sock, device, command, value):
    data = array.array("B", struct.pack("II", command, value))
    address, _ = data.buffer_info()
    fcntl.ioctl(sock, SIOCETHTOOL, struct.pack("16sP", device.encode(), address))
    return struct.unpack("II", data)[1]


def switch(sock, device, feature, on):
    if feature == "txvlan":
        flags = ethtool(sock, device, GET_FLAGS, 0)
        ethtool(sock, device, SET_FLAGS, flags | TX_VLAN if on else flags & ~TX_VLAN)
    else:
        ethtool(sock, device, COMMANDS[feature], on)


def attach_pass(device):
    libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
    fd = libbpf.bpf_prog_load(PROG_TYPE_XDP, b"lab_pass", b"GPL", RETURN_PASS,
                              ctypes.c_size_t(len(RETURN_PASS) // 8), None)
    if fd < 0:
        raise OSError(-fd, "cannot load a program that passes everything")
    result = libbpf.bpf_xdp_attach(socket.if_nametoindex(device), fd, XDP_FLAGS_DRV_MODE, None)
    os.close(fd)
    if result < 0:
        raise OSError(-result, f"cannot attach it to '{device}'")


def switch_all(rows):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for row in rows:
            device, feature, state = row.split()
            if feature == "pass":
                attach_pass(device)
            else:
                switch(sock, device, feature, state == "on")


if __name__ == "__main__":
    switch_all(sys.argv[1:])
