# SPDX-License-Identifier: Apache-2.0
"""CPU time of fieldguardd per insert with the module against without: two servers side by side, their bursts interleaved, medians of the pairwise
ratio. The store lies on tmpfs, so that no disk takes part. CPU time is the kernel's own count of every thread (schedstat, nanoseconds)."""

import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "integration"))
import fgtest  # noqa: E402

LOAD = os.path.join(fgtest.BUILD, "bench", "insert_load")
ROUNDS = 15
FIELDS = ("ssn", "name", "phone")
RULE = fgtest.encrypt_rule()
SCHEMA = {"properties": {**{f: RULE for f in FIELDS}, "address": {"bsonType": "object", "properties": {f: RULE for f in ("street", "city", "zip")}}}}


def cpu_ns(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def burst(server, coll, first, count, batch):
    before = cpu_ns(server.process.pid)
    subprocess.run([LOAD, server.uri, coll, str(first), str(count), str(batch)], check=True)
    return (cpu_ns(server.process.pid) - before) / count


def measure(servers, batch, count):
    ratios = []
    for server in servers:
        server.run({"create": f"b{batch}", "validator": {"$jsonSchema": SCHEMA}}, "bench")
        burst(server, f"b{batch}", 0, count, batch)
    for n in range(1, ROUNDS + 1):
        order = servers if n % 2 else servers[::-1]
        cost = {id(s): burst(s, f"b{batch}", n * count, count, batch) for s in order}
        ratios.append(cost[id(servers[0])] / cost[id(servers[1])])
    return statistics.median(ratios)


def main():
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=base) as a, tempfile.TemporaryDirectory(dir=base) as b:
        with fgtest.Server(folder=a) as guarded, fgtest.Server(module=False, folder=b) as stock:
            for batch, count in ((1, 2000), (100, 10000)):
                ratio = measure([guarded, stock], batch, count)
                name = "CPU per insert, " + ("one document a command" if batch == 1 else f"{batch} documents a command")
                print(json.dumps({"name": name, "peer": "fieldguardd without the module", "ratio": round(ratio, 4), "goal": 1.05, "ok": ratio <= 1.05}), flush=True)


main()
