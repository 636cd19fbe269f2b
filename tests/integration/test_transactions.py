#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Multi-document transactions and retryable writes of a one-member replica set (--replSet): what they see, when they conflict, what they leave, what is on record."""

import os
import random
import threading
import time

import fgtest
import rawclient
from fgtest import Server, expect, expect_equal
from rawclient import Long, Uuid

KEY = bytes(range(16))
ENCRYPT = {"encrypt": {"keyId": [Uuid(KEY)], "algorithm": fgtest.RANDOM, "bsonType": "string"}}
GUARDED = {"$jsonSchema": {"properties": {"ssn": ENCRYPT}}}
CIPHERTEXT = bytes([2]) + KEY + bytes([2]) + bytes((i * 37 + 11) % 251 + 4 for i in range(16 + 16 + 32))
REPLICATED = ["--replSet", "rs0"]
TRANSIENT = ["TransientTransactionError"]


class Session:
    """A logical session over one connection: statements of transactions, and retryable writes."""

    def __init__(self, port):
        self.client = rawclient.Client(port)
        self.lsid = {"id": Uuid(os.urandom(16))}
        self.number = 0
        self.started = False

    def start(self, number=None):
        self.number = self.number + 1 if number is None else number
        self.started = False
        return self

    def run(self, command, db="test", **extra):
        document = dict(command, lsid=self.lsid, txnNumber=Long(self.number), autocommit=False, **extra)
        if not self.started:
            document["startTransaction"] = True
        self.started = True
        return self.client.run(document, db)

    def end(self, name="commitTransaction", **extra):
        return self.client.run(dict({name: 1}, lsid=self.lsid, txnNumber=Long(self.number), autocommit=False, **extra), "admin")

    def commit(self):
        return self.end()

    def abort(self):
        return self.end("abortTransaction")

    def retryable(self, command, number=None, db="test", **extra):
        self.number = self.number if number is None else number
        return self.client.run(dict(command, lsid=self.lsid, txnNumber=Long(self.number), **extra), db)

    def find(self, **filter):
        reply = self.run({"find": "c", "filter": filter})
        good(reply)
        return reply["cursor"]["firstBatch"]


def good(reply):
    expect(reply["ok"] == 1 and not reply.get("writeErrors"), f"unexpected {reply}")
    return reply


def bad(reply, code, labels=None):
    expect_equal((reply["ok"], reply.get("code")), (0, code), f"reply {reply.get('errmsg')}")
    expect_equal(reply.get("errorLabels"), labels, f"labels of {code}")
    return reply


def insert(*documents, coll="c"):
    return {"insert": coll, "documents": list(documents)}


def update(query, change, coll="c", **extra):
    return {"update": coll, "updates": [dict({"q": query, "u": change}, **extra)]}


def delete(query, coll="c", limit=1):
    return {"delete": coll, "deletes": [{"q": query, "limit": limit}]}


class Replicated:
    """A server of its own with --replSet, and a plain connection."""

    def __init__(self, module=False, settings=None, args=()):
        self.server = Server(module=module, settings=settings, args=REPLICATED + list(args))

    def __enter__(self):
        self.server.start()
        self.plain = rawclient.Client(self.server.port)
        return self

    def __exit__(self, kind, value, tb):
        self.plain.close()
        self.server.__exit__(kind, value, tb)

    def session(self):
        return Session(self.server.port)

    def run(self, command, db="test"):
        return self.plain.run(command, db)

    def all(self, coll="c"):
        return self.plain.find_all(coll)


# --- a replica set of one ---------------------------------------------------------------------------------------------


def case_standalone_refuses_numbers():
    with Server(module=False) as server:
        session = Session(server.port)
        bad(session.start().run(insert({"_id": 1})), 20)
        bad(session.retryable(insert({"_id": 1}), 2), 20)
        client = rawclient.Client(server.port)
        bad(client.run({"replSetGetStatus": 1}, "admin"), 76)
        bad(client.run({"replSetInitiate": {}}, "admin"), 76)
        expect("setName" not in client.run({"hello": 1}, "admin"), "a standalone has no set")
        bad(client.run({"find": "c", "readConcern": {"level": "snapshot"}}), 123)


def case_replica_set_of_one():
    with Replicated() as s:
        hello = good(s.run({"hello": 1}, "admin"))
        me = f"127.0.0.1:{s.server.port}"
        expect_equal((hello["setName"], hello["hosts"], hello["me"], hello["primary"]), ("rs0", [me], me, me))
        expect(hello["isWritablePrimary"] and not hello["secondary"] and hello["setVersion"] == 1, "a primary")
        expect(good(s.run({"isMaster": 1}, "admin"))["ismaster"], "in the old spelling")
        status = good(s.run({"replSetGetStatus": 1}, "admin"))
        expect_equal((status["set"], status["myState"], status["members"][0]["stateStr"]), ("rs0", 1, "PRIMARY"))
        expect_equal(good(s.run({"replSetGetConfig": 1}, "admin"))["config"]["members"][0]["host"], me)
        bad(s.run({"replSetInitiate": {}}, "admin"), 23)
        bad(s.run({"replSetGetStatus": 1}), 13)
        bad(s.run(dict(insert({"_id": 1}), writeConcern={"w": 2})), 100)
        bad(s.run(dict(insert({"_id": 1}), writeConcern={"w": "far"})), 79)
        good(s.run(dict(insert({"_id": 1}), writeConcern={"w": "majority"})))
        good(s.run({"find": "c", "readConcern": {"level": "linearizable"}}))
        bad(s.run(dict(insert({"_id": 2}), encryptionInformation={"type": 1})), 238)


