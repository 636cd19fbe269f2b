#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules change 200 times under eight writers: every verdict is one that rules in force at some moment of the write would have given, in one order that all writes agree on.

Each write carries what it is (which fields are plaintext, which ciphertext, under which key) and when its command left and its reply came; so does each collMod.
Rules n may have judged a write when n's collMod had begun before the write's reply came, and n+1's had not ended before the write left. From that the order is rebuilt:
a write that began after another one's reply was judged by the same or later rules. Where no such order exists, the server was not linearizable.
"""

import json
import multiprocessing
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fgtest
import rawclient
from fgtest import expect, expect_equal

WRITERS = 8
CHANGES = int(os.environ.get("FG_LINEARIZABLE_CHANGES", "200"))
KEYS = (bytes(range(16)), bytes(range(100, 116)))
PLAIN, FIRST, SECOND = 0, 1, 2  # plaintext, or ciphertext under one of two keys
DEADLINE = 240

# What the rules want of a and of b: None for no rule, else the key.
RULES = [(FIRST, None), (None, FIRST), (FIRST, FIRST), (SECOND, None), (None, None), (FIRST, SECOND), (None, SECOND), (SECOND, SECOND)]


def uuid(data):
    return fgtest.binary(data, 4)


def validator(rules):
    properties = {name: {"encrypt": {"keyId": [uuid(KEYS[key - 1])], "algorithm": fgtest.RANDOM, "bsonType": "string"}} for name, key in zip("ab", rules) if key}
    return {"$jsonSchema": {"properties": properties}}


def accepts(rules, kind):
    return all(wanted is None or wanted == have for wanted, have in zip(rules, kind))


def value(kind, n):
    if kind == PLAIN:
        return f"plain {n}"
    body = random.Random(n).randbytes(16 + 16 + 32)
    return bytes([2]) + KEYS[kind - 1] + b"\x02" + body


def fields(kind, n):
    return {"a": value(kind[0], n), "b": value(kind[1], n), "kind": list(kind), "n": n}


def command(rng, number, n, kind):
    """One of the ways to write; returns (command, whether the write is an insert)."""
    own = {"_id": f"own{number}"}
    way = rng.randrange(5)
    if way == 0:
        return {"insert": "c", "documents": [dict({"_id": f"{number}-{n}"}, **fields(kind, n))]}, True
    if way == 1:
        return {"update": "c", "updates": [{"q": own, "u": {"$set": fields(kind, n)}}]}, False
    if way == 2:
        return {"update": "c", "updates": [{"q": own, "u": dict(own, **fields(kind, n))}]}, False
    if way == 3:
        return {"findAndModify": "c", "query": own, "update": {"$set": fields(kind, n)}}, False
    return {"update": "c", "updates": [{"q": {"_id": f"{number}-{n}"}, "u": {"$set": fields(kind, n)}, "upsert": True}]}, True


def writer(port, number, stop, path):
    """Writes until stop; leaves [start, end, kind, accepted, n, is insert] in path."""
    rng = random.Random(number)
    client = rawclient.Client(port)
    done = []
    n = 0
    while not stop.is_set():
        n += 1
        kind = (rng.choice((PLAIN, FIRST, SECOND)), rng.choice((PLAIN, FIRST, SECOND)))
        what, is_insert = command(rng, number, n, kind)
        begun = time.monotonic_ns()
        reply = client.run(what)
        ended = time.monotonic_ns()
        code = reply["writeErrors"][0]["code"] if reply.get("writeErrors") else reply.get("code", 0)
        if code not in (0, 121):
            raise AssertionError(f"{what}: {reply}")
        done.append((begun, ended, kind, code == 0, n, is_insert))
    client.close()
    with open(path, "w", encoding="ascii") as f:
        json.dump(done, f)


def change_rules(server, rng):
    """Returns [(start, end, rules)], the first one from the beginning of time."""
    history = [(0, 0, RULES[0])]
    for _ in range(CHANGES):
        rules = rng.choice([r for r in RULES if r != history[-1][2]])
        begun = time.monotonic_ns()
        reply = server.run({"collMod": "c", "validator": validator(rules)})
        history.append((begun, time.monotonic_ns(), rules))
        expect_equal(reply["ok"], 1, f"{reply}")
        time.sleep(rng.random() * 0.015)
    return history


def versions(history, begun, ended):
    """Every n whose rules may have been in force at some moment of the write."""
    last = len(history) - 1
    return [n for n in range(len(history)) if history[n][0] <= ended and (n == last or history[n + 1][1] >= begun)]


def find_order(history, writes):
    """Gives every write the earliest rules that explain its verdict; returns how many left no choice."""
    ends = sorted((end, i) for i, (_, end, *_) in enumerate(writes))
    chosen = [0] * len(writes)
    at, least, sharp = 0, 0, 0
    for i in sorted(range(len(writes)), key=lambda i: writes[i][0]):
        begun, ended, kind, accepted = writes[i][:4]
        while ends[at][0] < begun:  # what was answered before this one left
            least = max(least, chosen[ends[at][1]])
            at += 1
        possible = versions(history, begun, ended)
        sharp += len(possible) == 1
        fitting = [n for n in possible if n >= least and accepts(history[n][2], kind) == accepted]
        if not fitting:
            verdict = "accepted" if accepted else "refused"
            raise AssertionError(f"a write with kind {kind} was {verdict}; rules that may have judged it: {[(n, history[n][2]) for n in possible]}, and not before {least}")
        chosen[i] = fitting[0]
    return sharp


def check_stored(server, results):
    client = rawclient.Client(server.port)
    stored = {d["_id"]: d for d in client.find_all("c")}
    client.close()
    expected = {f"own{number}": None for number in range(WRITERS)}
    for number, writes in enumerate(results):
        for _, _, kind, accepted, n, is_insert in writes:
            if accepted:
                expected[f"{number}-{n}" if is_insert else f"own{number}"] = (kind, n)
    expect_equal(set(stored), set(expected), "documents")
    for name, state in expected.items():
        if state:
            kind, n = state
            expect_equal((stored[name]["n"], stored[name]["kind"]), (n, list(kind)), name)
            expect_equal((stored[name]["a"], stored[name]["b"]), (value(kind[0], n), value(kind[1], n)), name)


def case_collmod_under_writers():
    with tempfile.TemporaryDirectory() as folder:
        server = fgtest.Server()
        server.settings = {"fieldguard.auditPath": server.audit, "fieldguard.ruleRemoval": "allow"}
        with server:
            expect_equal(server.run({"create": "c", "validator": validator(RULES[0])})["ok"], 1)
            for number in range(WRITERS):
                expect_equal(server.run({"insert": "c", "documents": [{"_id": f"own{number}"}]})["ok"], 1)
            stop = multiprocessing.Event()
            paths = [os.path.join(folder, str(number)) for number in range(WRITERS)]
            processes = [multiprocessing.Process(target=writer, args=(server.port, number, stop, paths[number])) for number in range(WRITERS)]
            for process in processes:
                process.start()
            try:
                history = change_rules(server, random.Random(1))
            finally:
                stop.set()
                for process in processes:
                    process.join(DEADLINE)
            expect_equal([process.exitcode for process in processes], [0] * WRITERS, "the writers' exit statuses")
            results = []
            for path in paths:
                with open(path, encoding="ascii") as f:
                    results.append([(b, e, tuple(k), a, n, i) for b, e, k, a, n, i in json.load(f)])
            writes = [w for r in results for w in r]
            accepted = sum(w[3] for w in writes)
            sharp = find_order(history, writes)
            print(f"{len(history) - 1} changes, {len(writes)} writes, {accepted} accepted, {sharp} with one possible set of rules")
            expect(accepted >= 100 and len(writes) - accepted >= 100, f"{accepted} of {len(writes)} accepted")
            expect(sharp >= 100, f"only {sharp} writes stood under rules that nothing else could have judged")
            check_stored(server, results)


def case_the_check_finds_what_it_looks_for():
    """Histories that are not linearizable are refused by the check itself."""
    history = [(0, 0, (FIRST, None)), (100, 110, (None, FIRST)), (200, 210, (FIRST, FIRST))]
    plain_b, plain_a = (FIRST, PLAIN), (PLAIN, FIRST)
    find_order(history, [(10, 20, plain_b, True), (105, 108, plain_b, True), (105, 108, plain_a, True), (120, 130, plain_a, True), (205, 220, plain_a, False)])
    for bad in (
        [(10, 20, plain_a, True)],
        [(120, 130, plain_b, True)],
        [(120, 130, plain_a, False)],
        [(101, 102, plain_a, True), (103, 104, plain_b, True)],  # after the new rules were seen at work, the old ones judged again
    ):
        try:
            find_order(history, bad)
        except AssertionError:
            continue
        raise AssertionError(f"{bad} was taken for linearizable")


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    fgtest.main(globals(), "integration.linearizable")
