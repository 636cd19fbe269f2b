#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plaintext on every way into a protected field: none may be stored, answered with the value in an error outside mongod's own members, or logged."""

import base64
import glob
import json
import os
import tempfile

import fgtest
import rawclient
from fgtest import Server, binary, ciphertext, encrypt_rule, expect, expect_equal, write_error

SECRET = "zz-plain-secret"
CIPHER = ciphertext()
SCHEMA = {
    "$jsonSchema": {
        "properties": {
            "ssn": encrypt_rule(),
            "deep": {"properties": {"er": encrypt_rule()}},
            "list": {"items": {"properties": {"x": encrypt_rule()}}},
        }
    }
}


def update(u, q=None, **more):
    return {"update": "t", "updates": [dict({"q": {"_id": 1} if q is None else q, "u": u}, **more)]}


def modify(u, q=None, **more):
    return dict({"findAndModify": "t", "query": {"_id": 1} if q is None else q, "update": u}, **more)


def bulk(op):
    return {"bulkWrite": 1, "ops": [op], "nsInfo": [{"ns": "test.t"}]}


CHANGES = {
    "set": {"$set": {"ssn": SECRET}},
    "set dotted": {"$set": {"deep.er": SECRET}},
    "set document": {"$set": {"deep": {"er": SECRET}}},
    "set below": {"$set": {"ssn.x": SECRET}},
    "set in array": {"$set": {"list.0.x": SECRET}},
    "set array": {"$set": {"list": [{"x": SECRET}]}},
    "array on path": {"$set": {"deep": [{"er": SECRET}]}},
    "array": {"$set": {"ssn": [CIPHER, SECRET]}},
    "setOnInsert": {"$setOnInsert": {"ssn": SECRET}},
    "rename": {"$rename": {"other": "ssn"}},
    "rename deep": {"$rename": {"other": "deep.er"}},
    "push": {"$push": {"ssn": SECRET}},
    "push nested": {"$push": {"list": {"$each": [{"x": SECRET}]}}},
    "addToSet": {"$addToSet": {"fresh": 1, "list": {"x": SECRET}}},
    "inc": {"$unset": {"other": 1}, "$inc": {"deep.er": 5}},
    "mul": {"$mul": {"deep.er": 5}},
    "min": {"$min": {"deep.er": 5}},
    "max": {"$max": {"deep.er": SECRET}},
    "bit": {"$bit": {"deep.er": {"or": 5}}},
    "currentDate": {"$currentDate": {"deep.er": True}},
    "null": {"$set": {"ssn": None}},
    "pipeline set": [{"$set": {"ssn": "$other"}}],
    "pipeline dotted": [{"$addFields": {"deep.er": {"$concat": ["$other", ""]}}}],
    "pipeline project": [{"$project": {"ssn": "$other"}}],
    "pipeline replaceWith": [{"$replaceWith": {"_id": "$_id", "ssn": SECRET}}],
    "pipeline replaceRoot": [{"$replaceRoot": {"newRoot": {"_id": "$_id", "deep": {"er": SECRET}}}}],
    "pipeline setField": [{"$replaceWith": {"$setField": {"field": "ssn", "input": "$$ROOT", "value": SECRET}}}],
    "pipeline dotted name": [{"$replaceWith": {"$setField": {"field": "deep.er", "input": "$$ROOT", "value": SECRET}}}],
    "pipeline arrayToObject": [{"$replaceWith": {"$arrayToObject": [[["_id", "$_id"], ["ssn", "$other"]]]}}],
    "replacement": {"ssn": SECRET},
    "replacement deep": {"deep": {"er": SECRET}},
}

DOCUMENTS = {
    "plain": {"ssn": SECRET},
    "deep": {"deep": {"er": SECRET}},
    "array on path": {"deep": [{"er": CIPHER}, {"er": SECRET}]},
    "dotted name": {"deep.er": SECRET},
    "document": {"ssn": {"": SECRET}},
    "wrong subtype": {"ssn": binary(SECRET.encode(), 0)},
    "marking": {"ssn": binary(b"\0" + SECRET.encode())},
    "text behind a header": {"ssn": binary(b"\x02" + fgtest.KEY_ID + b"\x02" + (SECRET * 10).encode()[:64])},
    "short": {"ssn": binary(b"\x02" + fgtest.KEY_ID + b"\x02" + SECRET.encode())},
    "scalar on path": {"deep": SECRET},
    "nested array": {"list": [[{"x": SECRET}]]},
    "list": {"list": [{"x": CIPHER}, {"x": SECRET}]},
}


