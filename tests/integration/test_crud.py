#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the store's commands answer, message by message: documents, cursors, indexes, catalog, and the errors that mongod gives."""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fgtest
import rawclient
from fgtest import expect, expect_equal


class Running:
    def __enter__(self):
        self.server = fgtest.Server(module=False)
        self.server.__enter__()
        self.client = rawclient.Client(self.server.port)
        return self.client

    def __exit__(self, kind, value, tb):
        self.client.close()
        self.server.__exit__(kind, value, tb)


def ok(reply):
    expect(reply["ok"] == 1 and "writeErrors" not in reply, f"{reply}")
    return reply


def code(reply):
    if reply.get("writeErrors"):
        return reply["writeErrors"][0]["code"]
    return 0 if reply["ok"] else reply["code"]


def fill(client, n, name="c", **more):
    ok(client.run({"insert": name}, documents=("documents", [dict({"_id": i, "x": i}, **more) for i in range(n)])))


def case_sixteen_mebibyte_documents():
    limit = 16 * 1024 * 1024
    around = len(rawclient.encode({"_id": 1, "s": ""}))
    with fgtest.Server() as server:
        client = rawclient.Client(server.port)
        ok(client.run({"create": "c", "validator": {"$jsonSchema": {"properties": {"ssn": {"encrypt": {}}}}}}))
        ok(client.run({"insert": "c"}, documents=("documents", [{"_id": 1, "s": "x" * (limit - around)}])))
        expect_equal(len(client.run({"find": "c"})["cursor"]["firstBatch"][0]["s"]), limit - around, "the largest document")
        reply = client.run({"insert": "c"}, documents=("documents", [{"_id": 2, "s": "x" * (limit - around + 1)}]))
        expect(code(reply) != 0, f"a document above the limit: {reply}")
        reply = client.run({"insert": "c"}, documents=("documents", [{"_id": 3, "s": "x" * (limit - 2 * around), "ssn": "123"}]))
        expect_equal(code(reply), 121, "plaintext at the end of a large document")
        reply = client.run({"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"more": "y" * 100}}}]})
        expect(code(reply) != 0, f"an update that grows a document above the limit: {reply}")
        expect_equal(client.run({"count": "c"})["n"], 1, "documents")
        client.close()


def case_insert_batches():
    with Running() as client:
        docs = [{"_id": 1}, {"_id": 2}, {"_id": 1}, {"_id": 3}]
        reply = client.run({"insert": "c", "documents": docs})
        expect_equal((reply["n"], reply["writeErrors"][0]["index"], code(reply)), (2, 2, 11000), "ordered")
        error = reply["writeErrors"][0]
        expect_equal(error["errmsg"], "E11000 duplicate key error collection: test.c index: _id_ dup key: { _id: 1 }")
        expect_equal((error["keyPattern"], error["keyValue"]), ({"_id": 1}, {"_id": 1}))
        reply = client.run({"insert": "d", "documents": docs, "ordered": False})
        expect_equal((reply["n"], len(reply["writeErrors"])), (3, 1), "unordered")
        expect_equal(code(client.run({"insert": "c", "documents": [{"_id": [1]}]})), 53, "array _id")
        expect_equal(code(client.run({"insert": "c", "documents": [{"_id": {"$a": 1}}]})) != 0, True, "$ in _id")
        expect_equal(code(client.run({"insert": "c", "documents": []})), 16, "empty batch")
        expect_equal(code(client.run({"insert": "c", "documents": [{}], "nonsense": 1})), 40415, "unknown member")
        expect_equal(code(client.run({"insert": "c"})), 40414, "no documents")
        expect_equal(code(client.run({"insert": "c", "documents": [{}], "ordered": "yes"})), 14, "wrong type")
        expect_equal(code(client.run({"insert": "", "documents": [{}]})), 73, "empty name")
        expect_equal(code(client.run({"insert": "c", "documents": [{}], "encryptionInformation": {"schema": {}}})), 6371602, "Queryable Encryption")
        for command, number in (({"update": "c", "updates": [{"q": {}, "u": {}}]}, 6371905), ({"delete": "c", "deletes": [{"q": {}, "limit": 0}]}, 6371701), ({"findAndModify": "c", "remove": True}, 6371800)):
            expect_equal(code(client.run({**command, "encryptionInformation": {"schema": {}}})), number, f"{command}")
        expect_equal(code(client.run({"insert": "system.x", "documents": [{}]})), 73, "system collection")
        ok(client.run({"insert": "e", "documents": [{"a": 1, "_id": 5}, {"b": 1}]}))
        found = client.find_all("e")
        expect_equal(list(found[0]), ["_id", "a"], "_id comes first")
        expect(isinstance(found[1]["_id"], bytes) and list(found[1]) == ["_id", "b"], "an ObjectId was added")


def case_large_batch():
    with Running() as client:
        n = 10000 if fgtest.SANITIZED else 100000
        ok(client.run({"insert": "c"}, documents=("documents", [{"_id": i} for i in range(n)])))
        expect_equal(client.run({"count": "c"})["n"], n)
        reply = client.run({"insert": "c", "ordered": False}, documents=("documents", [{"_id": i} for i in range(n)]))
        expect_equal((reply["n"], len(reply["writeErrors"])), (0, n))
        expect_equal(code(client.run({"insert": "c"}, documents=("documents", [{} for i in range(100001)]))), 16)


def case_cursors():
    with Running() as client:
        fill(client, 300)
        reply = ok(client.run({"find": "c", "filter": {}}))
        expect_equal(len(reply["cursor"]["firstBatch"]), 101)
        expect_equal([d["_id"] for d in client.find_all("c")], list(range(300)))
        reply = client.run({"find": "c", "batchSize": 2})
        cursor = rawclient.Long(reply["cursor"]["id"])
        expect_equal(code(client.run({"getMore": cursor, "collection": "other"})), 13)
        ok(client.run({"insert": "c", "documents": [{"_id": "late"}]}))
        ok(client.run({"delete": "c", "deletes": [{"q": {"_id": 2}, "limit": 1}]}))
        reply = ok(client.run({"getMore": cursor, "collection": "c", "batchSize": 3}))
        expect_equal([d["_id"] for d in reply["cursor"]["nextBatch"]], [3, 4, 5])
        reply = client.run({"killCursors": "c", "cursors": [cursor, rawclient.Long(77)]})
        expect_equal((reply["cursorsKilled"], reply["cursorsNotFound"]), ([cursor.value], [77]))
        expect_equal(code(client.run({"getMore": cursor, "collection": "c"})), 43)
        cursor = rawclient.Long(client.run({"find": "c", "batchSize": 2})["cursor"]["id"])
        ok(client.run({"drop": "c"}))
        expect_equal(code(client.run({"getMore": cursor, "collection": "c"})), 175)
        fill(client, 10)
        reply = client.run({"find": "c", "batchSize": 4, "singleBatch": True})
        expect_equal((len(reply["cursor"]["firstBatch"]), reply["cursor"]["id"]), (4, 0))
        reply = client.run({"find": "c", "limit": 4})
        expect_equal((len(reply["cursor"]["firstBatch"]), reply["cursor"]["id"]), (4, 0))
        reply = client.run({"find": "c", "sort": {"x": -1}, "skip": 1, "limit": 3, "batchSize": 2})
        more = client.run({"getMore": rawclient.Long(reply["cursor"]["id"]), "collection": "c"})
        expect_equal([d["x"] for d in reply["cursor"]["firstBatch"] + more["cursor"]["nextBatch"]], [8, 7, 6])
        expect_equal(more["cursor"]["id"], 0)
        reply = client.run({"find": "c", "sort": {"$natural": -1}, "limit": 2})
        expect_equal([d["x"] for d in reply["cursor"]["firstBatch"]], [9, 8])
        expect_equal(client.run({"find": "none"})["cursor"]["firstBatch"], [])
        expect_equal(code(client.run({"find": "c", "limit": -1})), 51024)
        expect_equal(code(client.run({"find": "c", "tailable": True})), 2)
        expect_equal(code(client.run({"find": "c", "collation": {"locale": "de"}})), 238)
        expect_equal(code(client.run({"find": "c", "hint": "nope"})), 2)


def case_batches_of_large_documents():
    with Running() as client:
        for i in range(5):
            ok(client.run({"insert": "c", "documents": [{"_id": i, "s": "x" * (6 << 20)}]}))
        reply = client.run({"find": "c"})
        expect_equal(len(reply["cursor"]["firstBatch"]), 2, "documents in 16 MiB")
        expect_equal([d["_id"] for d in client.find_all("c")], [0, 1, 2, 3, 4])


def case_updates():
    with Running() as client:
        fill(client, 10)
        reply = ok(client.run({"update": "c", "updates": [{"q": {"x": {"$gte": 5}}, "u": {"$set": {"y": 1}}, "multi": True}]}))
        expect_equal((reply["n"], reply["nModified"]), (5, 5))
        reply = ok(client.run({"update": "c", "updates": [{"q": {"x": {"$gte": 4}}, "u": {"$set": {"y": 1}}, "multi": True}]}))
        expect_equal((reply["n"], reply["nModified"]), (6, 1))
        reply = ok(client.run({"update": "c", "updates": [{"q": {"_id": "n", "z": 3}, "u": {"$inc": {"k": 2}}, "upsert": True}]}))
        expect_equal((reply["n"], reply["upserted"]), (1, [{"index": 0, "_id": "n"}]))
        expect_equal(client.find_all("c", filter={"_id": "n"}), [{"_id": "n", "z": 3, "k": 2}])
        expect_equal(code(client.run({"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"_id": 2}}}]})), 66)
        expect_equal(code(client.run({"update": "c", "updates": [{"q": {}, "u": {"a": 1}, "multi": True}]})), 9)
        ok(client.run({"createIndexes": "c", "indexes": [{"key": {"u": 1}, "name": "u_1", "unique": True, "sparse": True}]}))
        ok(client.run({"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"u": 1}}}]}))
        reply = client.run({"update": "c", "updates": [{"q": {"_id": {"$in": [2, 1]}}, "u": {"$set": {"u": 5}}, "multi": True}]})
        expect_equal((reply["n"], code(reply)), (1, 11000), "documents before the refused one stay changed")
        reply = client.run({"update": "c", "updates": [{"q": {"_id": 3}, "u": {"$set": {"u": 5}}}, {"q": {"_id": 4}, "u": {"$set": {"v": 1}}}], "ordered": False})
        expect_equal((reply["n"], len(reply["writeErrors"])), (1, 1))
        ok(client.run({"update": "c", "updates": [{"q": {"u": 5}, "u": {"$set": {"u": 6}}}]}))
        expect_equal([d["u"] for d in client.find_all("c", filter={"u": 6})], [6], "the index follows")
        expect_equal(client.find_all("c", filter={"u": 5}), [])
        expect_equal(code(client.run({"delete": "c", "deletes": [{"q": {}, "limit": 2}]})), 9)
        expect_equal(ok(client.run({"delete": "c", "deletes": [{"q": {}, "limit": 0}]}))["n"], 11)


def case_find_and_modify():
    with Running() as client:
        fill(client, 5)
        reply = ok(client.run({"findAndModify": "c", "query": {}, "sort": {"x": -1}, "update": {"$set": {"y": 1}}, "fields": {"x": 1, "y": 1}}))
        expect_equal((reply["value"], reply["lastErrorObject"]), ({"_id": 4, "x": 4}, {"n": 1, "updatedExisting": True}))
        reply = ok(client.run({"findAndModify": "c", "query": {"_id": 4}, "update": {"$set": {"y": 2}}, "new": True}))
        expect_equal(reply["value"]["y"], 2)
        reply = ok(client.run({"findAndModify": "c", "query": {"_id": 9}, "update": {"$set": {"y": 2}}, "upsert": True}))
        expect_equal((reply["value"], reply["lastErrorObject"]["upserted"]), (None, 9))
        reply = ok(client.run({"findAndModify": "c", "query": {"_id": 9}, "remove": True}))
        expect_equal(reply["value"], {"_id": 9, "y": 2})
        expect_equal(code(client.run({"findAndModify": "c", "query": {}})), 9)
        expect_equal(code(client.run({"findAndModify": "c", "remove": True, "new": True})), 9)


def case_bulk_write():
    with Running() as client:
        reply = ok(
            client.run(
                {"bulkWrite": 1, "ordered": False, "ops": [{"insert": 0, "document": {"_id": 1}}, {"insert": 0, "document": {"_id": 1}}, {"update": 1, "filter": {"_id": 7}, "updateMods": {"$set": {"a": 1}}, "upsert": True}, {"delete": 0, "filter": {}, "multi": True}], "nsInfo": [{"ns": "a.x"}, {"ns": "b.y"}]},
                "admin",
            )
        )
        totals = {k: reply[k] for k in ("nErrors", "nInserted", "nMatched", "nModified", "nUpserted", "nDeleted")}
        expect_equal(totals, {"nErrors": 1, "nInserted": 1, "nMatched": 0, "nModified": 0, "nUpserted": 1, "nDeleted": 1})
        results = reply["cursor"]["firstBatch"]
        expect_equal([(r["idx"], r["ok"], r["n"]) for r in results], [(0, 1.0, 1), (1, 0.0, 0), (2, 1.0, 1), (3, 1.0, 1)])
        expect_equal((results[1]["code"], results[2]["upserted"]), (11000, {"_id": 7}))
        expect_equal(code(client.run({"bulkWrite": 1, "ops": [{"insert": 3, "document": {}}], "nsInfo": [{"ns": "a.x"}]}, "admin")), 2)


def case_indexes():
    with Running() as client:
        fill(client, 3, keys=["a", "b"])
        reply = client.run({"createIndexes": "c", "indexes": [{"key": {"keys": 1}, "name": "k", "unique": True}]})
        expect_equal((code(reply), reply["keyPattern"], reply["keyValue"]), (11000, {"keys": 1}, {"keys": "a"}))
        partial = {"key": {"x": 1}, "name": "p", "unique": True, "partialFilterExpression": {"x": {"$gt": 1}}}
        reply = ok(client.run({"createIndexes": "c", "indexes": [partial]}))
        expect_equal((reply["numIndexesBefore"], reply["numIndexesAfter"], reply["createdCollectionAutomatically"]), (1, 2, False))
        ok(client.run({"insert": "c", "documents": [{"_id": 10, "x": 0}]}))
        expect_equal(code(client.run({"insert": "c", "documents": [{"_id": 11, "x": 2}]})), 11000)
        expect_equal(len(client.find_all("c", filter={"x": 0})), 2, "a partial index does not hide documents")
        expect_equal(code(client.run({"createIndexes": "c", "indexes": [dict(partial, unique=False)]})), 86)
        expect_equal(code(client.run({"createIndexes": "c", "indexes": [dict(partial, name="other")]})), 85)
        for bad, wanted in (({"key": {}, "name": "n"}, 67), ({"key": {"a": 0}, "name": "n"}, 67), ({"key": {"a": "text"}, "name": "n"}, 238), ({"key": {"a": 1}, "name": "n", "expireAfterSeconds": 5}, 238), ({"key": {"a": 1}, "name": ""}, 67), ({"key": {"a": 1}}, 40414), ({"key": {"a": 1}, "name": "n", "nonsense": 1}, 40415)):
            expect_equal(code(client.run({"createIndexes": "c", "indexes": [bad]})), wanted, str(bad))
        names = [i["name"] for i in client.run({"listIndexes": "c"})["cursor"]["firstBatch"]]
        expect_equal(names, ["_id_", "p"])
        expect_equal(code(client.run({"dropIndexes": "c", "index": "_id_"})), 72)
        expect_equal(code(client.run({"dropIndexes": "c", "index": "none"})), 27)
        ok(client.run({"dropIndexes": "c", "index": "*"}))
        ok(client.run({"insert": "c", "documents": [{"_id": 11, "x": 2}]}))
        expect_equal(code(client.run({"listIndexes": "none"})), 26)
        expect_equal(code(client.run({"insert": "p", "documents": [{"_id": 1}]})), 0)
        ok(client.run({"createIndexes": "p", "indexes": [{"key": {"a": 1, "b": 1}, "name": "ab"}]}))
        expect_equal(code(client.run({"insert": "p", "documents": [{"a": [1], "b": [2]}]})), 171)


def case_catalog():
    with Running() as client:
        validator = {"n": {"$type": "int"}}
        ok(client.run({"create": "v", "validator": validator}))
        ok(client.run({"create": "v", "validator": validator}))
        expect_equal(code(client.run({"create": "v"})), 48)
        for bad, wanted in (({"capped": True, "size": 100}, 238), ({"viewOn": "v"}, 238), ({"nonsense": 1}, 40415), ({"validator": {"$jsonSchema": {"nonsense": 1}}}, 9), ({"validationLevel": "x"}, 2)):
            expect_equal(code(client.run(dict({"create": "w"}, **bad))), wanted, str(bad))
        expect_equal(code(client.run({"create": "w", "validator": validator}, "admin")), 72)
        info = client.run({"listCollections": 1, "filter": {"name": "v"}})["cursor"]["firstBatch"][0]
        expect_equal(info["options"], {"validator": validator, "validationLevel": "strict", "validationAction": "error"})
        expect_equal((len(info["info"]["uuid"]), info["idIndex"]["name"]), (16, "_id_"))
        reply = client.run({"insert": "v", "documents": [{"_id": 1, "n": "x"}]})
        expect_equal((code(reply), reply["writeErrors"][0]["errInfo"]["failingDocumentId"]), (121, 1))
        ok(client.run({"insert": "v", "documents": [{"_id": 1, "n": "x"}], "bypassDocumentValidation": True}))
        expect_equal(code(client.run({"update": "v", "updates": [{"q": {"_id": 1}, "u": {"$set": {"m": 1}}}]})), 121, "strict")
        ok(client.run({"collMod": "v", "validationLevel": "moderate"}))
        ok(client.run({"update": "v", "updates": [{"q": {"_id": 1}, "u": {"$set": {"m": 1}}}]}))
        expect_equal(code(client.run({"insert": "v", "documents": [{"n": "x"}]})), 121, "moderate is for updates")
        ok(client.run({"collMod": "v", "validationAction": "warn"}))
        ok(client.run({"insert": "v", "documents": [{"n": "x"}]}))
        ok(client.run({"collMod": "v", "validator": {}}))
        options = client.run({"listCollections": 1, "filter": {"name": "v"}})["cursor"]["firstBatch"][0]["options"]
        expect("validator" not in options, f"{options}")
        expect_equal(code(client.run({"collMod": "none", "validator": {}})), 26)
        ok(client.run({"renameCollection": "test.v", "to": "test.w"}, "admin"))
        expect_equal(client.run({"count": "w"})["n"], 2)
        ok(client.run({"insert": "v", "documents": [{"_id": 1}]}))
        expect_equal(code(client.run({"renameCollection": "test.w", "to": "test.v"}, "admin")), 48)
        ok(client.run({"renameCollection": "test.w", "to": "test.v", "dropTarget": True}, "admin"))
        expect_equal(client.run({"count": "v"})["n"], 2)
        expect_equal(code(client.run({"renameCollection": "test.none", "to": "test.q"}, "admin")), 26)
        ok(client.run({"drop": "none"}))
        ok(client.run({"dropDatabase": 1}))
        expect_equal(client.run({"listCollections": 1, "nameOnly": True})["cursor"]["firstBatch"], [])


def case_restart_keeps_everything():
    with fgtest.Server(module=False) as server:
        client = rawclient.Client(server.port)
        fill(client, 200)
        ok(client.run({"createIndexes": "c", "indexes": [{"key": {"x": 1}, "name": "x", "unique": True}]}))
        ok(client.run({"create": "v", "validator": {"n": 1}}))
        before = client.run({"listCollections": 1})["cursor"]["firstBatch"]
        client.close()
        server.stop()
        server.start()
        client = rawclient.Client(server.port)
        expect_equal(client.run({"listCollections": 1})["cursor"]["firstBatch"], before)
        expect_equal(len(client.find_all("c")), 200)
        expect_equal(code(client.run({"insert": "c", "documents": [{"x": 7}]})), 11000)
        expect_equal(code(client.run({"insert": "v", "documents": [{"n": 2}]})), 121)
        client.close()


def case_rules_change_under_writers():
    """No write is accepted that the rules before it and the rules after it would both have refused, and none is lost."""
    with fgtest.Server(module=False) as server:
        admin = rawclient.Client(server.port)
        validators = [{"kind": {"$in": ["a", "b"]}}, {"kind": {"$in": ["b", "c"]}}]
        ok(admin.run({"create": "c", "validator": validators[0]}))
        accepted = {"a": 0, "b": 0, "c": 0, "d": 0}
        problems = []
        stop = threading.Event()

        def write(n):
            client = rawclient.Client(server.port)
            i = 0
            while not stop.is_set():
                i += 1
                kind = "abcd"[i % 4]
                reply = client.run({"insert": "c", "documents": [{"_id": f"{n}-{i}", "kind": kind}]})
                if code(reply) == 0:
                    accepted[kind] += 1
                if code(reply) not in (0, 121) or (kind == "b" and code(reply)) or (kind == "d" and not code(reply)):
                    problems.append((kind, reply))
            client.close()

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        for i in range(60):
            ok(admin.run({"collMod": "c", "validator": validators[(i + 1) % 2]}))
        stop.set()
        for t in threads:
            t.join()
        expect_equal(problems, [])
        found = admin.find_all("c")
        expect_equal(len(found), sum(accepted.values()))
        expect_equal(admin.run({"count": "c", "query": {"kind": "d"}})["n"], 0)
        admin.close()


if __name__ == "__main__":
    fgtest.main(globals(), "integration.crud")
