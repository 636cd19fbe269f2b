#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unmodified drivers against fieldguardd with the module, default options: each client script prints its own result lines."""

import os
import subprocess
import sys

import fgtest

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
NODE = os.path.join(fgtest.CLIENTS, "node")
MONGOSH = os.path.join(fgtest.CLIENTS, "mongosh", "node_modules", ".bin", "mongosh")


def missing(client):
    """The reason why a client could not be set up, or None."""
    try:
        with open(os.path.join(fgtest.CLIENTS, client + ".missing"), encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return None


def clients(uri):
    yield "libmongoc", None, [os.path.join(fgtest.BUILD, "tests", "clients", "libmongoc_client"), uri]
    yield "pymongo", missing("pymongo"), [os.path.join(fgtest.CLIENTS, "venv", "bin", "python"), os.path.join(HERE, "pymongo_client.py"), uri]
    yield "node", missing("node"), ["node", os.path.join(HERE, "node_client.js"), uri]
    yield "mongosh", missing("mongosh"), [MONGOSH, "--quiet", "--norc", uri + "/mongosh", "--file", os.path.join(HERE, "mongosh_client.js")]


def main():
    failed = False
    env = dict(os.environ, NODE_PATH=os.path.join(NODE, "node_modules"))
    with fgtest.Server() as server:
        env["HOME"] = server.folder  # mongosh keeps its history and logs there
        for name, reason, command in clients(server.uri):
            if reason:
                print(f"skip drivers.{name} - {reason}", flush=True)
                continue
            result = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, timeout=200)
            if result.returncode != 0:
                print(f"not ok drivers.{name} - exit status {result.returncode}", flush=True)
                failed = True
    sys.exit(1 if failed else 0)


main()