def protected(server, coll="t"):
    expect_equal(server.run({"create": coll, "validator": SCHEMA, "validationLevel": "off"})["ok"], 1, "create")


def stored(server, coll="t"):
    return server.run({"find": coll, "batchSize": 10000})["cursor"]["firstBatch"]


def must_refuse(server, name, cmd, db="test"):
    """The command fails, whatever its error, and changes nothing."""
    before = stored(server)
    for bypass in (False, True):
        reply = server.run(dict(cmd, bypassDocumentValidation=bypass), db)
        code = write_error(reply)[0]
        expect(code != 0, f"{name}: accepted: {cmd}: {reply}")
        expect_equal(stored(server), before, f"{name}: what is stored")
    return code


def each_change(server, make, db="test"):
    refused = 0
    for name, change in CHANGES.items():
        if name == "setOnInsert":
            continue
        refused += must_refuse(server, name, make(change), db) == 121
    # The rest fails for a reason of the operator's own; the test is worth nothing if that is most of them.
    expect(refused >= 0.8 * len(CHANGES), f"only {refused} of {len(CHANGES)} were refused by the rules")


def seed(server):
    protected(server)
    document = {"_id": 1, "other": SECRET, "n": 1, "list": [{"x": CIPHER}]}
    expect_equal(write_error(server.run({"insert": "t", "documents": [document]}))[0], 0, "the seed")


def case_update():
    with Server() as server:
        seed(server)
        each_change(server, lambda u: update(u))


def case_find_and_modify():
    with Server() as server:
        seed(server)
        each_change(server, lambda u: modify(u, new=True))


def case_bulk_write():
    with Server() as server:
        seed(server)
        each_change(server, lambda u: bulk({"update": 0, "filter": {"_id": 1}, "updateMods": u}), "admin")
        for name, document in DOCUMENTS.items():
            expect_equal(must_refuse(server, name, bulk({"insert": 0, "document": document}), "admin"), 121, name)


def case_insert():
    with Server() as server:
        protected(server)
        for name, document in DOCUMENTS.items():
            expect_equal(must_refuse(server, name, {"insert": "t", "documents": [document]}), 121, name)
        expect_equal(stored(server), [], "documents")


def case_upsert():
    """An upsert takes fields from its filter too."""
    filters = ({"ssn": SECRET}, {"ssn": {"$eq": SECRET}}, {"$and": [{"ssn": SECRET}]}, {"deep.er": SECRET}, {"deep": {"er": SECRET}}, {"ssn": {"$in": [SECRET]}}, {"$or": [{"ssn": SECRET}]}, {"ssn": {"$all": [SECRET]}})
    with Server() as server:
        protected(server)
        for q in filters:
            for u in ({"$set": {"n": 1}}, {"$setOnInsert": {"n": 1}}, [{"$set": {"n": 1}}]):
                for cmd, db in ((update(u, q, upsert=True), "test"), (modify(u, q, upsert=True), "test"), (bulk({"update": 0, "filter": q, "updateMods": u, "upsert": True}), "admin")):
                    expect_equal(must_refuse(server, f"{q} {u}", cmd, db), 121, f"{q} {u}")
        expect_equal(must_refuse(server, "setOnInsert", update({"$setOnInsert": {"ssn": SECRET}}, {"_id": 9}, upsert=True)), 121)
        expect_equal(must_refuse(server, "let", dict(update([{"$set": {"ssn": "$$v"}}], {"_id": 9}, upsert=True), let={"v": SECRET})), 121)
        expect_equal(must_refuse(server, "c", update([{"$set": {"ssn": "$$v"}}], {"_id": 9}, upsert=True, c={"v": SECRET})), 121)
        expect_equal(must_refuse(server, "let in bulkWrite", dict(bulk({"update": 0, "filter": {"_id": 9}, "updateMods": [{"$set": {"ssn": "$$v"}}], "upsert": True}), let={"v": SECRET}), "admin"), 121)


