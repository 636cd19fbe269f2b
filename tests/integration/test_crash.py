#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments: nothing that was acknowledged is missing, nothing is there twice, and indexes agree with documents."""

import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fgtest
import rawclient

ROUNDS = int(os.environ.get("FG_CRASH_ROUNDS", "10" if fgtest.SANITIZED else "50"))
WRITERS = 4


class Writer(threading.Thread):
    """Inserts, updates and deletes documents of its own; remembers what was acknowledged."""

    def __init__(self, port, number, start):
        super().__init__(daemon=True)
        self.port, self.number, self.next = port, number, start
        self.acknowledged = {}  # _id: value of n
        self.deleted = set()
        self.unknown = {}  # _id: values that a request without an answer may have left; None: no document
        self.problem = None

    def run(self):
        try:
            client = rawclient.Client(self.port)
            while True:
                self.step(client)
        except OSError:
            pass
        except Exception as error:
            self.problem = error

    def step(self, client):
        key = f"{self.number}-{self.next}"
        self.next += 1
        self.unknown = {key: [None, 0]}
        self.done(client.run({"insert": "c", "documents": [{"_id": key, "n": 0, "k": key}]}), key, 0)
        if self.next % 3 == 0:
            self.unknown = {key: [0, 1]}
            self.done(client.run({"update": "c", "updates": [{"q": {"_id": key}, "u": {"$set": {"n": 1}}}]}), key, 1)
        if self.next % 5 == 0:
            self.unknown = {key: [None, self.acknowledged[key]]}
            self.done(client.run({"delete": "c", "deletes": [{"q": {"_id": key}, "limit": 1}]}), key, None)

    def done(self, reply, key, value):
        if reply["ok"] != 1 or reply.get("writeErrors") or reply["n"] != 1:
            raise AssertionError(f"unexpected reply {reply}")
        self.unknown = {}
        if value is None:
            del self.acknowledged[key]
            self.deleted.add(key)
        else:
            self.acknowledged[key] = value


def check(client, expected, deleted, unknown):
    found = {}
    for document in client.find_all("c"):
        fgtest.expect(document["_id"] not in found, f"{document['_id']} is there twice")
        found[document["_id"]] = document["n"]
    for key, value in expected.items():
        allowed = unknown.get(key, [value])
        fgtest.expect(found.get(key) in allowed, f"acknowledged {key}: {value} became {found.get(key)}")
    for key in deleted:
        fgtest.expect(key not in found, f"{key} was deleted and is back")
    for key in found:
        fgtest.expect(key in expected or found[key] in unknown.get(key, []), f"{key} was never written")
    for key in random.sample(sorted(found), min(20, len(found))):
        fgtest.expect_equal([d["_id"] for d in client.find_all("c", filter={"k": key})], [key], "look-up by index")
    return found


def case_kill_at_random_moments():
    random.seed(os.environ.get("FG_CRASH_SEED", "1"))
    server = fgtest.Server(module=False)
    expected, deleted, starts, total = {}, set(), [0] * WRITERS, 0
    try:
        server.start()
        client = rawclient.Client(server.port)
        fgtest.expect_equal(client.run({"createIndexes": "c", "indexes": [{"key": {"k": 1}, "name": "k_1", "unique": True}]})["ok"], 1.0)
        client.close()
        for _ in range(ROUNDS):
            writers = [Writer(server.port, i, starts[i]) for i in range(WRITERS)]
            for writer in writers:
                writer.start()
            time.sleep(random.uniform(0.01, 0.25))
            server.kill()
            unknown = {}
            for i, writer in enumerate(writers):
                writer.join(30)
                if writer.problem:
                    raise writer.problem
                expected.update(writer.acknowledged)
                for key in writer.deleted:
                    expected.pop(key, None)
                deleted |= writer.deleted
                unknown.update(writer.unknown)
                total += len(writer.acknowledged) + len(writer.deleted)
                starts[i] = writer.next
            server.start()
            client = rawclient.Client(server.port)
            expected = check(client, expected, deleted, unknown)
            deleted -= set(expected)  # an unanswered insert of a deleted key cannot exist; keys are used once
            client.close()
        fgtest.expect(total > ROUNDS, f"only {total} writes were acknowledged")
        print(f"# {ROUNDS} kills, {total} documents written, {len(expected)} left", flush=True)
        server.stop()
    finally:
        server.__exit__(Exception, None, None)


if __name__ == "__main__":
    fgtest.main(globals(), "integration.crash")