# --- what a transaction sees and leaves -------------------------------------------------------------------------------


def case_snapshot_and_own_writes():
    with Replicated() as s:
        good(s.run(insert(*[{"_id": i, "n": i} for i in range(5)])))
        t = s.session().start()
        good(t.run(update({"_id": 1}, {"$set": {"n": 10}})))
        good(t.run(delete({"_id": 2})))
        good(t.run(insert({"_id": 5, "n": 5}, {"_id": 6, "n": 6})))
        good(s.run(insert({"_id": 100, "n": 100})))
        expect_equal([d["_id"] for d in t.find()], [0, 1, 3, 4, 5, 6], "own writes over the snapshot")
        expect_equal(t.find(_id=1), [{"_id": 1, "n": 10}], "by the index on _id")
        expect_equal(t.find(_id=2), [], "deleted")
        expect_equal(t.find(_id=100), [], "written by others since")
        expect_equal(t.find(_id=6), [{"_id": 6, "n": 6}])
        good(t.run(update({"n": {"$gte": 4}}, {"$inc": {"n": 1}}, multi=True)))
        good(t.run(delete({"_id": 5})))
        good(t.run({"findAndModify": "c", "query": {"_id": 6}, "update": {"$set": {"x": 1}}, "new": True}))
        counted = good(t.run({"aggregate": "c", "pipeline": [{"$group": {"_id": None, "n": {"$sum": "$n"}}}], "cursor": {}}))
        expect_equal(counted["cursor"]["firstBatch"], [{"_id": None, "n": 0 + 11 + 3 + 5 + 7}])
        expect_equal(sorted(good(t.run({"distinct": "c", "key": "n"}))["values"]), [0, 3, 5, 7, 11])
        expect_equal([d["_id"] for d in s.all()], [0, 1, 2, 3, 4, 100], "nothing is seen outside")
        good(t.commit())
        expect_equal({d["_id"]: d["n"] for d in s.all()}, {0: 0, 1: 11, 3: 3, 4: 5, 6: 7, 100: 100})
        good(t.commit())  # a retry
        bad(t.run({"find": "c"}), 256)
        bad(t.abort(), 256)


def case_abort_leaves_nothing():
    with Replicated() as s:
        good(s.run(insert({"_id": 1, "n": 1})))
        t = s.session().start()
        good(t.run(update({"_id": 1}, {"$set": {"n": 2}})))
        good(t.run(insert({"_id": 2})))
        good(t.abort())
        expect_equal(s.all(), [{"_id": 1, "n": 1}])
        bad(t.commit(), 251, TRANSIENT)
        bad(t.run({"find": "c"}), 251, TRANSIENT)
        bad(t.abort(), 251, TRANSIENT)


def case_cursor_over_batches():
    with Replicated() as s:
        good(s.run(insert(*[{"_id": i} for i in range(300)])))
        t = s.session().start()
        good(t.run(delete({"_id": {"$lt": 100}}, limit=0)))
        good(t.run(insert(*[{"_id": i} for i in range(1000, 1100)])))
        reply = good(t.run({"find": "c", "batchSize": 50}))
        seen, cursor = reply["cursor"]["firstBatch"], reply["cursor"]["id"]
        good(s.run(delete({"_id": {"$ne": 200}}, limit=0)))
        more = {"getMore": Long(cursor), "collection": "c", "batchSize": 50}
        bad(s.run(more), 50737)
        bad(s.run(dict(more, lsid=t.lsid)), 50740)
        good(t.run(delete({"_id": 200})))
        while cursor:
            reply = good(t.run({"getMore": Long(cursor), "collection": "c", "batchSize": 50}))
            seen, cursor = seen + reply["cursor"]["nextBatch"], reply["cursor"]["id"]
        expect_equal([d["_id"] for d in seen], [i for i in range(100, 300) if i != 200] + list(range(1000, 1100)))
        reply = good(t.run({"find": "c", "batchSize": 2}))
        good(t.abort())
        bad(s.run(dict(more, getMore=Long(reply["cursor"]["id"]), lsid=t.lsid)), 43)


def case_implicit_collections_and_bulk_write():
    with Replicated() as s:
        t = s.session().start()
        ops = [{"insert": 0, "document": {"_id": 1}}, {"update": 1, "filter": {"_id": 2}, "updateMods": {"$set": {"a": 1}}, "upsert": True}]
        reply = good(t.run({"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": "test.c"}, {"ns": "test.d"}]}, "admin"))
        expect_equal((reply["nErrors"], reply["nInserted"], reply["nUpserted"]), (0, 1, 1))
        expect_equal((s.all(), s.all("d")), ([], []), "the collections are there, the documents are not")
        good(t.commit())
        expect_equal((s.all(), s.all("d")), ([{"_id": 1}], [{"_id": 2, "a": 1}]))


