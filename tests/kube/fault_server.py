#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server that does what its script says, and every fault a test asks for.

HTTP/1.1, and HTTP/2 over TLS, on loopback. It holds no objects: requests are matched against rules,
and each rule plays an answer, mostly a recording of a real server (tests/data/kubernetes).

From Python (one process, threads):

    with FaultServer(tls=True, folder=tmp_path) as server:
        server.rules([{"path": "/api/v1/services", "answer": {"file": "list/services.json"}}])
        ... server.url, server.folder + "/ca.pem" ...
        assert server.requests()[0]["path"] == "/api/v1/services"

From C or a shell: `fault_server.py [--tls] [--http1]` says {"port": N, "folder": DIR} on standard
output, takes one command a line on standard input, {"do": "rules", "rules": [...]}, and answers
each with a line. It ends at the end of its input. Commands are the methods of FaultServer that
have no underscore, their arguments by name: rules, tokens, requests, push, end, cut_all, freeze,
thaw, stop, start, certificate, accept, stats.

A rule: {"method": "GET", "path": "/api/v1/nodes", "query": {"watch": "1"}, "times": 2, "answer":
{...}}. All but `answer` may be left out; `query` names what has to be there (null: must not be
there); a rule that was used `times` times is skipped. Without a rule that fits: 404.

An answer:
  recording   "errors/401-bad-token.http": status, headers and body as recorded (chunks are undone)
  file, body  the body: a file of the recordings, or text
  status      200 unless said
  headers     {"Retry-After": "1"}
  delay       seconds before the first byte
  pieces      the body goes out in pieces of random size up to so many bytes...
  seed        ...always the same ones for the same seed
  pause       seconds between pieces
  cut_at      only so many bytes of the body, then `after` ("cut" unless said)
  after       "complete" (default), "cut": the connection ends without a last chunk or END_STREAM,
              "reset": TCP RST (in HTTP/2 RST_STREAM), "hang": nothing more, for ever
  stream      a name: after the body the answer goes on with what push(stream, ...) gives, until
              end(stream, how) with one of the words of `after`
  length      true: Content-Length instead of chunks (HTTP/1.1)
  raw         text that is sent as it is instead of HTTP, then the connection ends
  silent      true: no answer at all
  tunnel      true: for CONNECT, joins the client with the loopback port it names (a proxy)