def case_array_filters():
    with Server() as server:
        seed(server)
        expect_equal(must_refuse(server, "filtered", update({"$set": {"list.$[e].x": SECRET}}, arrayFilters=[{"e.x": {"$exists": True}}])), 121)
        expect_equal(must_refuse(server, "all", update({"$set": {"list.$[].x": SECRET}})), 121)
        expect_equal(must_refuse(server, "positional", update({"$set": {"list.$.x": SECRET}}, {"list.x": {"$exists": True}})), 121)


def case_ciphertext_gets_in():
    with Server() as server:
        protected(server)
        good = {"_id": 1, "ssn": CIPHER, "deep": {"er": ciphertext(seed=2)}, "list": [{"x": CIPHER}, {"x": CIPHER, "y": 1}, {}], "n": SECRET}
        expect_equal(write_error(server.run({"insert": "t", "documents": [good]}))[0], 0, "insert")
        for cmd, db in (
            (update({"$set": {"ssn": ciphertext(seed=3)}}), "test"),
            (update([{"$set": {"ssn": "$deep.er"}}]), "test"),
            (dict(update([{"$set": {"ssn": "$$v"}}]), let={"v": ciphertext(seed=4)}), "test"),
            (update({"$push": {"list": {"x": CIPHER}}}), "test"),
            (update({"$rename": {"deep.er": "ssn"}}), "test"),
            (modify({"$set": {"deep.er": ciphertext(seed=5)}}), "test"),
            (update({"$set": {"n": 1}}, {"ssn": ciphertext(seed=6)}, upsert=True), "test"),
            (bulk({"update": 0, "filter": {"_id": 1}, "updateMods": {"$unset": {"ssn": 1}}}), "admin"),
        ):
            expect_equal(write_error(server.run(cmd, db))[0], 0, f"{cmd}")
        expect_equal(len(stored(server)), 2, "documents")


def case_out_and_merge():
    with Server() as server:
        protected(server)
        server.run({"insert": "source", "documents": [{"_id": 1, "ssn": SECRET}]})
        for stage in ({"$out": "t"}, {"$merge": "t"}, {"$merge": {"into": "t", "whenMatched": "replace"}}):
            must_refuse(server, f"{stage}", {"aggregate": "source", "pipeline": [stage], "cursor": {}})