def case_a_long_read_lets_others_write():
    with Replicated() as s:
        many = [{"_id": i, "t": "x" * 200} for i in range(20000)]
        for at in range(0, len(many), 5000):
            good(s.run(insert(*many[at : at + 5000])))
        slow = {"aggregate": "c", "pipeline": [{"$match": {"$and": [{"t": {"$not": {"$regex": f"x[^x]x{i}$"}}} for i in range(30)]}}, {"$count": "n"}], "cursor": {}}
        t, done = s.session().start(), {}
        good(t.run(insert({"_id": "mine", "t": ""})))

        def read():
            started = time.monotonic()
            done["reply"] = t.run(slow)
            done["seconds"] = time.monotonic() - started

        def watch(also=lambda n: None):
            thread, n, worst = threading.Thread(target=read), 0, 0.0
            thread.start()
            while thread.is_alive():
                started = time.monotonic()
                good(s.run(insert({"t": "outside"}, coll="d")))
                worst, n = max(worst, time.monotonic() - started), n + 1
                also(n)
            thread.join()
            return n, worst

        n, worst = watch()
        expect_equal(good(done["reply"])["cursor"]["firstBatch"], [{"n": 20001}])
        expect(n > 3 and worst < done["seconds"], f"{n} writes during a read of {done['seconds']} s, the slowest {worst} s")
        print(f"# {n} writes during a read of {done['seconds']:.2f} s, the slowest {worst:.3f} s", flush=True)
        # What ends the transaction while it reads ends the read.
        watch(lambda n: n == 2 and good(s.run({"killSessions": [t.lsid]})))
        bad(done["reply"], 251, TRANSIENT)
        good(t.start().run(insert({"_id": "mine", "t": ""})))
        other = s.session()
        other.lsid, other.number, other.started = t.lsid, t.number, True
        watch(lambda n: n == 2 and bad(other.abort(), 251, TRANSIENT))
        bad(done["reply"], 251, TRANSIENT)
        bad(t.commit(), 251, TRANSIENT)
        expect_equal(good(s.run({"serverStatus": 1}))["transactions"]["currentOpen"], 0)


# --- conflicts --------------------------------------------------------------------------------------------------------


def case_conflicts():
    with Replicated() as s:
        good(s.run({"createIndexes": "c", "indexes": [{"key": {"u": 1}, "name": "u_1", "unique": True}]}))
        good(s.run(insert(*[{"_id": i, "u": i, "n": 0} for i in range(4)])))
        a, b = s.session().start(), s.session().start()
        a.find(), b.find()
        good(a.run(update({"_id": 0}, {"$inc": {"n": 1}})))
        bad(b.run(update({"_id": 0}, {"$inc": {"n": 1}})), 112, TRANSIENT)  # the second writer, at its statement
        bad(b.commit(), 251, TRANSIENT)
        b.start().find()
        good(a.run(insert({"_id": 10, "u": 10})))
        bad(b.run(insert({"_id": 10, "u": 11})), 112, TRANSIENT)  # the same _id in two open transactions
        b.start().find()
        bad(b.run(update({"_id": 1}, {"$set": {"u": 10}})), 112, TRANSIENT)  # the same unique key
        good(a.commit())
        # Written outside since the snapshot: at the next statement on it, or at commit.
        a.start().find()
        good(s.run(update({"_id": 1}, {"$inc": {"n": 1}})))
        bad(a.run(update({"_id": 1}, {"$inc": {"n": 1}})), 112, TRANSIENT)
        good(a.start().run(update({"_id": 1}, {"$inc": {"n": 1}})))
        good(s.run(update({"_id": 1}, {"$inc": {"n": 1}})))
        bad(a.commit(), 112, TRANSIENT)
        good(a.start().run(delete({"_id": 2})))
        good(s.run(delete({"_id": 2})))
        bad(a.commit(), 112, TRANSIENT)
        good(a.start().run(insert({"_id": 20, "u": 20})))
        good(s.run(insert({"_id": 21, "u": 20})))
        bad(a.commit(), 112, TRANSIENT)
        a.start().find()
        good(s.run(insert({"_id": 22, "u": 22})))
        bad(a.run(insert({"_id": 23, "u": 22})), 112, TRANSIENT)  # taken since, so no 11000 of this snapshot
        expect_equal({d["_id"]: d.get("n") for d in s.all()}, {0: 1, 1: 2, 3: 0, 10: None, 21: None, 22: None})
        # Two that swap a key, in one transaction: no conflict with itself.
        a.start()
        good(a.run(delete({"_id": 3})))
        good(a.run(insert({"_id": 3, "u": 3})))
        good(a.run(update({"_id": 0}, {"$set": {"u": 50}})))
        good(a.run(update({"_id": 1}, {"$set": {"u": 0}})))
        good(a.commit())
        expect_equal({d["_id"]: d["u"] for d in s.all() if d["_id"] < 4}, {0: 50, 1: 0, 3: 3})
        expect_equal([d["_id"] for d in s.plain.find_all("c", filter={"u": 0})], [1], "by the index")


def case_duplicates_within():
    with Replicated() as s:
        good(s.run({"createIndexes": "c", "indexes": [{"key": {"u": 1}, "name": "u_1", "unique": True}]}))
        good(s.run(insert({"_id": 1, "u": "a"})))
        for statement in (insert({"_id": 1}), insert({"_id": 2, "u": "a"}), insert({"_id": 3, "u": "z"}, {"_id": 4, "u": "z"})):
            t = s.session().start()
            good(t.run(insert({"_id": 100, "u": "kept?"})))
            reply = t.run(statement)
            expect_equal(reply["writeErrors"][0]["code"], 11000, f"{reply}")
            bad(t.commit(), 251, TRANSIENT)
        t = s.session().start()
        good(t.run(delete({"_id": 1})))
        good(t.run(insert({"_id": 5, "u": "a"})))
        good(t.run(update({"_id": 5}, {"$set": {"u": "b"}})))
        good(t.run(insert({"_id": 6, "u": "a"})))
        good(t.commit())
        expect_equal(s.all(), [{"_id": 5, "u": "b"}, {"_id": 6, "u": "a"}])
        expect_equal(s.plain.find_all("c", filter={"u": "a"}), [{"_id": 6, "u": "a"}])


