#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unmodified drivers against a fieldguardd with --replSet: their ordinary day, now with retryable writes, and transactions. The clients print their own result lines."""

import os
import subprocess
import sys

import fgtest

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
NODE = os.path.join(fgtest.CLIENTS, "node")
MONGOSH = os.path.join(fgtest.CLIENTS, "mongosh", "node_modules", ".bin", "mongosh")
PYTHON = os.path.join(fgtest.CLIENTS, "venv", "bin", "python")


def missing(client):
    """The reason why a client could not be set up, or None."""
    try:
        with open(os.path.join(fgtest.CLIENTS, client + ".missing"), encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return None


def clients(uri):
    def built(name):
        return [os.path.join(fgtest.BUILD, "tests", "clients", name), uri]

    def shell(database, script):
        return [MONGOSH, "--quiet", "--norc", f"{uri}/{database}", "--file", os.path.join(HERE, script)]

    yield "libmongoc", None, [built("libmongoc_client"), built("libmongoc_transactions")]
    yield "pymongo", missing("pymongo"), [[PYTHON, os.path.join(HERE, name), uri] for name in ("pymongo_client.py", "pymongo_transactions.py")]
    yield "node", missing("node"), [["node", os.path.join(HERE, name), uri] for name in ("node_client.js", "node_transactions.js")]
    yield "mongosh", missing("mongosh"), [shell("mongosh", "mongosh_client.js"), shell("mongosh_txn", "mongosh_transactions.js")]


def run(name, command, env):
    """True when the client is content; its result lines are told apart from those of test_drivers.py."""
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=200)
    for line in done.stdout.splitlines():
        words = line.split(" ")
        at = 2 if line.startswith("not ok ") else 1
        if words[0] in ("ok", "not", "skip") and len(words) > at:
            words[at] = "drivers.replset." + words[at]
        print(" ".join(words), flush=True)
    if done.returncode != 0:
        print(f"not ok drivers.replset.{name} - exit status {done.returncode}", flush=True)
    return done.returncode == 0


def main():
    failed = False
    env = dict(os.environ, NODE_PATH=os.path.join(NODE, "node_modules"))
    with fgtest.Server(args=["--replSet", "rs0"]) as server:
        env["HOME"] = server.folder  # mongosh keeps its history and logs there
        for name, reason, commands in clients(server.uri):
            if reason:
                print(f"skip drivers.replset.{name} - {reason}", flush=True)
                continue
            for command in commands:
                failed = not run(name, command, env) or failed
    sys.exit(1 if failed else 0)


main()
