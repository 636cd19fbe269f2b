#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time of mongod for each insert and update, with the module against without: same binary, interleaved rounds, ratios of medians.

   cpu.py --mongod BINARY --module fieldguard.so [--rounds 15] [--operations 3000] [--pre-write]
"""

import argparse
import contextlib
import json
import os
import statistics
import sys

from pymongo.errors import OperationFailure

from cluster import Cluster
from regress import PLAIN, VALIDATOR, cipher


def cpu_seconds(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        main_thread = int(f.read().split()[0])
    total = main_thread
    for task in os.listdir(f"/proc/{pid}/task"):
        if int(task) != pid:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total / 1e9


def document(i):
    return {"_id": i, "n": i, "name": "x" * 40, "ssn": cipher(), "tags": ["a", "b", "c"], "address": {"street": "y" * 30, "zip": i}}


def refused_inserts(c, n):
    for i in range(n):
        with contextlib.suppress(OperationFailure):
            c.database["off"].insert_one(dict(document(i), ssn=PLAIN))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mongod", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--operations", type=int, default=3000)
    parser.add_argument("--pre-write", action="store_true")
    args = parser.parse_args()
    kinds = {"without": (None, {}), "observer": (args.module, {})}
    if args.pre_write:
        kinds["preWrite"] = (args.module, {"fieldguardPreWrite": "true"})
    with contextlib.ExitStack() as stack:
        hosts = {}
        for kind, (module, settings) in kinds.items():
            cluster = stack.enter_context(Cluster(args.mongod, module, settings))
            client = cluster.client()
            client["fgcpu"].create_collection("t", validator=VALIDATOR)
            client["fgcpu"].create_collection("off", validator=VALIDATOR, validationLevel="off")
            hosts[kind] = (cluster.nodes[0].process.pid, client["fgcpu"]["t"])
        spent = {kind: {"insert": [], "batch": [], "update": []} for kind in kinds}
        refused = {kind: [] for kind in kinds}
        for round_ in range(args.rounds + 1):
            documents = [document(round_ * args.operations + i) for i in range(args.operations)]
            names = list(kinds)
            for kind in names[round_ % len(names):] + names[:round_ % len(names)]:
                pid, c = hosts[kind]
                work = {"insert": lambda: [c.insert_one(d) for d in documents],
                        "update": lambda: [c.update_one({"_id": d["_id"]}, {"$set": {"ssn": d["ssn"]}, "$inc": {"n": 1}}) for d in documents],
                        "batch": lambda: c.insert_many([dict(d, _id=f"b{d['_id']}") for d in documents])}
                for what, function in work.items():
                    before = cpu_seconds(pid)
                    function()
                    if round_:  # the first warms up
                        spent[kind][what].append((cpu_seconds(pid) - before) / args.operations)
                if round_ and kind != "without":
                    before = cpu_seconds(pid)
                    refused_inserts(c, args.operations)
                    refused[kind].append((cpu_seconds(pid) - before) / args.operations)
        base = spent["without"]
        for kind in list(kinds)[1:]:
            print(json.dumps({"route": kind, "rounds": args.rounds, "operations": args.operations,
                              "ratio": {w: round(statistics.median(spent[kind][w]) / statistics.median(base[w]), 3) for w in base},
                              "refused insert against an accepted one without":
                                  round(statistics.median(refused[kind]) / statistics.median(base["insert"]), 3),
                              "paired": {w: round(statistics.median(a / b for a, b in zip(spent[kind][w], base[w])), 3) for w in base}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