# --- numbers, states, arguments ---------------------------------------------------------------------------------------


def case_numbers_and_states():
    with Replicated() as s:
        good(s.run(insert({"_id": 1})))
        t = s.session().start(5)
        t.find()
        t.started = False
        bad(t.run({"find": "c"}), 50911)
        t.number = 4
        bad(t.run({"find": "c"}), 225)
        t.number = 7
        bad(t.run({"find": "c"}), 251, TRANSIENT)
        bad(t.commit(), 251, TRANSIENT)
        t.number = 5
        t.find()  # none of this has ended it
        good(t.run(update({"_id": 1}, {"$set": {"n": 5}})))
        t.start(6).find()  # the one before is given up
        good(t.commit())
        expect_equal(s.all(), [{"_id": 1}])
        t.number = 5
        bad(t.commit(), 225)
        bad(t.retryable(insert({"_id": 2}), 5), 225)
        bad(t.retryable(insert({"_id": 2}), 6), 50911)
        good(t.retryable(insert({"_id": 2}), 7))
        t.started = False
        bad(t.run({"find": "c"}), 50911)
        good(t.start(8).run(insert({"_id": 3})))
        good(t.retryable(insert({"_id": 4}), 9))  # gives the open one up
        t.number = 8
        bad(t.commit(), 225)
        expect_equal([d["_id"] for d in s.all()], [1, 2, 4])


