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


# --- transactions, retryable writes, indexes and collMod in the mix ------------------------------------------------------


class Worker(threading.Thread):
    """Steps until the server dies; what it had sent and not heard of is looked at after the restart."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.number, self.lsid, self.txn = number, {"id": rawclient.Uuid(os.urandom(16))}, 0
        self.acknowledged, self.asked, self.problem = [], None, None
        self.connect(port)

    def connect(self, port):
        self.client = rawclient.Client(port)

    def run(self):
        try:
            while True:
                self.step()
        except OSError:
            pass
        except Exception as error:
            self.problem = error

    def send(self, command, db="test", expected=(), **extra):
        reply = self.client.run(dict(command, lsid=self.lsid, txnNumber=rawclient.Long(self.txn), **extra), db)
        code = (reply["writeErrors"][0] if reply.get("writeErrors") else reply).get("code", 0)
        if code and code not in expected:
            raise AssertionError(f"unexpected {reply}")
        return code

    def plain(self, command):
        reply = self.client.run(command)
        if reply["ok"] != 1:
            raise AssertionError(f"unexpected {reply}")


class Transactor(Worker):
    """Each transaction inserts into two collections and counts in a third; rules and indexes that change under it make it start again (112, 246, 251)."""

    def step(self):
        self.txn += 1
        key, refused = f"{self.number}-{self.txn}", (112, 246, 251)
        pair = {"_id": key, "k": key, "pair": self.txn}
        statements = (
            {"insert": "left", "documents": [pair]},
            {"insert": "right", "documents": [dict(pair, _id=key + "-2")]},
            {"update": "counts", "updates": [{"q": {"_id": self.number}, "u": {"$inc": {"n": 1}}}]},
        )
        for i, statement in enumerate(statements):
            if self.send(statement, expected=refused, autocommit=False, **({} if i else {"startTransaction": True})):
                return
        self.asked = self.txn
        if not self.commit(refused):
            self.acknowledged.append(self.txn)
        self.asked = None

    def commit(self, refused):
        return self.send({"commitTransaction": 1}, "admin", refused, autocommit=False)

    def settle(self, port):
        """The commit again, whose answer got lost: it says what became of it."""
        self.connect(port)
        if self.asked is not None and self.commit((251,)) == 0:
            self.acknowledged.append(self.asked)
        self.asked = None

    def check(self, left, right, counts):
        ours = {d["pair"] for d in left if d["_id"].startswith(f"{self.number}-")}
        fgtest.expect_equal(ours, set(self.acknowledged), f"transactions of {self.number} in the first collection")
        ours = {d["pair"] for d in right if d["_id"].startswith(f"{self.number}-")}
        fgtest.expect_equal(ours, set(self.acknowledged), f"transactions of {self.number} in the second collection")
        fgtest.expect_equal(counts[self.number], len(self.acknowledged), "the counter")


class Retrier(Worker):
    """Counts with retryable writes; the one whose answer got lost is sent again after the restart."""

    def step(self):
        self.txn += 1
        self.asked = self.txn
        self.count()

    def count(self):
        if self.asked % 2:
            self.send({"update": "counts", "updates": [{"q": {"_id": self.number}, "u": {"$inc": {"n": 1}}}]})
        else:
            self.send({"findAndModify": "counts", "query": {"_id": self.number}, "update": {"$inc": {"n": 1}}})
        self.acknowledged.append(self.asked)
        self.asked = None

    def settle(self, port):
        self.connect(port)
        if self.asked is not None:
            self.count()

    def check(self, left, right, counts):
        fgtest.expect_equal(counts[self.number], len(self.acknowledged), "retried writes")


class Changer(Worker):
    """Builds and drops an index, and changes the rules between two that all writes satisfy."""

    def step(self):
        self.txn += 1
        self.asked = self.txn % 1000
        self.plain({"collMod": "left", "validator": {"pair": {"$gt": -self.asked}}})
        self.acknowledged, self.asked = [self.asked], None
        time.sleep(random.uniform(0.01, 0.06))
        self.plain({"createIndexes": "right", "indexes": [{"key": {"pair": 1}, "name": "pair_1"}]})
        time.sleep(random.uniform(0.01, 0.06))
        self.plain({"dropIndexes": "right", "index": "pair_1"})

    def settle(self, port):
        self.connect(port)
        found = self.client.run({"listCollections": 1, "filter": {"name": "left"}})["cursor"]["firstBatch"][0]["options"]
        rule = -found["validator"]["pair"]["$gt"] if self.acknowledged or "validator" in found else None
        fgtest.expect(rule in self.acknowledged + [self.asked], f"rules {rule} after {self.acknowledged} and {self.asked}")
        self.acknowledged, self.asked = [rule], None

    def check(self, left, right, counts):
        pass


def check_indexes(client, left, right):
    for document in random.sample(right, min(20, len(right))):
        fgtest.expect(document in client.find_all("right", filter={"pair": document["pair"]}), "look-up by an index that comes and goes")
    for document in random.sample(left, min(20, len(left))):
        fgtest.expect_equal(client.find_all("left", filter={"k": document["k"]}), [document], "look-up by the unique index")
    if left:
        reply = client.run({"insert": "left", "documents": [{"_id": "another", "k": left[0]["k"], "pair": 1}]})
        fgtest.expect_equal(reply["writeErrors"][0]["code"], 11000, "the unique index")


def case_transactions_all_or_nothing():
    random.seed(os.environ.get("FG_CRASH_SEED", "2"))
    server = fgtest.Server(module=True, args=["--replSet", "rs0"])
    try:
        server.start()
        client = rawclient.Client(server.port)
        unique = [{"key": {"k": 1}, "name": "k_1", "unique": True}]
        for name in ("left", "right"):
            fgtest.expect_equal(client.run({"createIndexes": name, "indexes": unique})["ok"], 1.0)
        client.run({"insert": "counts", "documents": [{"_id": i, "n": 0} for i in range(5)]})
        client.close()
        kinds = [Transactor] * 3 + [Retrier] * 2 + [Changer]
        workers = [kind(server.port, i) for i, kind in enumerate(kinds)]
        for _ in range(ROUNDS):
            for worker in workers:
                worker.start()
            time.sleep(random.uniform(0.02, 0.25))
            server.kill()
            for worker in workers:
                worker.join(30)
                if worker.problem:
                    raise worker.problem
            server.start()
            workers = [again(worker, server.port) for worker in workers]
            client = rawclient.Client(server.port)
            left, right = client.find_all("left"), client.find_all("right")
            counts = {d["_id"]: d["n"] for d in client.find_all("counts")}
            for worker in workers:
                worker.check(left, right, counts)
            check_indexes(client, left, right)
            client.close()
        fgtest.expect(len(left) > ROUNDS // 5, f"only {len(left)} transactions were committed")
        print(f"# {ROUNDS} kills, {len(left)} transactions, {sum(counts.values()) - len(left)} retryable writes", flush=True)
        server.stop()
    finally:
        server.__exit__(Exception, None, None)


def again(worker, port):
    """A thread runs once: the next one takes over what the one before knew."""
    worker.settle(port)
    heir = type(worker)(port, worker.number)
    heir.lsid, heir.txn, heir.acknowledged = worker.lsid, worker.txn, worker.acknowledged
    return heir


if __name__ == "__main__":
    fgtest.main(globals(), "integration.crash")