def case_local_rules():
    """A rule of the policy file holds for collections that nobody has declared, however they come to be."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "policy.json")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            json.dump({"policies": [{"ns": "test.t", "validator": SCHEMA}]}, f)
        server = Server(folder=folder)
        server.settings = {"fieldguard.auditPath": server.audit, "fieldguard.policyFile": path, "fieldguard.ruleRemoval": "audit"}
        with server:
            for _ in range(2):
                expect_equal(write_error(server.run({"insert": "t", "documents": [{"ssn": SECRET}]}))[0], 121, "implicit create")
                expect_equal(write_error(server.run(update({"$set": {"ssn": SECRET}}, {"_id": 1}, upsert=True)))[0], 121, "upsert")
                server.run({"drop": "t"})
            server.run({"create": "aside"})
            server.run({"renameCollection": "test.aside", "to": "test.t", "dropTarget": True}, "admin")
            expect_equal(write_error(server.run({"insert": "t", "documents": [{"ssn": SECRET}]}))[0], 121, "renamed to")
        server.start()
        expect_equal(write_error(server.run({"insert": "t", "documents": [{"ssn": SECRET}]}))[0], 121, "after a restart")
        server.stop()


def case_drop_and_collmod_between_writes():
    with Server() as server:
        server.run({"create": "t"})
        server.run({"insert": "t", "documents": [{"_id": 1, "ssn": SECRET}]})
        expect_equal(server.run({"collMod": "t", "validator": SCHEMA, "validationLevel": "off"})["ok"], 1)
        before = stored(server)
        expect_equal(write_error(server.run(update({"$set": {"n": 1}})))[0], 121, "what was invalid before may not stay so")
        expect_equal(stored(server), before)
        expect_equal(write_error(server.run(update({"$unset": {"ssn": 1}})))[0], 0, "mending")


class Pairs(dict):
    """A document with its names as they are: repeated, in this order."""

    def __init__(self, *pairs):
        super().__init__(pairs)
        self.pairs = pairs

    def items(self):
        return self.pairs


def case_names_that_no_driver_sends():
    good = base64.b64decode(CIPHER["$binary"]["base64"])
    documents = (
        Pairs(("ssn", good), ("ssn", SECRET)),
        Pairs(("ssn", SECRET), ("ssn", good)),
        Pairs(("deep", {"er": good}), ("deep", {"er": SECRET})),
        Pairs(("deep", Pairs(("er", good), ("er", SECRET)))),
        Pairs(("list", Pairs(("0", {"x": good}), ("0", {"x": SECRET})))),
        Pairs(("", 1), ("ssn", SECRET)),
        Pairs(("deep.er", SECRET)),
        Pairs(("deep", {"er": good}), ("deep.er", SECRET)),
    )
    with Server() as server:
        protected(server)
        client = rawclient.Client(server.port)
        first_code = lambda reply: (reply.get("writeErrors") or [reply])[0].get("code", 0)
        for document in documents:
            for reply in (
                client.run({"insert": "t", "documents": [document]}),
                client.run({"insert": "t", "bypassDocumentValidation": True}, documents=("documents", [document])),
                client.run({"update": "t", "updates": [{"q": {"_id": 1}, "u": document, "upsert": True}]}),
                client.run({"update": "t"}, documents=("updates", [{"q": {"_id": 1}, "u": document, "upsert": True}])),
                client.run({"update": "t", "updates": [{"q": {"_id": 1}, "u": {"$set": document}, "upsert": True}]}),
                client.run({"update": "t", "updates": [{"q": {"_id": 1}, "u": {"$setOnInsert": document}, "upsert": True}]}),
                client.run({"update": "t", "updates": [{"q": {"_id": 1}, "u": [{"$replaceWith": {"$literal": document}}], "upsert": True}]}),
                client.run({"findAndModify": "t", "query": {"_id": 1}, "update": document, "upsert": True}),
                client.run({"bulkWrite": 1, "ops": [{"insert": 0, "document": document}], "nsInfo": [{"ns": "test.t"}]}, "admin"),
            ):
                expect(first_code(reply) != 0 or reply.get("nErrors"), f"accepted {document.pairs}: {reply}")
                expect_equal(client.run({"count": "t"})["n"], 0, f"{document.pairs}: {reply}")
        reply = client.run({"insert": "t"}, documents=("documents", [{"_id": 1, "ssn": good, "deep": {"er": good}, "": 1}]))
        expect_equal((first_code(reply), reply.get("n")), (0, 1), f"{reply}")
        client.close()


def case_no_secret_in_any_file_or_log():
    with Server() as server:
        seed(server)
        server.run({"update": "t", "updates": [{"q": {"_id": 1}, "u": {"$unset": {"other": 1}}}]})
        server.run({"createIndexes": "t", "indexes": [{"key": {"u": 1}, "name": "u", "unique": True}]})
        for change in CHANGES.values():
            server.run(update(change))
        server.run({"setParameter": 1, "fieldguard.mode": SECRET}, "admin")
        server.run({"setParameter": 1, "logLevel": SECRET}, "admin")
        server.run({"insert": "t", "documents": [{"_id": SECRET, "ssn": SECRET}]})
        server.run({"find": "t", "filter": {"ssn": {"$regex": "(" + SECRET}}})
        server.run({SECRET: 1})
        server.run({"aggregate": "t", "pipeline": [{"$project": {"a": {"$divide": [SECRET, 0]}}}], "cursor": {}})
        server.run({"update": "t", "updates": [{"q": {"ssn": SECRET}, "u": {"$inc": {"n": SECRET}}}]})
        replies = server.run({"getLog": "global"}, "admin")
        expect(SECRET not in str(replies), "getLog")
        for path in [server.log, *glob.glob(server.audit + "*")]:
            with open(path, encoding="utf-8", errors="replace") as f:
                for line in f:
                    expect(SECRET not in line, f"{os.path.basename(path)}: {line[:300]}")


fgtest.main(globals(), "attacks")