def case_arguments():
    with Replicated() as s:
        good(s.run(insert({"_id": 1})))
        t = s.session()
        lsid, run = t.lsid, s.run
        find = {"find": "c", "lsid": lsid, "txnNumber": Long(1)}
        bad(run(find), 50768)
        bad(run(dict(find, startTransaction=True)), 72)
        bad(run(dict(find, autocommit=True, startTransaction=True)), 72)
        bad(run(dict(find, autocommit=False, startTransaction=False)), 72)
        bad(run({"find": "c", "lsid": lsid, "autocommit": False}), 72)
        bad(run(dict(find, txnNumber=Long(-1), autocommit=False, startTransaction=True)), 72)
        bad(run({"find": "c", "txnNumber": Long(1), "autocommit": False, "startTransaction": True}), 72)
        bad(run({"commitTransaction": 1}, "admin"), 125)
        bad(run({"abortTransaction": 1, "lsid": lsid}, "admin"), 125)
        bad(run({"find": "c", "readConcern": {"level": "snapshot"}}), 238)
        bad(t.start(1).run({"find": "c", "readConcern": {"level": "linearizable"}}), 72)
        good(t.start(2).run({"find": "c", "readConcern": {"level": "snapshot"}}))
        bad(t.run({"find": "c", "readConcern": {"level": "snapshot"}}), 72)
        bad(t.run(dict(insert({"_id": 9}), writeConcern={"w": 1})), 72)
        for command, db in (({"count": "c"}, "test"), ({"create": "d"}, "test"), ({"drop": "c"}, "test"), ({"listCollections": 1}, "test"), ({"ping": 1}, "test")):
            bad(t.run(command, db), 263)
        bad(t.run({"find": "c"}, "config"), 263)
        bad(t.run({"find": "c"}, "admin"), 263)
        bad(t.run({"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}}), 263)
        bad(s.plain.run({"commitTransaction": 1, "lsid": lsid, "txnNumber": Long(2), "autocommit": False}), 13)
        bad(s.plain.run({"commitTransaction": 1, "lsid": lsid, "txnNumber": Long(3), "autocommit": False, "startTransaction": True}, "admin"), 263)
        t.find()  # still open after all of it
        good(t.end(writeConcern={"w": "majority"}))


def case_a_failing_statement_aborts():
    with Replicated() as s:
        good(s.run(insert({"_id": 1, "n": "text"})))
        failing = (
            update({"_id": 1}, {"$inc": {"n": 1}}),
            {"find": "c", "filter": {"$nonsense": 1}},
            {"getMore": Long(12345), "collection": "c"},
            {"findAndModify": "c", "query": {"_id": 1}, "update": {"$inc": {"n": 1}}},
            {"insert": "c", "documents": [{"_id": 1}, {"_id": 3}], "ordered": False},
        )
        for command in failing:
            t = s.session().start()
            good(t.run(insert({"_id": 2})))
            reply = t.run(command)
            expect(not reply["ok"] or reply.get("writeErrors"), f"{command} went through")
            bad(t.run({"find": "c"}), 251, TRANSIENT)
        expect_equal(s.all(), [{"_id": 1, "n": "text"}])


def case_time_is_over():
    with Replicated(args=["--setParameter", "transactionLifetimeLimitSeconds=1"]) as s:
        good(s.run(insert({"_id": 1})))
        t = s.session().start()
        good(t.run(update({"_id": 1}, {"$set": {"n": 1}})))
        time.sleep(1.6)
        good(s.session().start().run(update({"_id": 1}, {"$set": {"n": 2}})))  # the record is free again
        bad(t.commit(), 251, TRANSIENT)
        expect_equal(good(s.run({"setParameter": 1, "transactionLifetimeLimitSeconds": 30}, "admin"))["was"], 1)
        expect_equal(good(s.run({"getParameter": 1, "transactionLifetimeLimitSeconds": 1}, "admin"))["transactionLifetimeLimitSeconds"], 30)
        bad(s.run({"setParameter": 1, "transactionLifetimeLimitSeconds": 0}, "admin"), 2)


def case_sessions_end():
    with Replicated() as s:
        good(s.run(insert({"_id": 1})))
        for command in ("endSessions", "killSessions"):
            t = s.session().start()
            good(t.run(update({"_id": 1}, {"$set": {"n": command}})))
            good(s.run({"refreshSessions": [t.lsid]}))
            t.find()
            good(s.run({command: [t.lsid]}))
            bad(t.commit(), 251, TRANSIENT)
        t = s.session().start()
        t.find()
        good(s.run({"killAllSessions": []}, "admin"))
        bad(t.commit(), 251, TRANSIENT)
        t = s.session()
        change = update({"_id": 1}, {"$inc": {"k": 1}})
        good(t.retryable(change, 1))
        good(s.run({"endSessions": [t.lsid]}))
        good(t.retryable(change, 1))  # nothing is remembered of an ended session
        expect_equal(s.all(), [{"_id": 1, "k": 2}])


def case_size_limit():
    with Replicated() as s:
        t = s.session().start()
        text = "x" * (8 << 20)
        for i in range(8):
            reply = t.run(insert({"_id": i, "t": text}))
            if reply.get("writeErrors"):
                break
        expect_equal((i, reply["writeErrors"][0]["code"]), (7, 257), "64 MiB")
        bad(t.commit(), 251, TRANSIENT)
        expect_equal(s.all(), [])


def case_many_open():
    with Replicated() as s:
        good(s.run(insert({"_id": 0})))
        sessions = [s.session().start() for _ in range(257)]
        replies = [t.run(insert({"_id": i + 1})) for i, t in enumerate(sessions)]
        expect_equal([r.get("code") for r in replies], [None] * 256 + [146])
        status = good(s.run({"serverStatus": 1}))["transactions"]
        expect_equal((status["currentOpen"], status["totalStarted"]), (256, 256))
        for i, t in enumerate(sessions[:256]):
            good(t.commit() if i % 4 else t.abort())
        status = good(s.run({"serverStatus": 1}))["transactions"]
        expect_equal((status["currentOpen"], status["totalCommitted"], status["totalAborted"]), (0, 192, 64))
        good(sessions[256].start().run({"find": "c"}))


# --- the rules --------------------------------------------------------------------------------------------------------


def guarded(s):
    """A collection where the module alone refuses: its own validation is off."""
    good(s.run({"create": "c", "validator": GUARDED, "validationLevel": "off"}))


def plaintext_statements():
    yield "insert", insert({"_id": 2, "ssn": "123"})
    yield "update", update({"_id": 1}, {"$set": {"ssn": "123"}})
    yield "replace", update({"_id": 1}, {"ssn": "123"})
    yield "pipeline", {"update": "c", "updates": [{"q": {"_id": 1}, "u": [{"$set": {"ssn": "123"}}]}]}
    yield "upsert", update({"_id": 2}, {"$set": {"ssn": "123"}}, upsert=True)
    yield "findAndModify", {"findAndModify": "c", "query": {"_id": 1}, "update": {"$set": {"ssn": "123"}}}


def case_enforce_refuses_and_aborts():
    with Replicated(module=True) as s:
        guarded(s)
        good(s.run(insert({"_id": 1, "ssn": CIPHERTEXT})))
        for n, (name, statement) in enumerate(plaintext_statements(), 1):
            t = s.session().start()
            good(t.run(insert({"_id": 100, "ssn": CIPHERTEXT})))
            reply = t.run(statement)
            expect_equal(fgtest.write_error(reply)[0], 121, name)
            bad(t.commit(), 251, TRANSIENT)
            expect_equal(s.all(), [{"_id": 1, "ssn": CIPHERTEXT}], name)
            expect_equal(len(s.server.violations()), n, f"records after {name}")
        ops = [{"insert": 0, "document": {"_id": 5, "ssn": CIPHERTEXT}}, {"insert": 0, "document": {"_id": 6, "ssn": "123"}}]
        t = s.session().start()
        reply = t.run({"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": "test.c"}]}, "admin")
        expect_equal((reply["nErrors"], reply["cursor"]["firstBatch"][1]["code"]), (1, 121))
        bad(t.commit(), 251, TRANSIENT)
        expect_equal(len(s.all()), 1)


def case_audit_records_at_commit():
    with Replicated(module=True, settings={"fieldguard.mode": "audit"}) as s:
        guarded(s)
        t = s.session().start()
        good(t.run(insert({"_id": 1, "ssn": "123"}, {"_id": 2, "ssn": CIPHERTEXT}, {"_id": 3, "ssn": "345"})))
        good(t.run(update({"_id": 2}, {"$set": {"x": 1}})))
        good(t.run(update({"_id": 3}, {"$set": {"x": 1}})))
        good(t.run(insert({"_id": 4, "ssn": "never stored"})))
        good(t.run(delete({"_id": 4})))
        expect_equal(s.server.violations(), [], "before the commit")
        good(t.commit())
        good(t.commit())
        expect_equal(len(s.server.violations()), 2, "one record for each plaintext document that was stored")
        expect_equal(len(s.all()), 3)
        t.start()
        good(t.run(insert({"_id": 10, "ssn": "123"})))
        good(t.abort())
        t.start()
        good(t.run(insert({"_id": 11, "ssn": "123"})))
        bad_write = t.run(insert({"_id": 1}))
        expect_equal(bad_write["writeErrors"][0]["code"], 11000)
        good(t.start().run(insert({"_id": 12, "ssn": "123"})))
        good(s.run(insert({"_id": 12, "ssn": CIPHERTEXT})))
        bad(t.commit(), 112, TRANSIENT)
        expect_equal(len(s.server.violations()), 2, "nothing of what was never committed")
        expect_equal([d["_id"] for d in s.all()], [1, 2, 3, 12])


def case_stricter_mode_before_commit():
    """What was accepted in audit mode is refused at the commit, once the mode is enforce."""
    with Replicated(module=True, settings={"fieldguard.mode": "audit"}) as s:
        guarded(s)
        t = s.session().start()
        good(t.run(insert({"_id": 0, "ssn": CIPHERTEXT}, {"_id": 1, "ssn": "123"})))
        good(s.run({"setParameter": 1, "fieldguard.mode": "enforce"}, "admin"))
        bad(t.commit(), 121)
        bad(t.commit(), 251, TRANSIENT)
        expect_equal(s.all(), [])
        expect_equal([r["result"] != 0 for r in s.server.violations()], [True], "one refusal on record")


def case_full_audit_disk_refuses_the_commit():
    with fgtest.Tmpfs("4m") as disk:
        s = Replicated(module=True, settings={"fieldguard.mode": "audit", "fieldguard.auditPath": os.path.join(disk, "audit.log")})
        s.server.audit = os.path.join(disk, "audit.log")
        with s:
            guarded(s)
            t = s.session().start()
            for n in range(20):
                good(t.run(insert({"_id": n, "ssn": "123"})))
            fgtest.Tmpfs.fill(disk)
            reply = t.commit()
            expect(not reply["ok"], "a commit without room for its records")
            bad(t.commit(), 251, TRANSIENT)
            expect_equal(s.all(), [])
            os.unlink(os.path.join(disk, "filler"))
            for _ in range(200):  # the log is tried again now and then
                t.start()
                reply = t.run(insert({"_id": 1, "ssn": "123"}))
                if reply["ok"] and not reply.get("writeErrors") and t.commit()["ok"]:
                    break
                time.sleep(0.05)
            expect_equal((len(s.all()), len(s.server.violations())), (1, 1), "once there is room again")


def case_rules_that_change():
    with Replicated(module=True, settings={"fieldguard.ruleRemoval": "allow"}) as s:
        good(s.run({"create": "c"}))
        t, u = s.session().start(), s.session().start()
        good(t.run(insert({"_id": 1, "ssn": "123"})))
        u.find()
        good(s.run({"collMod": "c", "validator": GUARDED}))
        bad(t.commit(), 246, TRANSIENT)
        bad(u.run(insert({"_id": 2, "ssn": "123"})), 246, TRANSIENT)
        expect_equal(s.all(), [])
        t.start().find()
        good(s.run({"drop": "c"}))
        bad(t.run(insert({"_id": 3})), 246, TRANSIENT)
        t.start().find()
        good(s.run({"create": "c", "validator": GUARDED}))
        bad(t.run(insert({"_id": 3, "ssn": "123"})), 246, TRANSIENT)
        good(t.start().run(insert({"_id": 4, "ssn": CIPHERTEXT})))
        good(s.run({"renameCollection": "test.c", "to": "test.d"}, "admin"))
        bad(t.commit(), 246, TRANSIENT)
        expect_equal(s.all("d"), [])
        # Native rules as well.
        good(s.run({"create": "e", "validator": {"n": {"$gt": 0}}}))
        reply = t.start().run(insert({"_id": 1, "n": 0}, coll="e"))
        expect_equal(reply["writeErrors"][0]["code"], 121)
        bad(t.commit(), 251, TRANSIENT)


def case_coll_mod_against_transactions():
    """Rules change to and fro under transactions that insert plaintext: none that the rules in force at its commit refuse is ever stored."""
    with Replicated(module=True, settings={"fieldguard.ruleRemoval": "allow"}) as s:
        good(s.run({"create": "c"}))
        stop = threading.Event()
        committed, problems = [], []

        def writer(which):
            t, n = s.session(), 0
            try:
                while not stop.is_set():
                    n += 1
                    key = f"{which}-{n}"
                    reply = t.start().run(insert({"_id": key, "ssn": "123"}))
                    if reply["ok"] and not reply.get("writeErrors"):
                        reply = t.commit()
                        if reply["ok"]:
                            committed.append(key)
                    if not reply["ok"] and reply["code"] not in (112, 246, 251):
                        raise AssertionError(f"unexpected {reply}")
            except Exception as error:  # told by the main thread
                problems.append(error)

        threads = [threading.Thread(target=writer, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            good(s.run({"collMod": "c", "validator": GUARDED}))
            before = len(s.all())
            time.sleep(0.03)
            expect_equal(len(s.all()), before, "stored while the rules forbade it")
            good(s.run({"collMod": "c", "validator": {}}))
            time.sleep(0.03)
        stop.set()
        for thread in threads:
            thread.join(30)
        expect(not problems, f"{problems}")
        expect(committed, "nothing was ever committed")
        expect_equal({d["_id"] for d in s.all()}, set(committed))


# --- retryable writes -------------------------------------------------------------------------------------------------


def case_retries_have_no_double_effect():
    with Replicated() as s:
        good(s.run(insert({"_id": 1, "n": 0}, {"_id": 2, "n": 0})))
        t = s.session()
        two = {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}, {"q": {"_id": 9}, "u": {"$inc": {"n": 1}}, "upsert": True}]}
        first = good(t.retryable(two, 1))
        again = good(t.retryable(two, 1))
        expect_equal(again.pop("retriedStmtIds"), [0, 1])
        expect_equal(again, first, "an update")
        change = {"findAndModify": "c", "query": {"_id": 1}, "update": {"$inc": {"n": 1}}, "new": True, "fields": {"n": 1}}
        first = good(t.retryable(change, 2))
        expect_equal(first["value"], {"_id": 1, "n": 2})
        good(s.run(update({"_id": 1}, {"$inc": {"n": 10}})))
        again = good(t.retryable(change, 2))
        expect_equal(again.pop("retriedStmtIds"), [0])
        expect_equal(again, first, "the same image")
        remove = {"findAndModify": "c", "query": {"_id": 9}, "remove": True}
        expect_equal(good(t.retryable(remove, 3))["value"], good(t.retryable(remove, 3))["value"])
        expect_equal(good(t.retryable(insert(*[{"_id": i} for i in range(100, 600)]), 4))["n"], 500)
        expect_equal(good(t.retryable(insert(*[{"_id": i} for i in range(100, 600)]), 4))["n"], 500)
        expect_equal(good(t.retryable(delete({"_id": {"$gte": 100}}), 5))["n"], 1)
        expect_equal(good(t.retryable(delete({"_id": {"$gte": 100}}), 5))["n"], 1)
        expect_equal(len(s.all()), 2 + 499)
        bad(t.retryable(delete({"_id": 2}), 4), 225)
        ops = [{"update": 0, "filter": {"_id": 2}, "updateMods": {"$inc": {"n": 1}}}, {"insert": 1, "document": {"x": 1}}, {"update": 1, "filter": {"_id": "u"}, "updateMods": {"$set": {"a": 1}}, "upsert": True}]
        bulk = {"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": "test.c"}, {"ns": "test.made"}]}
        first = good(t.retryable(bulk, 6, "admin"))
        again = good(t.retryable(bulk, 6, "admin"))
        expect_equal(again.pop("retriedStmtIds"), [0, 1, 2])
        expect_equal(again, first, "bulkWrite")
        expect_equal((len(s.all("made")), s.plain.find_all("c", filter={"_id": 2})), (2, [{"_id": 2, "n": 1}]))