`tokens(["a"])`: requests need "Authorization: Bearer a", else 401 as recorded. `accept("hold")`:
connections are taken and nothing is said, not even TLS; "close", "reset": they end at once;
"serve": as usual. `freeze()`: all goes silent in the middle of whatever it does until `thaw()`.
`certificate("expired")`: for new connections, a name of certificates.py. `stop()` closes the port
and all connections, `start()` opens the same port again.
"""

import argparse
import contextlib
import inspect
import json
import os
import random
import socket
import ssl
import sys
import tempfile
import threading
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import certificates  # noqa: E402
import wire  # noqa: E402

RECORDINGS = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data",
                                           "kubernetes"))


def recording(name):
    with open(os.path.join(RECORDINGS, name), "rb") as file:
        return file.read()


def _unchunk(body):
    plain = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        plain += rest[:length]
        body = rest[length + 2:] if length else b""
    return plain


def read_recording(name):
    """Status, headers and body of a recorded answer."""
    head, _, body = recording(name).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
    framing = {"transfer-encoding", "content-length", "date", "connection"}
    if any(key.lower() == "transfer-encoding" for key, _ in headers) and ".raw." in name:
        body = _unchunk(body)
    status = int(lines[0].split()[1])
    return status, [(key, value) for key, value in headers if key.lower() not in framing], body


def _fits(rule, request):
    if rule.get("times", 1) <= 0:
        return False
    if "method" in rule and rule["method"] != request["method"]:
        return False
    if "path" in rule and rule["path"] != request["path"]:
        return False
    return all(request["query"].get(key) == value for key, value in rule.get("query", {}).items())


class Stream:
    """What goes on after an answer's body."""

    def __init__(self):
        self.parts, self.how, self.changed = [], None, threading.Condition()

    def push(self, part):
        with self.changed:
            self.parts.append(part)
            self.changed.notify_all()

    def end(self, how):
        with self.changed:
            self.how = how
            self.changed.notify_all()

    def wait(self, index, seconds):
        """The part of this index, or how it ends, or None when the time is over."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.parts) > index or self.how, seconds)
            return self.parts[index] if len(self.parts) > index else self.how


class FaultServer:
    def __init__(self, folder, tls=False, http1=False, client_ca=None):
        self.folder = str(folder)
        self.tls = tls
        self._protocols = ["http/1.1"] if http1 else ["h2", "http/1.1"]
        self._client_ca = client_ca
        self._rules, self._tokens, self._requests = [], None, []
        self._streams, self._connections = {}, set()
        self._lock = threading.RLock()
        self._running = threading.Event()
        self._running.set()
        self._accept_as, self._certificate = "serve", "server"
        self._listener, self.port, self._opened = None, 0, 0
        if tls:
            certificates.make(self.folder)
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thaw()
        self.stop()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    # Commands

    def rules(self, rules):
        with self._lock:
            self._rules = rules

    def tokens(self, tokens=None):
        with self._lock:
            self._tokens = tokens

    def requests(self, forget=False):
        with self._lock:
            seen = list(self._requests)
            if forget:
                self._requests.clear()
            return seen

    def stats(self):
        with self._lock:
            return {"opened": self._opened, "open": len(self._connections)}

    def push(self, stream, text=None, file=None):
        self._stream(stream).push(recording(file) if file else text.encode())

    def end(self, stream, how="complete"):
        with self._lock:
            self._stream(stream).end(how)
            del self._streams[stream]

    def cut_all(self, reset=False):
        for connection in self._all():
            connection.close(reset)

    def freeze(self):
        self._running.clear()

    def thaw(self):
        self._running.set()

    def accept(self, how):
        self._accept_as = how

    def certificate(self, name):
        self._certificate = name

    def stop(self):
        with self._lock:
            listener, self._listener = self._listener, None
        if listener:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        self.cut_all()

    def start(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._listen, args=(listener,), daemon=True).start()

    # Connections

    def _all(self):
        with self._lock:
            return list(self._connections)

    def _stream(self, name):
        with self._lock:
            return self._streams.setdefault(name, Stream())

    def _listen(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._connection, args=(sock,), daemon=True).start()

    def _context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        base = os.path.join(self.folder, self._certificate)
        context.load_cert_chain(base + ".pem", base + ".key")
        context.set_alpn_protocols(self._protocols)
        if self._client_ca:
            context.load_verify_locations(os.path.join(self.folder, self._client_ca + ".pem"))
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _connection(self, sock):
        with self._lock:
            self._opened += 1
            number, how = self._opened, self._accept_as
        holder = wire.Connection(sock, number)
        with self._lock:
            self._connections.add(holder)
        try:
            if how == "hold":
                holder.gone.wait()
            elif how == "serve":
                self._running.wait()
                holder.serve(self._context() if self.tls else None, self._handle)
        except (OSError, ssl.SSLError, ValueError, wire.Broken):
            pass
        finally:
            holder.close(reset=how == "reset")
            with self._lock:
                self._connections.discard(holder)

    # Requests

    def _pick(self, request):
        with self._lock:
            self._requests.append(request)
            if self._tokens is not None and request["method"] != "CONNECT" and not any(
                    request["headers"].get("authorization") == f"Bearer {token}"
                    for token in self._tokens):
                return {"recording": "errors/401-bad-token.http"}
            for rule in self._rules:
                if _fits(rule, request):
                    if "times" in rule:
                        rule["times"] -= 1
                    answer = rule["answer"]
                    return answer(request) if callable(answer) else answer
        return {"recording": "errors/404-absent-object.http"}

    def _wait(self, exchange, seconds):
        if exchange.gone.wait(seconds):
            raise wire.Broken
        while not self._running.wait(0.05):
            if exchange.gone.is_set():
                raise wire.Broken

    def _handle(self, exchange, request):
        """Plays the answer to one request. True: the connection can serve another."""
        target = request.pop("target")
        url = urllib.parse.urlsplit(target)
        request["path"] = url.path
        request["query"] = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        answer = self._pick(request)
        self._wait(exchange, answer.get("delay", 0))
        if answer.get("tunnel"):
            return exchange.tunnel(target)
        if answer.get("silent"):
            exchange.gone.wait()
            return False
        if "raw" in answer:
            exchange.raw(answer["raw"].encode("latin-1"))
            return False
        status, headers, body = 200, [("Content-Type", "application/json")], b""
        if "recording" in answer:
            status, headers, body = read_recording(answer["recording"])
        if "file" in answer:
            body = recording(answer["file"])
        if "body" in answer:
            body = answer["body"].encode()
        named = answer.get("headers", {})
        headers = [pair for pair in headers if pair[0] not in named] + list(named.items())
        whole = "stream" not in answer and "cut_at" not in answer
        length = len(body) if answer.get("length") else None
        exchange.head(answer.get("status", status), headers, length)
        self._play(exchange, answer, body if "cut_at" not in answer else body[:answer["cut_at"]])
        how = answer.get("after", "complete" if whole or "stream" in answer else "cut")
        if "stream" in answer:
            how = self._follow(exchange, answer["stream"])
        return exchange.finish(how)

    def _play(self, exchange, answer, body):
        pieces, pause = answer.get("pieces"), answer.get("pause", 0)
        dice = random.Random(answer.get("seed", 0))
        at = 0
        while at < len(body):
            size = dice.randint(1, pieces) if pieces else len(body)
            exchange.data(body[at:at + size])
            at += size
            if at < len(body):
                self._wait(exchange, pause)

    def _follow(self, exchange, name):
        stream, index = self._stream(name), 0
        while True:
            part = stream.wait(index, 0.1)
            if exchange.gone.is_set():
                raise wire.Broken
            if isinstance(part, str):
                return part
            if part is not None:
                self._wait(exchange, 0)
                exchange.data(part)
                index += 1


def _commands(server):
    return {name: method for name, method in inspect.getmembers(server, inspect.ismethod)
            if not name.startswith("_")}


def main():
    parser = argparse.ArgumentParser(description="an API server that fails as it is told")
    parser.add_argument("--folder", help="where certificates are written; without it one is "
                        "made, and removed at the end")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--http1", action="store_true", help="offer no HTTP/2")
    parser.add_argument("--client-ca", help="ask for client certificates of this CA")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = args.folder or stack.enter_context(
            tempfile.TemporaryDirectory(prefix="beeline-fault-"))
        server = stack.enter_context(FaultServer(folder, args.tls, args.http1, args.client_ca))
        print(json.dumps({"port": server.port, "folder": folder}), flush=True)
        commands = _commands(server)
        for line in sys.stdin:
            command = json.loads(line)
            result = commands[command.pop("do")](**command)
            print(json.dumps({"ok": result}), flush=True)


if __name__ == "__main__":
    main()
