# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in a pod: HTTP servers and UDP echoes on any number of ports, both families.

HTTP: '/' answers the pod's name, '/where' also the addresses of both ends as this server sees them,
'/body?N' N bytes. UDP: the pod's name, a blank and the datagram. Writes one byte to --ready-fd once
every port is open.
"""

import argparse
import http.server
import os
import signal
import socket
import socketserver
import threading


def plain(address):
    """An address as people write it: an IPv4 client of a dual-stack socket is an IPv4 client."""
    host = address[0].removeprefix("::ffff:")
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"


class DualStack:
    address_family = socket.AF_INET6
    allow_reuse_address = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class HttpServer(DualStack, http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # HTTPServer's own asks the resolver for this host's name, which has no answer here.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


class HttpHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pod = ""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/":
            body = f"{self.pod}\n".encode()
        elif path == "/where":
            body = (f"{self.pod} server={plain(self.connection.getsockname())} "
                    f"client={plain(self.client_address)}\n").encode()
        elif path == "/body" and query.isdigit():
            body = b"." * int(query)
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class UdpServer(DualStack, socketserver.UDPServer):
    max_packet_size = 65535


class UdpHandler(socketserver.BaseRequestHandler):
    pod = ""

    def handle(self):
        data, sock = self.request
        sock.sendto(self.pod.encode() + b" " + data, self.client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--address", default="::")
    parser.add_argument("--http", type=int, action="append", default=[])
    parser.add_argument("--udp", type=int, action="append", default=[])
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    HttpHandler.pod = UdpHandler.pod = options.name
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    servers = [HttpServer((options.address, port), HttpHandler) for port in options.http]
    servers += [UdpServer((options.address, port), UdpHandler) for port in options.udp]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"1")
        os.close(options.ready_fd)
    signal.pause()


if __name__ == "__main__":
    main()
