# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 and HTTP/2 on a socket for fault_server.py: what goes over the wire, and how it breaks.

A Connection reads requests and gives each, with an exchange to answer through, to a handler.
"""

import select
import socket
import ssl
import struct
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

WORDS = {200: "OK", 201: "Created", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
         409: "Conflict", 410: "Gone", 429: "Too Many Requests", 500: "Internal Server Error",
         502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


class Broken(Exception):
    """The client, or a command of the test, has ended this connection."""


class Connection:
    def __init__(self, sock, number):
        self.sock, self.number = sock, number
        self.gone = threading.Event()
        self.peer = None  # common name of the client's certificate

    def close(self, reset=False):
        if self.gone.is_set():
            return
        self.gone.set()
        raw = self.sock
        try:
            if reset:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                raw.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        try:
            raw.close()
        except OSError:
            pass

    def _shake_hands(self, context):
        raw = self.sock.dup()
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True,
                                            suppress_ragged_eofs=False)
        except ssl.SSLError:
            # What the client has sent meanwhile would make this end a reset, before which it may
            # not see why it was refused.
            raw.shutdown(socket.SHUT_WR)
            raw.settimeout(0.5)
            while raw.recv(65536):
                pass
            raise
        finally:
            raw.close()

    def serve(self, context, handler):
        if context:
            self._shake_hands(context)
            subject = dict(pair[0] for pair in (self.sock.getpeercert() or {}).get("subject", ()))
            self.peer = subject.get("commonName")
        if context and self.sock.selected_alpn_protocol() == "h2":
            Http2(self, handler).serve()
        else:
            self._serve_http1(handler)

    def request(self, method, target, headers, body, version):
        return {"method": method, "target": target, "headers": headers, "body": body.decode(),
                "version": version, "connection": self.number, "peer": self.peer}

    def _serve_http1(self, handler):
        reader = self.sock.makefile("rb")
        while True:
            line = reader.readline(65536)
            if not line:
                return
            method, target, _ = line.decode("latin-1").split(" ", 2)
            headers = {}
            while (line := reader.readline(65536).strip()):
                key, _, value = line.decode("latin-1").partition(":")
                headers[key.lower()] = value.strip()
            body = reader.read(int(headers.get("content-length", 0)))
            if not handler(Http1Exchange(self), self.request(method, target, headers, body, "1.1")):
                return


class Http1Exchange:
    def __init__(self, connection):
        self.connection, self.gone = connection, connection.gone
        self.chunked = True

    def _send(self, data):
        try:
            self.connection.sock.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise Broken from error

    def raw(self, data):
        self._send(data)

    def head(self, status, headers, length):
        self.chunked = length is None
        framing = ("Transfer-Encoding", "chunked") if self.chunked else ("Content-Length", length)
        lines = [f"HTTP/1.1 {status} {WORDS.get(status, 'Status')}"]
        lines += [f"{key}: {value}" for key, value in headers + [framing]]
        self._send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def data(self, data):
        self._send(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def finish(self, how):
        if how == "complete":
            if self.chunked:
                self._send(b"0\r\n\r\n")
            return True
        if how == "hang":
            self.gone.wait()
        self.connection.close(reset=how == "reset")
        return False

    def tunnel(self, target):
        port = int(target.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as other:
            self._send(b"HTTP/1.1 200 OK\r\n\r\n")
            there = threading.Thread(target=_pipe, args=(self.connection.sock, other), daemon=True)
            there.start()
            _pipe(other, self.connection.sock)
            there.join(1)
        return False


def _pipe(source, sink):
    try:
        while (data := source.recv(65536)):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Http2:
    """One thread reads; each request is answered by a thread of its own."""

    def __init__(self, connection, handler):
        self.connection, self.handler = connection, handler
        self.state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.changed = threading.Condition()
        self.requests, self.exchanges = {}, {}

    def flush(self):
        """With the lock held."""
        try:
            self.connection.sock.sendall(self.state.data_to_send())
        except (OSError, ssl.SSLError) as error:
            raise Broken from error

    def serve(self):
        # Reading and writing one TLS object from two threads at once is not allowed: reads wait
        # for bytes outside the lock, and take them inside it.
        raw = self.connection.sock
        with self.changed:
            self.state.initiate_connection()
            self.flush()
        while not self.connection.gone.is_set():
            data = self._read(raw)
            if data is None:
                continue
            if not data:
                break
            with self.changed:
                try:
                    for event in self.state.receive_data(data):
                        self._on_event(event)
                except h2.exceptions.ProtocolError as error:
                    raise Broken from error
                self.flush()
                self.changed.notify_all()
        for exchange in list(self.exchanges.values()):
            exchange.gone.set()

    def _read(self, raw):
        with self.changed:
            pending = raw.pending()
        if not pending:
            if not select.select([raw.fileno()], [], [], 0.2)[0]:
                return None
        with self.changed:
            raw.settimeout(0.0)
            try:
                return raw.recv(65536)
            except (ssl.SSLWantReadError, BlockingIOError):
                return None
            finally:
                raw.settimeout(None)

    def _on_event(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = [dict(event.headers), b""]
        elif isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id][1] += event.data
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._start(event.stream_id)
        elif isinstance(event, h2.events.StreamReset) and event.stream_id in self.exchanges:
            self.exchanges[event.stream_id].gone.set()

    def _start(self, stream_id):
        headers, body = self.requests.pop(stream_id)
        exchange = Http2Exchange(self, stream_id)
        self.exchanges[stream_id] = exchange
        plain = {key: value for key, value in headers.items() if not key.startswith(":")}
        plain["host"] = headers.get(":authority")
        request = self.connection.request(headers[":method"], headers[":path"], plain, body, "2")
        threading.Thread(target=self._answer, args=(exchange, request), daemon=True).start()

    def _answer(self, exchange, request):
        try:
            self.handler(exchange, request)
        except (Broken, OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            self.exchanges.pop(exchange.stream_id, None)


class Http2Exchange:
    def __init__(self, http2, stream_id):
        self.http2, self.stream_id = http2, stream_id
        self.gone = threading.Event()

    def _check(self):
        if self.gone.is_set() or self.http2.connection.gone.is_set():
            raise Broken

    def raw(self, data):
        with self.http2.changed:
            self.http2.connection.sock.sendall(data)
        self.http2.connection.close()

    def head(self, status, headers, _length):
        fields = [(":status", str(status))] + [(key.lower(), str(value)) for key, value in headers]
        with self.http2.changed:
            self._check()
            self.http2.state.send_headers(self.stream_id, fields)
            self.http2.flush()

    def _window(self):
        state = self.http2.state
        return min(state.local_flow_control_window(self.stream_id), state.max_outbound_frame_size)

    def data(self, data):
        while data:
            with self.http2.changed:
                self._check()
                room = self._window()
                if room <= 0:
                    self.http2.changed.wait(0.2)
                    continue
                self.http2.state.send_data(self.stream_id, data[:room])
                self.http2.flush()
                data = data[room:]

    def finish(self, how):
        if how == "complete":
            with self.http2.changed:
                self._check()
                self.http2.state.end_stream(self.stream_id)
                self.http2.flush()
        elif how == "reset":
            with self.http2.changed:
                self.http2.state.reset_stream(self.stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
                self.http2.flush()
        elif how == "hang":
            self.gone.wait()
        else:
            self.http2.connection.close()
        return True
