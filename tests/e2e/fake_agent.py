# SPDX-License-Identifier: GPL-3.0-or-later
"""A small API server on a unix socket, for what a real agent does not do on demand: broken streams,
answers that are no JSON, an agent that is unwell. Keeps objects in memory."""

import http.server
import json
import re
import socketserver
import threading
import urllib.parse

PATH = re.compile(r"^/(?:api/v1|apis/discovery\.k8s\.io/v1)(?:/namespaces/([^/]+))?/([a-z]+)"
                  r"(?:/([^/]+))?$")
KINDS = {"services": "Service", "pods": "Pod", "endpoints": "Endpoints",
         "endpointslices": "EndpointSlice", "nodes": "Node", "namespaces": "Namespace",
         "leases": "Lease"}


def merge(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def answer(self, code, body, raw=False):
        data = body if raw else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, code, reason, message):
        self.answer(code, {"kind": "Status", "status": "Failure", "message": message,
                           "reason": reason, "code": code})

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def dispatch(self):
        url = urllib.parse.urlsplit(self.path)
        query = {k: v[0] for k, v in urllib.parse.parse_qs(url.query).items()}
        agent = self.server.agent
        if url.path in agent.canned:
            self.answer(200, agent.canned[url.path], raw=isinstance(agent.canned[url.path], bytes))
            return
        match = PATH.match(url.path)
        if not match or match.group(2) not in KINDS:
            self.refuse(404, "NotFound", "the server could not find the requested resource")
            return
        ns, plural, name = (urllib.parse.unquote(part) if part else None
                            for part in match.groups())
        if query.get("watch"):
            self.watch(agent)
        elif name:
            self.one(agent, ns, plural, name)
        elif self.command == "POST":
            self.create(agent, ns, plural)
        else:
            self.list(agent, ns, plural, query)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = dispatch

    def list(self, agent, ns, plural, query):
        items = [o for (kind, space, _), o in sorted(agent.objects.items())
                 if kind == plural and (ns is None or space == ns)]
        for pair in filter(None, query.get("labelSelector", "").split(",")):
            key, value = pair.split("=")
            items = [o for o in items if o["metadata"].get("labels", {}).get(key) == value]
        if query.get("fieldSelector", "").startswith("metadata.name="):
            wanted = query["fieldSelector"].split("=")[1]
            items = [o for o in items if o["metadata"]["name"] == wanted]
        self.answer(200, {"kind": KINDS[plural] + "List", "apiVersion": "v1",
                          "metadata": {"resourceVersion": str(agent.version)}, "items": items})

    def create(self, agent, ns, plural):
        made = self.body()
        key = (plural, ns, made["metadata"]["name"])
        if key in agent.objects:
            self.refuse(409, "AlreadyExists", f'{plural} "{key[2]}" already exists')
            return
        agent.put(plural, made)
        self.answer(201, made)

    def one(self, agent, ns, plural, name):
        key = (plural, ns, name)
        if key not in agent.objects:
            self.refuse(404, "NotFound", f'{plural} "{name}" not found')
            return
        if self.command == "PATCH":
            assert self.headers["Content-Type"] == "application/merge-patch+json"
            changed = merge(agent.objects[key], self.body())
            if changed != agent.objects[key]:
                agent.put(plural, changed)
        elif self.command == "DELETE":
            del agent.objects[key]
            self.answer(200, {"kind": "Status", "status": "Success"})
            return
        self.answer(200, agent.objects[key])

    def watch(self, agent):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in agent.stream:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if agent.stream_ends:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class FakeAgent:
    def __init__(self, path):
        self.path = path
        self.objects = {}
        self.version = 0
        self.canned = {}
        self.stream = []          # pieces of a watch's body
        self.stream_ends = True   # with the last chunk, as it should
        self.server = Server(path, Handler)
        self.server.agent = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def put(self, plural, made):
        self.version += 1
        meta = made["metadata"]
        meta["resourceVersion"] = str(self.version)
        self.objects[plural, meta.get("namespace"), meta["name"]] = made

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