def case_retry_of_a_write_whose_answer_failed():
    """The write is done and its image cannot be projected: no retry does it again, and none says that all was well."""
    with Replicated() as s:
        good(s.run(insert({"_id": 1, "n": 0})))
        t = s.session()
        command = {"findAndModify": "c", "query": {"_id": 1}, "update": {"$inc": {"n": 1}}, "new": True, "fields": {"z": {"$divide": ["$n", 0]}}}
        expect_equal([t.retryable(command, 1)["ok"] for _ in range(3)], [0.0] * 3)
        expect_equal(s.all(), [{"_id": 1, "n": 1}])


def case_statement_ids():
    with Replicated() as s:
        good(s.run(insert({"_id": 1, "n": 0})))
        t = s.session()
        step = {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}

        def send(n, **ids):
            return t.retryable({"update": "c", "updates": [step] * n}, 1, **ids)

        good(send(2))  # 0, 1
        expect_equal(good(send(1, stmtId=1))["retriedStmtIds"], [1])
        good(send(2, stmtId=2))  # 2, 3
        expect_equal(good(send(3, stmtIds=[3, 7, 0]))["retriedStmtIds"], [3, 0])
        expect_equal(s.all(), [{"_id": 1, "n": 5}])
        bad(send(2, stmtIds=[1]), 16)
        bad(send(1, stmtIds=[1], stmtId=1), 72)
        for command in (update({}, {"$inc": {"n": 1}}, multi=True), delete({}, limit=0)):
            expect_equal(t.retryable(command, t.number + 1)["writeErrors"][0]["code"], 72)
        # The first of three stands, the second failed: a retry executes what has not been executed.
        docs = insert({"_id": "a"}, {"_id": 1}, {"_id": "b"})
        reply = t.retryable(docs, t.number + 1)
        expect_equal((reply["n"], reply["writeErrors"][0]["index"]), (1, 1))
        good(s.run(delete({"_id": 1})))
        reply = good(t.retryable(docs))
        expect_equal((reply["n"], reply["retriedStmtIds"]), (3, [0]))


