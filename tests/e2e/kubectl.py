# SPDX-License-Identifier: GPL-3.0-or-later
"""The real kubectl, where it is installed, as a client of an agent in the laboratory."""

import functools
import glob
import json
import os
import re
import shutil
import subprocess

import pytest

SERVER = "http://127.0.0.1:8001"
LISTEN = ("--api-listen", "127.0.0.1:8001")  # for the agent


def candidates():
    """BL_KUBECTL names programs (with ':' between them); else what PATH leads to. Some packages have
    one program for each version beside a small one that chooses."""
    if os.environ.get("BL_KUBECTL"):
        return os.environ["BL_KUBECTL"].split(":")
    first = shutil.which("kubectl")
    if first is None:
        return []
    return glob.glob(os.path.realpath(first) + ".1.*") or [first]


def version_of(path):
    """(1, 33), or None for what is no kubectl."""
    try:
        told = subprocess.run([path, "version", "--client", "-o", "json"], timeout=20, check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env={**os.environ, "HOME": "/nonexistent"})
        version = json.loads(told.stdout)["clientVersion"]
        return int(version["major"]), int(re.match(r"\d+", version["minor"])[0])
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError):
        return None


@functools.cache
def installed():
    """(version, path) of the oldest and the newest kubectl; none: there is none. All of those that
    BL_KUBECTL names."""
    found = sorted({version_of(path): path for path in candidates()}.items(),
                   key=lambda one: one[0] or (0, 0))
    found = [one for one in found if one[0]]
    return found if os.environ.get("BL_KUBECTL") or len(found) < 2 else [found[0], found[-1]]


class Kubectl:
    """Commands as a user of the node types them."""

    def __init__(self, version, path, node):
        self.version = version
        self.path = path
        self.node = node
        self.home = os.path.join(node.folder, "home")
        os.makedirs(self.home, exist_ok=True)

    def argv(self, *arguments):
        return ["env", f"HOME={self.home}", "KUBECONFIG=/dev/null", "TERM=dumb", self.path,
                "--server", SERVER, *arguments]

    def __call__(self, *arguments, check=True, text=None, timeout=30):
        return self.node.run(*self.argv(*arguments), check=check, text=text, timeout=timeout)

    def lines(self, *arguments, **options):
        return self(*arguments, **options).stdout.splitlines()

    def json(self, *arguments):
        return json.loads(self(*arguments, "-o", "json").stdout)

    def refused(self, *arguments, **options):
        """What it says on standard error when it fails, as it must."""
        done = self(*arguments, check=False, **options)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def start(self, *arguments, **options):
        return self.node.start(*self.argv(*arguments), **options)


def name_of(one):
    return "kubectl-{}.{}".format(*one[0]) if one else "no-kubectl"


@pytest.fixture(params=installed() or [None], ids=name_of)
def kubectl_program(request):
    if request.param is None:
        pytest.skip("no kubectl on PATH; BL_KUBECTL may name one")
    return request.param
