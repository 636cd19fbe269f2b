#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The regress script of the mongod host, run against fieldguardd: one list of write paths, two hosts, the same answers."""

import os
import subprocess
import sys
import tempfile

import fgtest

TESTS = os.path.join(fgtest.TOP, "hosts", "mongod", "tests")

# fieldguardd has no applyOps and no capped collections, and says so; serverStatus has its own shape there, which
# test_operations.py checks; like mongod 8.0 it bans encrypt beside moderate, so no offender can be there under it.
NOT_HERE = ("moderate_offender_stays_refused", "apply_ops_insert", "apply_ops_insert_not_atomic", "apply_ops_marked_as_migration", "apply_ops_update", "convert_to_capped", "status")


def main():
    try:
        with open(os.path.join(fgtest.CLIENTS, "pymongo.missing"), encoding="utf-8") as f:
            print(f"skip mongod_regress - {f.read().strip()}")
            return 0
    except FileNotFoundError:
        pass
    script = [os.path.join(fgtest.CLIENTS, "venv", "bin", "python"), os.path.join(TESTS, "regress.py")]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as policy:
        subprocess.run([*script, "--print-policies"], stdout=policy, check=True, timeout=60)
        settings = {"fieldguard.allowLoosening": "true", "fieldguard.policyFile": policy.name}
        with fgtest.Server(settings=settings, args=["--replSet", "fg"]) as server:
            command = [*script, "--uri", server.uri, "--audit", server.audit, "--skip", ",".join(NOT_HERE)]
            return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=280).returncode


sys.exit(main())