def case_retry_after_restart():
    with Replicated() as s:
        good(s.run(insert({"_id": 1, "n": 0})))
        t, u, open_one = s.session(), s.session(), s.session().start()
        change = update({"_id": 1}, {"$inc": {"n": 1}})
        first = good(t.retryable(change, 3))
        good(u.start().run(insert({"_id": 2})))
        good(u.commit())
        good(open_one.run(insert({"_id": 3})))
        s.plain.close()
        s.server.kill()
        s.server.start()
        s.plain = rawclient.Client(s.server.port)
        for session in (t, u, open_one):
            session.client = rawclient.Client(s.server.port)
        again = good(t.retryable(change, 3))
        expect_equal((again.pop("retriedStmtIds"), again), ([0], first))
        bad(t.retryable(change, 2), 225)
        good(u.commit())
        bad(u.abort(), 256)
        bad(open_one.commit(), 251, TRANSIENT)
        expect_equal(s.all(), [{"_id": 1, "n": 1}, {"_id": 2}])


def case_retry_is_recorded_once():
    with Replicated(module=True, settings={"fieldguard.mode": "audit"}) as s:
        guarded(s)
        t = s.session()
        for _ in range(3):
            good(t.retryable(insert({"_id": 1, "ssn": "123"}), 1))
        expect_equal(len(s.server.violations()), 1)
        good(s.run({"setParameter": 1, "fieldguard.mode": "enforce"}, "admin"))
        for n in (2, 3):
            expect_equal(t.retryable(insert({"_id": 2, "ssn": "123"}), 2)["writeErrors"][0]["code"], 121)
            expect_equal(len(s.server.violations()), n, "a refused write is tried, and refused, again")


