#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server that holds objects in memory, for tests and benchmarks of a client that follows it.

Plain HTTP/1.1: get, list (pages, selectors, versions), watch (bookmarks, initial events, selectors)
and writes with the versions and uids they name (POST, PUT, merge PATCH, DELETE); kinds of the core,
discovery, coordination and events groups without looking into them.
What it refuses, it refuses as a recorded kube-apiserver did. Faults come on command.

    api_server.py [--address IP] [--port N] [--bookmarks SECONDS] [--no-streaming-lists]

says {"port": N} on standard output, then takes a command a line on standard input, as
{"do": "put", "object": {...}}, and answers each with a line of JSON. It ends at the end of its
input. Commands are the methods of Commands below.
"""

import argparse
import base64
import collections
import http.server
import json
import queue
import socket
import sys
import threading
import time
import urllib.parse
import uuid

GROUPS = {"/api/v1": "v1", "/apis/discovery.k8s.io/v1": "discovery.k8s.io/v1",
          "/apis/coordination.k8s.io/v1": "coordination.k8s.io/v1",
          "/apis/events.k8s.io/v1": "events.k8s.io/v1"}
PLURALS = {"services": "Service", "endpointslices": "EndpointSlice", "nodes": "Node",
           "pods": "Pod", "namespaces": "Namespace", "endpoints": "Endpoints",
           "leases": "Lease", "events": "Event"}
KINDS = {kind: plural for plural, kind in PLURALS.items()}
HISTORY = 100000

Event = collections.namedtuple("Event", "version kind type object before")


class Failure(Exception):
    def __init__(self, code, reason, message, details=None, headers=()):
        super().__init__(message)
        self.code, self.headers = code, dict(headers)
        self.body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                     "message": message, "reason": reason, "code": code,
                     **({"details": details} if details else {})}


def matches(item, labels, fields):
    """Selectors as far as agents use them: 'a', '!a', 'a=b', 'metadata.name=x'."""
    own = item["metadata"].get("labels") or {}
    for term in filter(None, labels.split(",")):
        key, equals, value = term.partition("=")
        if term.startswith("!"):
            if term[1:] in own:
                return False
        elif key not in own or (equals and own[key] != value):
            return False
    for term in filter(None, fields.split(",")):
        path, _, value = term.partition("=")
        found = item
        for step in path.split("."):
            found = (found or {}).get(step)
        if found != value:
            return False
    return True


def merge(item, change):
    """RFC 7386."""
    if not isinstance(change, dict):
        return change
    merged = dict(item) if isinstance(item, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def encode(item):
    return json.dumps(item, separators=(",", ":")).encode()


class Cluster:
    def __init__(self, bookmarks, streams):
        self.lock = threading.Condition()
        self.version = 1000
        self.oldest = 0  # versions up to this one are forgotten
        self.objects = {plural: {} for plural in PLURALS}
        self.texts = {plural: {} for plural in PLURALS}  # the same, encoded
        self.history = collections.deque(maxlen=HISTORY)
        self.bookmarks, self.streams = bookmarks, streams
        self.watchers = []
        self.withheld = set()  # (client, plural, name): watches do not tell of them
        self.sent_ns = 0  # when the last object that was put began to go out

    def put(self, item):
        with self.lock:
            plural, meta = KINDS[item["kind"]], item["metadata"]
            key = (meta.get("namespace", ""), meta["name"])
            before = self.objects[plural].get(key)
            self.version += 1
            self.sent_ns = 0
            old = before["metadata"] if before else {}
            item = {**item, "metadata": {
                **meta, "resourceVersion": str(self.version),
                "uid": old.get("uid") or meta.get("uid") or str(uuid.uuid4())}}
            self.objects[plural][key] = item
            self.texts[plural][key] = encode(item)
            self.publish(Event(self.version, plural, "MODIFIED" if before else "ADDED", item,
                               before))
            return item

    def find(self, plural, namespace, name, version=None, uid=None):
        """The object, if it is the one that a write names."""
        item = self.objects[plural].get((namespace, name))
        if item is None:
            raise Failure(404, "NotFound", f'{plural} "{name}" not found')
        if version not in (None, item["metadata"]["resourceVersion"]) or uid not in (
                None, item["metadata"]["uid"]):
            raise Failure(409, "Conflict", f'Operation cannot be fulfilled on {plural} "{name}": '
                          "the object has been modified; please apply your changes to the latest "
                          "version and try again")
        return item

    def delete(self, plural, namespace, name, version=None, uid=None):
        with self.lock:
            item = self.find(plural, namespace, name, version, uid)
            del self.objects[plural][(namespace, name)]
            del self.texts[plural][namespace, name]
            self.version += 1
            item = {**item, "metadata": {**item["metadata"],
                                         "resourceVersion": str(self.version)}}
            self.publish(Event(self.version, plural, "DELETED", item, item))
            return item

    def publish(self, event):
        if len(self.history) == HISTORY:
            self.oldest = self.history[0].version
        self.history.append(event)
        for watcher in self.watchers:
            watcher.tell(event)

    def check_version(self, text):
        if not text or text == "0":
            return 0
        if not text.isdigit():
            raise Failure(500, "", f'resourceVersion: Invalid value: "{text}"')
        version = int(text)
        if version > self.version:
            raise Failure(504, "Timeout",
                          f"Timeout: Too large resource version: {version}, current: "
                          f"{self.version}",
                          {"causes": [{"reason": "ResourceVersionTooLarge",
                                       "message": "Too large resource version"}],
                           "retryAfterSeconds": 1}, {"Retry-After": "1"})
        return version

    def page(self, plural, query, namespace=""):
        """(texts, version, token of the next page or '')"""
        self.check_version(query.get("resourceVersion", ""))
        limit, start, version = int(query.get("limit", 0)), ("", ""), self.version
        if query.get("continue"):
            told = json.loads(base64.urlsafe_b64decode(query["continue"]))
            start, version = tuple(told["start"]), told["version"]
            if version < self.oldest:
                raise Failure(410, "Expired",
                              "The provided continue parameter is too old to display a "
                              "consistent list result.")
        found = [key for key, item in sorted(self.objects[plural].items())
                 if key > start and namespace in ("", key[0]) and matches(item, query.get("labelSelector", ""),
                                            query.get("fieldSelector", ""))]
        token = ""
        if limit and len(found) > limit:
            found = found[:limit]
            token = base64.urlsafe_b64encode(encode({"start": found[-1],
                                                     "version": version})).decode()
        return [self.texts[plural][key] for key in found], version, token


class Watcher:
    """One watch: its events wait in a queue until its connection has sent them."""

    def __init__(self, cluster, plural, query, namespace="", client=""):
        self.cluster, self.plural = cluster, plural
        self.namespace, self.client = namespace, client
        self.labels = query.get("labelSelector", "")
        self.fields = query.get("fieldSelector", "")
        self.ends = time.monotonic() + float(query.get("timeoutSeconds", 1800))
        self.queue = queue.Queue()
        self.begin(query)

    def begin(self, query):
        initial = query.get("sendInitialEvents") == "true"
        if initial and not self.cluster.streams:
            raise Failure(422, "Invalid", 'ListOptions.meta.k8s.io "" is invalid: '
                          "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch "
                          "unless the WatchList feature gate is enabled")
        version = self.cluster.check_version(query.get("resourceVersion", ""))
        if initial or not version:
            texts = self.cluster.texts[self.plural]
            for key, item in sorted(self.cluster.objects[self.plural].items()):
                if self.wants(item):
                    self.queue.put(self.line("ADDED", texts[key]))
            if initial:
                self.queue.put(self.bookmark({"k8s.io/initial-events-end": "true"}))
            return
        if version < self.cluster.oldest:
            self.queue.put(encode({"type": "ERROR", "object": Failure(
                410, "Expired", f"too old resource version: {version} ({self.cluster.oldest})"
            ).body}) + b"\n")
            self.ends = 0
            return
        for event in self.cluster.history:
            if event.version > version:
                self.tell(event)

    def wants(self, item):
        meta = item["metadata"]
        if (self.client, self.plural, meta["name"]) in self.cluster.withheld:
            return False
        return self.namespace in ("", meta.get("namespace")) and matches(
            item, self.labels, self.fields)

    @staticmethod
    def line(kind, item):
        text = item if isinstance(item, bytes) else encode(item)
        return b'{"type":"' + kind.encode() + b'","object":' + text + b"}\n"

    def bookmark(self, annotations=None):
        meta = {"resourceVersion": str(self.cluster.version),
                **({"annotations": annotations} if annotations else {})}
        return self.line("BOOKMARK", {"kind": PLURALS[self.plural], "metadata": meta})

    def tell(self, event):
        """An object that leaves the selector is deleted, as far as this watch goes."""
        if event.kind != self.plural:
            return
        now = event.type != "DELETED" and self.wants(event.object)
        before = event.before is not None and self.wants(event.before)
        if now:
            self.queue.put(self.line("MODIFIED" if before else "ADDED", event.object))
        elif before:
            self.queue.put(self.line("DELETED", event.object))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self):
        self.server.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass  # the command 'cut' was quicker

    def answer(self, code, body, headers=()):
        text = encode(body)
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def chunk(self, text):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def begin_chunks(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def target(self):
        """(plural, namespace, name, query)"""
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        for prefix in GROUPS:
            if path.startswith(prefix + "/"):
                words = path[len(prefix) + 1:].split("/")
                namespace = ""
                if words[0] == "namespaces" and len(words) > 2:
                    namespace, words = words[1], words[2:]
                if words[2:] == ["status"]:
                    words = words[:2]
                if words[0] in PLURALS and len(words) <= 2:
                    return words[0], namespace, words[1] if len(words) == 2 else "", query
        raise Failure(404, "NotFound", "the server could not find the requested resource")

    def refuse(self):
        server = self.server
        server.requests += 1
        for method, words, failure in server.failures:
            if self.command == method and words in self.path:
                raise Failure(*failure)
        if server.tokens is not None and self.headers.get("Authorization", "") not in [
                f"Bearer {token}" for token in server.tokens]:
            raise Failure(401, "Unauthorized", "Unauthorized")
        if server.failure:
            code, headers, text = server.failure
            raise Failure(code, "", text, None, headers)

    def handle_one(self, act):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        try:
            self.refuse()
            target = self.target()
            self.server.counts[f"{self.command} {target[0]}"] += 1
            act(body, *target)
        except Failure as failure:
            self.answer(failure.code, failure.body, failure.headers)
        except OSError:
            self.close_connection = True

    def do_GET(self):
        self.handle_one(self.read)

    def do_PUT(self):
        self.handle_one(self.replace)

    def do_POST(self):
        self.handle_one(self.create)

    def do_PATCH(self):
        self.handle_one(self.patch)

    def do_DELETE(self):
        self.handle_one(self.remove)

    def put(self, code, plural, namespace, item):
        meta = {key: value for key, value in item["metadata"].items() if key != "resourceVersion"}
        if namespace:
            meta["namespace"] = namespace
        self.answer(code, self.server.cluster.put(
            {**item, "kind": PLURALS[plural], "metadata": meta}))

    def create(self, body, plural, namespace, _name, _query):
        item, cluster = json.loads(body), self.server.cluster
        with cluster.lock:
            if (namespace, item["metadata"]["name"]) in cluster.objects[plural]:
                raise Failure(409, "AlreadyExists",
                              f'{plural} "{item["metadata"]["name"]}" already exists')
            self.put(201, plural, namespace, item)

    def replace(self, body, plural, namespace, name, _query):
        item, cluster = json.loads(body), self.server.cluster
        with cluster.lock:
            cluster.find(plural, namespace, name, item["metadata"].get("resourceVersion"),
                         item["metadata"].get("uid"))
            self.put(200, plural, namespace, item)

    def patch(self, body, plural, namespace, name, _query):
        if self.headers.get("Content-Type") != "application/merge-patch+json":
            raise Failure(415, "UnsupportedMediaType", "only merge patches are known here")
        change, cluster = json.loads(body), self.server.cluster
        with cluster.lock:
            meta = change.get("metadata", {})
            item = cluster.find(plural, namespace, name, meta.get("resourceVersion"),
                                meta.get("uid"))
            self.put(200, plural, namespace, merge(item, change))

    def remove(self, body, plural, namespace, name, _query):
        told = (json.loads(body) if body else {}).get("preconditions", {})
        self.answer(200, self.server.cluster.delete(plural, namespace, name,
                                                    told.get("resourceVersion"), told.get("uid")))

    def read(self, _body, plural, namespace, name, query):
        cluster = self.server.cluster
        if name:
            self.answer(200, cluster.find(plural, namespace, name))
        elif query.get("watch") in ("1", "true"):
            self.watch(plural, query, namespace)
        else:
            with cluster.lock:
                texts, version, token = cluster.page(plural, query, namespace)
            self.list(plural, texts, version, token)

    def list(self, plural, texts, version, token):
        self.begin_chunks()
        meta = {"resourceVersion": str(version), **({"continue": token} if token else {})}
        self.chunk(b'{"kind":"%sList","apiVersion":"v1","metadata":%s,"items":['
                   % (PLURALS[plural].encode(), encode(meta)))
        for start in range(0, len(texts), 64):
            self.chunk((b"," if start else b"") + b",".join(texts[start:start + 64]))
        self.chunk(b"]}\n")
        self.wfile.write(b"0\r\n\r\n")

    def watch(self, plural, query, namespace):
        cluster = self.server.cluster
        with cluster.lock:
            watcher = Watcher(cluster, plural, query, namespace, self.client_address[0])
            cluster.watchers.append(watcher)
        try:
            self.begin_chunks()
            self.send_events(watcher)
            self.wfile.write(b"0\r\n\r\n")
        finally:
            with cluster.lock:
                cluster.watchers.remove(watcher)

    def send_events(self, watcher):
        bookmark = time.monotonic() + watcher.cluster.bookmarks
        while True:
            wait = min(bookmark, watcher.ends) - time.monotonic()
            try:
                parts = [watcher.queue.get(timeout=max(wait, 0))]
                while not watcher.queue.empty() and len(parts) < 64:
                    parts.append(watcher.queue.get())
                watcher.cluster.sent_ns = watcher.cluster.sent_ns or time.monotonic_ns()
                self.chunk(b"".join(parts))
            except queue.Empty:
                if time.monotonic() >= watcher.ends:
                    return
                bookmark = time.monotonic() + watcher.cluster.bookmarks
                self.chunk(watcher.bookmark())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, place, cluster, before=None):
        self.cluster = cluster
        self.connections = set()
        self.failure = before.failure if before else None
        self.failures = before.failures if before else []
        self.tokens = before.tokens if before else None
        self.requests = before.requests if before else 0
        self.counts = before.counts if before else collections.Counter()  # "PUT leases"
        super().__init__(place, Handler)

    def handle_error(self, *_):
        pass  # the client has gone


class Commands:
    """What can be told on standard input."""

    def __init__(self, place, cluster):
        self.cluster = cluster
        self.server = Server(place, cluster)
        self.place = self.server.server_address
        self.port = self.place[1]
        self.serve()

    def serve(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, object):
        return {"resourceVersion": self.cluster.put(object)["metadata"]["resourceVersion"]}

    def load(self, path):
        """Objects of a file, one JSON text a line, before anybody watches."""
        with open(path, encoding="utf-8") as lines:
            return {"objects": sum(1 for line in lines if self.cluster.put(json.loads(line)))}

    def delete(self, kind, name, namespace=""):
        self.cluster.delete(KINDS[kind], namespace, name)

    def fail(self, status=0, message="no", headers=()):
        """Every request from here on gets this status; 0: none does."""
        self.server.failure = (status, dict(headers), message) if status else None

    def forbid(self, method, words):
        """403 for requests of a method with these words in their path."""
        self.server.failures.append((method, words, (
            403, "Forbidden", f'User "agent" cannot {method.lower()} {words}')))

    def allow(self):
        self.server.failures.clear()

    def get(self, kind, name, namespace=""):
        return self.cluster.find(KINDS[kind], namespace, name)

    def all(self, kind):
        return {"items": list(self.cluster.objects[KINDS[kind]].values())}

    def withhold(self, client, kind, name):
        """The watches of the client at this address hear nothing of an object; its lists show it."""
        self.cluster.withheld.add((client, KINDS[kind], name))

    def tokens(self, tokens):
        self.server.tokens = tokens

    def compact(self):
        """Forgets what was: a watch from an older version is told 410."""
        with self.cluster.lock:
            self.cluster.version += 1
            self.cluster.oldest = self.cluster.version
            self.cluster.history.clear()

    def cut(self):
        """All connections end without a last chunk."""
        for connection in list(self.server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.cut()

    def start(self):
        self.server = Server(self.place, self.cluster, self.server)
        self.serve()

    def renumber(self, version):
        """Another life of the cluster, as out of a backup."""
        with self.cluster.lock:
            self.cluster.version = version
            self.cluster.history.clear()

    def stats(self):
        return {"requests": self.server.requests, "connections": len(self.server.connections),
                "watchers": len(self.cluster.watchers), "version": self.cluster.version,
                "sent_ns": self.cluster.sent_ns, "counts": dict(self.server.counts)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bookmarks", type=float, default=60)
    parser.add_argument("--no-streaming-lists", action="store_true")
    options = parser.parse_args()
    commands = Commands((options.address, options.port),
                        Cluster(options.bookmarks, not options.no_streaming_lists))
    print(json.dumps({"port": commands.port}), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        try:
            answer = getattr(commands, told.pop("do"))(**told)
        except Failure as failure:
            answer = {"error": str(failure)}
        print(json.dumps(answer or {}), flush=True)


if __name__ == "__main__":
    main()
