# SPDX-License-Identifier: GPL-3.0-or-later
"""Build folders of the tree: how each is configured, and how to bring one up to date."""

import contextlib
import fcntl
import os
import subprocess

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Folder -> (environment, arguments of meson setup).
CONFIGURATIONS = {
    "build": ({}, []),
    "build-san": ({}, ["-Db_sanitize=address,undefined"]),
    # Also what clang-tidy reads its compile commands from, and the proof that clang builds it all.
    "build-fuzz": ({"CC": "clang-14"}, [
        "-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
        "-Dc_args=-fsanitize=fuzzer-no-link"]),
}


class BuildFailed(Exception):
    """Carries what the build printed."""


def path(folder):
    return os.path.join(TREE, folder)


@contextlib.contextmanager
def locked(folder):
    """Two runs in one tree share its build folders; only one may build or write logs there."""
    os.makedirs(path(folder), exist_ok=True)
    with open(os.path.join(path(folder), ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def update(folder, run=None):
    """Configures `folder` if it is new, and builds everything in it."""
    run = run or run_quietly
    extra_env, arguments = CONFIGURATIONS[folder]
    env = dict(os.environ, **extra_env)
    with locked(folder):
        note = os.path.join(path(folder), ".configured-with")
        if not os.path.exists(os.path.join(path(folder), "build.ninja")):
            run(["meson", "setup", *arguments, path(folder), TREE], env)
        elif read(note) != " ".join(arguments):
            run(["meson", "configure", *arguments, path(folder)], env)
        with open(note, "w", encoding="utf-8") as out:
            out.write(" ".join(arguments))
        run(["ninja", "-C", path(folder)], env)


def read(file):
    try:
        with open(file, encoding="utf-8") as text:
            return text.read()
    except FileNotFoundError:
        return None


def run_quietly(command, env):
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise BuildFailed(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}")