# --- against a model --------------------------------------------------------------------------------------------------


class Model:
    """What a collection with a unique index on u and one on the list k holds, as a dict by _id."""

    def __init__(self, rng):
        self.rng, self.documents, self.next = rng, {}, 0

    def statement(self, mine):
        """A random write to documents whose _id is of one's own (odd or even), and what it does to the model."""
        own = [i for i in self.documents if i % 2 == mine]
        kind = self.rng.choice("iiuukd")
        if kind == "i" or not own:
            self.next += 1
            document = {"_id": self.next * 2 + mine, "u": self.next * 2 + mine, "k": [self.rng.randrange(5), self.rng.randrange(5)]}
            return insert(document), lambda m: m.update({document["_id"]: document})
        key = self.rng.choice(own)
        if kind == "d":
            return delete({"_id": key}), lambda m: m.pop(key)
        if kind == "u":  # unique among the even or the odd: a number is used once
            self.next += 1
            fresh = self.next * 2 + mine
            return update({"_id": key}, {"$set": {"u": fresh}}), lambda m: m.update({key: dict(m[key], u=fresh)})
        value = self.rng.randrange(5)
        return update({"u": self.documents[key]["u"]}, {"$set": {"k": [value]}}), lambda m: m.update({key: dict(m[key], k=[value])})

    def apply(self, change):
        change(self.documents)


def same(run, documents, what):
    def found(filter):
        return {d["_id"]: d for d in good(run({"find": "c", "filter": filter, "batchSize": 1000}))["cursor"]["firstBatch"]}

    expect_equal(found({}), documents, what)
    for value in range(5):
        expect_equal(found({"k": value}), {i: d for i, d in documents.items() if value in d["k"]}, f"{what}: by an index")
    for key in list(documents)[:3]:
        expect_equal(found({"u": documents[key]["u"]}), {key: documents[key]}, f"{what}: by a unique index")


def case_random_against_a_model():
    rng = random.Random(7)
    with Replicated() as s:
        indexes = [{"key": {"u": 1}, "name": "u_1", "unique": True}, {"key": {"k": 1}, "name": "k_1"}]
        good(s.run({"createIndexes": "c", "indexes": indexes}))
        outside, t = Model(rng), s.session()
        for _ in range(25):
            t.start()
            inside = Model(rng)
            inside.documents, inside.next = dict(outside.documents), outside.next
            t.find()
            committed = []
            for _ in range(rng.randrange(1, 25)):
                if rng.random() < 0.3:
                    outside.next = max(outside.next, inside.next)
                    command, change = outside.statement(0)
                    good(s.run(command))
                    outside.apply(change)
                    inside.next = max(outside.next, inside.next)
                else:
                    command, change = inside.statement(1)
                    good(t.run(command))
                    inside.apply(change)
                    committed.append(change)
            same(t.run, inside.documents, "inside")
            same(s.run, outside.documents, "outside")
            outside.next = max(outside.next, inside.next)
            if rng.random() < 0.7:
                good(t.commit())
                for change in committed:
                    outside.apply(change)
            else:
                good(t.abort())
            same(s.run, outside.documents, "afterwards")
        expect(len(outside.documents) > 20, "too little was left")


# --- many at once -----------------------------------------------------------------------------------------------------


def case_transfers_keep_the_sum():
    """Eight threads move amounts between ten accounts, each move a transaction that is tried again on conflict: the sum never changes."""
    with Replicated() as s:
        good(s.run(insert(*[{"_id": i, "amount": 100} for i in range(10)])))
        problems, moved, retried = [], [], []

        def mover(seed):
            t = s.session()
            try:
                for i in range(30):
                    source, target = (seed * 7 + i) % 10, (seed * 3 + i * 5 + 1) % 10
                    while source != target and not move(t, source, target):
                        retried.append(1)
                    moved.append(1)
            except Exception as error:  # told by the main thread
                problems.append(error)

        def move(t, source, target):
            for command in ({"find": "c", "filter": {"_id": source}}, update({"_id": source}, {"$inc": {"amount": -1}}), update({"_id": target}, {"$inc": {"amount": 1}})):
                reply = (t.start() if command.get("find") else t).run(command)
                if not reply["ok"]:
                    bad(reply, 112, TRANSIENT)
                    return False
            reply = t.commit()
            return reply["ok"] == 1 or not bad(reply, 112, TRANSIENT)

        threads = [threading.Thread(target=mover, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            expect_equal(sum(d["amount"] for d in s.all()), 1000, "a reader sees whole transactions")
        expect(not problems, f"{problems}")
        expect_equal((len(moved), sum(d["amount"] for d in s.all())), (240, 1000))
        print(f"# {len(moved)} moves, {len(retried)} conflicts", flush=True)


if __name__ == "__main__":
    fgtest.main(globals(), "integration.transactions")
