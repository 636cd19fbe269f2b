#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recorded queries over the wire: our own cases always, a mongod's where its recording is present. Results, effects and error numbers are the recording's."""

import gzip
import os
import subprocess

import fgtest
from fgtest import Server, Skip, expect

REPLAY = os.path.join(fgtest.BUILD, "tests", "queries", "replay_wire")
OWN = os.path.join(fgtest.TOP, "tests", "integration", "queries", "own.ndjson")
VECTORS = os.environ.get("FG_VECTORS") or os.path.join(fgtest.TOP, "..", "shared", "vectors")


def replay(server, records, quiet=False):
    done = subprocess.run([REPLAY, server.uri], input=records, stdout=subprocess.PIPE, timeout=280, check=False)
    text = done.stdout.decode(errors="replace")
    if not quiet:
        print("\n".join("# " + line.lstrip("# ") for line in text.splitlines()), flush=True)
    return done.returncode


def case_own():
    with open(OWN, "rb") as f, Server(module=False) as server:
        expect(replay(server, f.read()) == 0, "see the lines above")


def case_a_changed_answer_is_noticed():
    with open(OWN, "rb") as f, Server(module=False) as server:
        records = f.read()
        expect(replay(server, records.replace(b'"nModified": 1', b'"nModified": 2'), quiet=True) == 1, "nModified")
        expect(b'"code": 9,' in records and replay(server, records.replace(b'"code": 9,', b'"code": 8,'), quiet=True) == 1, "an error's number")


def case_mongod():
    path = os.path.join(VECTORS, "mongod-queries.ndjson.gz")
    if not os.path.exists(path):
        raise Skip(f"no recording at {path}")
    with gzip.open(path) as f, Server(module=False) as server:
        expect(replay(server, f.read()) == 0, "see the lines above")


fgtest.main(globals(), "queries_wire")
