#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""aggregate with $out and $merge: mongod's forms, its codes, and that the target's rules hold whatever way the documents come."""

import json
import os
import threading
import time

import fgtest
from fgtest import Commands, Server, ciphertext, encrypt_rule, expect, expect_equal, write_error

PLAIN = "123-45-6789"
RULES = {"$jsonSchema": {"properties": {"ssn": encrypt_rule()}}}
PREFIX = "PlanExecutor error during aggregation :: caused by :: "


def aggregate(server, coll, *stages, db="test", **more):
    return server.run({"aggregate": coll, "pipeline": list(stages), "cursor": {}, **more}, db)


def fill(server, coll, docs, db="test", **options):
    server.run({"drop": coll}, db)
    if options:
        expect(server.run({"create": coll, **options}, db)["ok"], f"create {coll}")
    if docs:
        reply = server.run({"insert": coll, "documents": docs}, db)
        expect_equal(write_error(reply)[0], 0, f"seed {coll}: {reply}")


def contents(server, coll, db="test"):
    docs = []
    reply = server.run({"find": coll, "sort": {"_id": 1}}, db)
    while True:
        docs += reply["cursor"].get("firstBatch", reply["cursor"].get("nextBatch"))
        cursor = reply["cursor"]["id"]
        if not cursor:
            return docs
        reply = server.run({"getMore": {"$numberLong": str(cursor)}, "collection": coll}, db)


def collections(server, db="test"):
    return sorted(c["name"] for c in server.run({"listCollections": 1}, db)["cursor"]["firstBatch"])


def fine(reply, ns="test.src"):
    expect_equal(reply.get("ok"), 1.0, f"{reply}")
    expect_equal(reply["cursor"], {"firstBatch": [], "id": 0, "ns": ns}, "cursor")


def refused(reply, code, text=None):
    expect_equal(reply.get("code"), code, f"{reply}")
    if text:
        expect_equal(reply["errmsg"], text, "errmsg")


def case_out_forms():
    with Server(module=False) as server:
        fill(server, "src", [{"_id": i, "v": i} for i in range(5)])
        fine(aggregate(server, "src", {"$match": {"v": {"$gt": 2}}}, {"$out": "a"}))
        expect_equal(contents(server, "a"), [{"_id": 3, "v": 3}, {"_id": 4, "v": 4}], "$out to a new collection")
        fine(aggregate(server, "src", {"$out": {"db": "other", "coll": "b"}}))
        expect_equal(len(contents(server, "b", "other")), 5, "into another database")
        fine(aggregate(server, "src", {"$limit": 1}, {"$out": "a"}))
        expect_equal(contents(server, "a"), [{"_id": 0, "v": 0}], "it replaces")
        fine(aggregate(server, "missing", {"$out": "a"}), "test.missing")
        expect_equal(contents(server, "a"), [], "nothing replaces it by an empty one")
        expect("a" in collections(server), "the empty collection is there")
        fine(aggregate(server, "src", {"$project": {"_id": 0, "v": 1}}, {"$out": "a"}))
        expect(all("_id" in d for d in contents(server, "a")), "documents without _id get one")
        fine(aggregate(server, "src", {"$set": {"v": {"$add": ["$v", 1]}}}, {"$out": "src"}))
        expect_equal([d["v"] for d in contents(server, "src")], [1, 2, 3, 4, 5], "onto its own source")
        expect_equal(collections(server), ["a", "src"], "no temporary collection is left")


def case_out_codes():
    with Server(module=False) as server:
        fill(server, "src", [{"_id": 1}])
        for spec, code in ((1, 16990), ([], 16990), ({}, 40414), ({"db": "x"}, 40414), ({"coll": "x"}, 40414), ({"db": "x", "coll": 1}, 14), ({"db": "x", "coll": "y", "z": 1}, 40415), ({"db": "x", "coll": "y", "coll2": 1}, 40415),
                           ("", 73), ("$x", 73), ({"db": "a.b", "coll": "c"}, 73), ("system.users", 17385), ({"db": "admin", "coll": "c"}, 31321), ({"db": "config", "coll": "c"}, 31321),
                           ({"db": "x", "coll": "y", "timeseries": {"timeField": "t"}}, 238)):
            refused(aggregate(server, "src", {"$out": spec}), code)
        refused(aggregate(server, "src", {"$out": "a"}, {"$match": {}}), 40601, "$out can only be the final stage in the pipeline")
        refused(server.run({"aggregate": 1, "pipeline": [{"$out": "a"}], "cursor": {}}), 73, "{aggregate: 1} is not valid for '$out'; a collection is required.")
        refused(server.run({"aggregate": 1, "pipeline": [], "cursor": {}}), 73, "{aggregate: 1} is not valid for an empty pipeline.")
        refused(server.run({"aggregate": 2, "pipeline": [], "cursor": {}}), 9)
        refused(aggregate(server, "src", {"$set": {"x": {"$divide": [1, 0]}}}, {"$out": "a"}), 2)
        expect_equal(collections(server), ["src"], "nothing was made")


def case_out_keeps_options_and_indexes():
    with Server(module=False) as server:
        fill(server, "src", [{"_id": 1, "u": 1, "n": 1}, {"_id": 2, "u": 2, "n": 2}])
        fill(server, "t", [{"_id": 9, "u": 9, "n": 0}], validator={"n": {"$lt": 5}})
        server.run({"createIndexes": "t", "indexes": [{"key": {"u": 1}, "name": "u_1", "unique": True}, {"key": {"n": -1}, "name": "n_-1"}]})
        before = server.run({"listCollections": 1, "filter": {"name": "t"}})["cursor"]["firstBatch"][0]
        indexes = server.run({"listIndexes": "t"})["cursor"]["firstBatch"]
        fine(aggregate(server, "src", {"$out": "t"}))
        after = server.run({"listCollections": 1, "filter": {"name": "t"}})["cursor"]["firstBatch"][0]
        expect_equal(after["options"], before["options"], "options")
        expect(after["info"]["uuid"] != before["info"]["uuid"], "it is a new collection")
        expect_equal(server.run({"listIndexes": "t"})["cursor"]["firstBatch"], indexes, "indexes")
        expect_equal(contents(server, "t"), [{"_id": 1, "u": 1, "n": 1}, {"_id": 2, "u": 2, "n": 2}], "documents")
        kept = contents(server, "t")
        server.run({"insert": "src", "documents": [{"_id": 3, "u": 3, "n": 7}]})
        reply = aggregate(server, "src", {"$out": "t"})
        refused(reply, 121, PREFIX + "Document failed validation")
        expect_equal(reply["errInfo"]["failingDocumentId"], 3, "errInfo")
        server.run({"update": "src", "updates": [{"q": {"_id": 3}, "u": {"u": 2, "n": 1}}]})
        reply = aggregate(server, "src", {"$out": "t"})
        refused(reply, 11000)
        expect_equal(reply["keyValue"], {"u": 2}, "keyValue")
        expect_equal(contents(server, "t"), kept, "a failure leaves everything as it was")
        expect_equal(collections(server), ["src", "t"], "and nothing else")
        fine(aggregate(server, "src", {"$set": {"u": "$_id", "n": 9}}, {"$out": "t"}, bypassDocumentValidation=True))
        expect_equal([d["n"] for d in contents(server, "t")], [9, 9, 9], "bypassDocumentValidation")
        server.stop()
        server.start()
        expect_equal(len(contents(server, "t")), 3, "after a restart")
        refused(server.run({"insert": "t", "documents": [{"_id": 7, "u": 1, "n": 1}]})["writeErrors"][0], 11000)


def case_many_batches():
    with Server(module=False) as server:
        fill(server, "src", [])
        for start in range(0, 12000, 4000):
            expect_equal(write_error(server.run({"insert": "src", "documents": [{"_id": i, "v": i % 7} for i in range(start, start + 4000)]}))[0], 0, "seed")
        fine(aggregate(server, "src", {"$out": "t"}))
        expect_equal(server.run({"count": "t"})["n"], 12000, "$out")
        fine(aggregate(server, "src", {"$match": {"v": 3}}, {"$set": {"w": 1}}, {"$merge": "t"}))
        expect_equal(server.run({"count": "t", "query": {"w": 1}})["n"], server.run({"count": "src", "query": {"v": 3}})["n"], "$merge")
        reply = aggregate(server, "src", {"$set": {"_id": {"$cond": [{"$eq": ["$_id", 11999]}, 5, "$_id"]}}}, {"$out": "t"})
        refused(reply, 11000)
        expect_equal(server.run({"count": "t", "query": {"w": 1}})["n"], server.run({"count": "src", "query": {"v": 3}})["n"], "the last batch failed: nothing happened")
        refused(aggregate(server, "src", {"$out": "t"}, maxTimeMS=1), 50)


MODES = (
    # whenMatched, whenNotMatched, what became of {_id: 1, a: 1, b: 1} and of nothing when {_id: 1, a: 2} and {_id: 2, a: 3} came
    (None, None, [{"_id": 1, "a": 2, "b": 1}, {"_id": 2, "a": 3}]),
    ("merge", "insert", [{"_id": 1, "a": 2, "b": 1}, {"_id": 2, "a": 3}]),
    ("merge", "discard", [{"_id": 1, "a": 2, "b": 1}]),
    ("merge", "fail", 13113),
    ("replace", "insert", [{"_id": 1, "a": 2}, {"_id": 2, "a": 3}]),
    ("replace", "discard", [{"_id": 1, "a": 2}]),
    ("replace", "fail", 13113),
    ("keepExisting", "insert", [{"_id": 1, "a": 1, "b": 1}, {"_id": 2, "a": 3}]),
    ("keepExisting", "discard", 51181),
    ("keepExisting", "fail", 51181),
    ("fail", "insert", 11000),
    ("fail", "discard", 51181),
    ("fail", "fail", 51181),
    ([{"$set": {"c": {"$add": ["$a", "$$new.a"]}}}], "insert", [{"_id": 1, "a": 1, "b": 1, "c": 3}, {"_id": 2, "a": 3}]),
    ([{"$set": {"c": {"$add": ["$a", "$$new.a"]}}}], "discard", [{"_id": 1, "a": 1, "b": 1, "c": 3}]),
    ([{"$set": {"c": {"$add": ["$a", "$$new.a"]}}}], "fail", 13113),
    ([{"$replaceWith": "$$new"}], "insert", [{"_id": 1, "a": 2}, {"_id": 2, "a": 3}]),
)


def case_merge_modes():
    with Server(module=False) as server:
        for matched, not_matched, wanted in MODES:
            fill(server, "src", [{"_id": 1, "a": 2}, {"_id": 2, "a": 3}])
            fill(server, "t", [{"_id": 1, "a": 1, "b": 1}])
            spec = {"into": "t"}
            if matched is not None:
                spec.update(whenMatched=matched, whenNotMatched=not_matched)
            reply = aggregate(server, "src", {"$merge": spec})
            if isinstance(wanted, int):
                refused(reply, wanted)
            else:
                fine(reply)
                expect_equal(contents(server, "t"), wanted, f"{matched} {not_matched}")
        fine(aggregate(server, "src", {"$merge": "fresh"}))
        expect_equal(len(contents(server, "fresh")), 2, "a target that did not exist")
        fine(aggregate(server, "src", {"$match": {"_id": 77}}, {"$merge": "never"}))
        expect("never" not in collections(server), "no document, no collection")
        fine(aggregate(server, "src", {"$merge": {"into": {"db": "other", "coll": "x"}}}))
        fine(aggregate(server, "src", {"$merge": {"into": {"coll": "y"}}}))
        expect_equal((len(contents(server, "x", "other")), len(contents(server, "y"))), (2, 2), "namespaces")
        fine(aggregate(server, "src", {"$set": {"a": 5}}, {"$merge": "src"}))
        expect_equal([d["a"] for d in contents(server, "src")], [5, 5], "into its own source")


def case_merge_on_and_let():
    with Server(module=False) as server:
        fill(server, "src", [{"_id": 1, "k": "x", "n": {"z": 1}, "v": 10}, {"_id": 2, "k": "y", "n": {"z": 2}, "v": 20}])
        fill(server, "t", [{"_id": 7, "k": "x", "n": {"z": 1}, "v": 1}])
        on = {"into": "t", "on": ["n.z", "k"], "whenMatched": [{"$set": {"v": {"$add": ["$v", "$$more", "$$fixed"]}}}], "let": {"more": "$v", "fixed": 100}}
        refused(aggregate(server, "src", {"$merge": on}), 51183, "Cannot find index to verify that join fields will be unique")
        server.run({"createIndexes": "t", "indexes": [{"key": {"k": 1, "n.z": 1}, "name": "kn", "unique": True}]})
        fine(aggregate(server, "src", {"$merge": on}))
        expect_equal(contents(server, "t"), [{"_id": 2, "k": "y", "n": {"z": 2}, "v": 20}, {"_id": 7, "k": "x", "n": {"z": 1}, "v": 111}], "on two fields, with let")
        keep = {"into": "t", "on": ["k", "n.z"]}
        reply = aggregate(server, "src", {"$match": {"_id": 1}}, {"$merge": keep})
        refused(reply, 66)
        expect(reply["errmsg"].startswith(PREFIX + "$merge failed to update the matching document, did you attempt to modify the _id or the shard key? :: caused by :: "), reply["errmsg"])
        fine(aggregate(server, "src", {"$project": {"_id": 0}}, {"$set": {"w": 1}}, {"$merge": keep}))
        expect_equal([d["w"] for d in contents(server, "t")], [1, 1], "documents without _id, matched by other fields")
        for change, code in (({"k": None}, 51132), ({"k": ["x"]}, 51185), ({"n": 5}, 51132), ({"n": [{"z": 1}]}, 51185)):
            refused(aggregate(server, "src", {"$set": {f: {"$literal": v} for f, v in change.items()}}, {"$merge": keep}), code)
        # Strings that look like expressions are values.
        fill(server, "src", [{"_id": 1, "a": "$b", "c": "$$ROOT"}])
        fill(server, "t2", [{"_id": 1, "b": "no"}])
        fine(aggregate(server, "src", {"$merge": {"into": "t2", "whenMatched": [{"$set": {"a": "$$new.a", "c": "$$new.c"}}]}}))
        expect_equal(contents(server, "t2"), [{"_id": 1, "b": "no", "a": "$b", "c": "$$ROOT"}], "literals")
        server.run({"createIndexes": "t2", "indexes": [{"key": {"a": 1}, "name": "a", "unique": True}, {"key": {"b": 1}, "name": "b", "unique": True, "partialFilterExpression": {"b": 1}}]})
        reply = aggregate(server, "src", {"$set": {"_id": 2}}, {"$merge": "t2"})
        refused(reply, 11000)
        expect(reply["errmsg"].startswith(PREFIX + "$merge failed due to a DuplicateKey error :: caused by :: E11000"), reply["errmsg"])
        refused(aggregate(server, "src", {"$merge": {"into": "t2", "on": "b"}}), 51183)


def case_merge_codes():
    with Server(module=False) as server:
        fill(server, "src", [{"_id": 1}])
        for spec, code in ((1, 14), ({}, 40414), ({"into": 1}, 51178), ({"into": "t", "x": 1}, 40415), ({"into": {"db": "a", "coll": "b", "x": 1}}, 40415), ({"into": {"db": "a"}}, 73), ({"into": {"db": 1, "coll": "b"}}, 14), ("", 73),
                           ({"into": "t", "on": 1}, 51186), ({"into": "t", "on": []}, 51187), ({"into": "t", "on": [1]}, 51134), ({"into": "t", "on": ["a", "a"]}, 31465), ({"into": "t", "on": "a"}, 51183), ({"into": "t", "on": [f"f{i}" for i in range(33)]}, 51183),
                           ({"into": "t", "whenMatched": 1}, 51191), ({"into": "t", "whenMatched": "x"}, 2), ({"into": "t", "whenMatched": "pipeline"}, 2), ({"into": "t", "whenNotMatched": "x"}, 2), ({"into": "t", "whenNotMatched": 1}, 14),
                           ({"into": "t", "let": {"a": 1}}, 51199), ({"into": "t", "let": 1}, 14), ({"into": "t", "whenMatched": [{"$set": {"a": 1}}], "let": {"new": 1}}, 51273), ({"into": "t", "whenMatched": [{"$set": {"a": "$$nope"}}]}, 17276),
                           ({"into": "t", "whenMatched": [{"$match": {}}]}, 72), ("system.x", 31319), ({"into": {"db": "local", "coll": "x"}}, 31320)):
            refused(aggregate(server, "src", {"$merge": spec}), code)
        refused(aggregate(server, "src", {"$merge": "t"}, {"$limit": 1}), 40601, "$merge can only be the final stage in the pipeline")
        expect_equal(collections(server), ["src"], "nothing was made")


def case_merge_tries_the_whole_batch():
    """As mongod's unordered batches: the first refusal is told, the documents around it are there."""
    with Server(module=False) as server:
        fill(server, "src", [{"_id": i, "n": i} for i in range(4)])
        fill(server, "t", [], validator={"n": {"$ne": 1}})
        refused(aggregate(server, "src", {"$merge": "t"}), 121, PREFIX + "Document failed validation")
        expect_equal([d["_id"] for d in contents(server, "t")], [0, 2, 3], "the others")


def protected(server, coll="t", docs=(), db="test"):
    fill(server, coll, list(docs), db, validator=RULES)


def case_rules_hold_for_out_and_merge():
    with Server() as server:
        fill(server, "src", [{"_id": 1, "ssn": ciphertext(), "x": 1}, {"_id": 2, "ssn": PLAIN}])
        for bypass in (False, True):
            for stage in ({"$out": "t"}, {"$merge": "t"}, {"$merge": {"into": "t", "whenMatched": "replace"}}, {"$merge": {"into": "t", "whenMatched": [{"$set": {"ssn": "$$new.ssn"}}]}}):
                for docs in ([], [{"_id": 2}]):
                    protected(server, docs=docs)
                    before = len(server.violations())
                    reply = aggregate(server, "src", stage, **({"bypassDocumentValidation": True} if bypass else {}))
                    refused(reply, 121, PREFIX + "Document failed validation")
                    expect_equal(reply["errInfo"]["failingDocumentId"], 2, f"{stage} errInfo")
                    expect(all(d.get("ssn") != PLAIN for d in contents(server, "t")), f"{stage}: plaintext is stored")
                    new = server.violations()[before:]
                    expect_equal([(v["result"], v["param"]["ns"] if "ns" in v.get("param", {}) else None) for v in new], [(121, "test.t")], f"{stage}: records")
        protected(server, docs=[{"_id": 9}])
        fine(aggregate(server, "src", {"$match": {"_id": 1}}, {"$out": "t"}))
        expect_equal(contents(server, "t"), [{"_id": 1, "ssn": ciphertext(), "x": 1}], "ciphertext passes")
        code = write_error(server.run({"insert": "t", "documents": [{"ssn": PLAIN}]}))[0]
        expect_equal(code, 121, "the rules are still there after $out")
        server.stop()
        server.start()
        expect_equal(write_error(server.run({"insert": "t", "documents": [{"ssn": PLAIN}]}))[0], 121, "and after a restart")


def case_audit_mode_records_once():
    server = Server()
    server.settings = {"fieldguard.mode": "audit", "fieldguard.auditPath": server.audit}
    with server:
        fill(server, "src", [{"_id": i, "ssn": PLAIN} for i in range(3)])
        n = 0
        for stage in ({"$out": "t"}, {"$merge": "t"}, {"$merge": {"into": "t", "whenMatched": [{"$set": {"x": 1, "ssn": "$$new.ssn"}}]}}):
            fill(server, "t", [], validator=RULES, validationLevel="off")
            before = len(server.violations())
            fine(aggregate(server, "src", stage))
            records = server.violations()[before:]
            expect_equal([(r["result"], r["param"]["ns"]) for r in records], [(0, "test.t")] * 3, f"{stage}")
            n += 1
        # A $out that fails at its last document has stored nothing, so it has accepted nothing either.
        fill(server, "t", [], validator=RULES, validationLevel="off")
        server.run({"createIndexes": "t", "indexes": [{"key": {"u": 1}, "name": "u", "unique": True}]})
        before = len(server.violations())
        refused(aggregate(server, "src", {"$out": "t"}), 11000)
        expect_equal(server.violations()[before:], [], "records of a failed $out")


def case_local_rules_of_the_name_hold():
    """Rules of a policy file belong to the name: a $out that creates the collection meets them too."""
    server = Server()
    path = os.path.join(server.folder, "policy.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"policies": [{"ns": "test.local", "validator": {"$jsonSchema": {"properties": {"ssn": {"encrypt": {"bsonType": "string"}}}}}}]}, f)
    os.chmod(path, 0o600)
    server.settings = {"fieldguard.policyFile": path, "fieldguard.auditPath": server.audit}
    with server:
        fill(server, "src", [{"_id": 1, "ssn": PLAIN}])
        refused(aggregate(server, "src", {"$out": "local"}), 121)
        refused(aggregate(server, "src", {"$merge": "local"}), 121)
        expect_equal(contents(server, "local"), [], "nothing stored")
        fill(server, "src", [{"_id": 1, "ssn": ciphertext()}])
        fine(aggregate(server, "src", {"$out": "local"}))
        expect_equal(write_error(server.run({"insert": "local", "documents": [{"ssn": PLAIN}]}))[0], 121, "afterwards")


def case_rules_that_change_meanwhile():
    """collMod, drop and $out at once: whatever the target holds in the end, its own rules allow it, and no $out takes newer rules away."""
    with Server() as server:
        fill(server, "src", [{"_id": i, "ssn": PLAIN, "pad": "x" * 200} for i in range(6000)])
        fill(server, "t", [])
        outcomes = []
        stop = threading.Event()

        def writer():
            client = Commands(server.uri)
            while not stop.is_set():
                outcomes.append(client.run({"aggregate": "src", "pipeline": [{"$out": "t"}], "cursor": {}}).get("code", 0))
            client.close()

        thread = threading.Thread(target=writer)
        thread.start()
        client = Commands(server.uri)
        try:
            while len(outcomes) < 2:
                pass
            expect(client.run({"collMod": "t", "validator": RULES})["ok"], "collMod")
            at = len(outcomes)
            while len(outcomes) < at + 3:
                options = client.run({"listCollections": 1, "filter": {"name": "t"}})["cursor"]["firstBatch"][0]["options"]
                expect("validator" in options, "the rules are gone")
        finally:
            stop.set()
            thread.join()
            client.close()
        expect(set(outcomes) <= {0, 121, 125}, f"{set(outcomes)}")
        expect_equal(set(outcomes[at + 1:]), {121}, "once the rules are there")


def case_a_mode_that_is_raised_meanwhile():
    """What $out took in mode audit does not get into its target once the mode is enforce."""
    server = Server()
    server.settings = {"fieldguard.mode": "audit", "fieldguard.auditPath": server.audit}
    with server:
        fill(server, "t", [], validator=RULES, validationLevel="off")
        fill(server, "src", [{"_id": 0, "ssn": PLAIN}])
        for n in range(6):  # one plaintext at the beginning, and enough behind it that the mode is raised before the end
            fill_more = [{"_id": 1 + n * 10000 + i, "pad": "x" * 100} for i in range(10000)]
            expect_equal(write_error(server.run({"insert": "src", "documents": fill_more}))[0], 0, "seed")
        before = len(server.violations())
        replies = []
        client = Commands(server.uri)
        thread = threading.Thread(target=lambda: replies.append(client.run({"aggregate": "src", "pipeline": [{"$out": "t"}], "cursor": {}})))
        thread.start()
        created = '"action":"rulesAdded"'
        while sum(created in line and "tmp.agg_out." in line for line in open(server.audit, encoding="utf-8")) < 1:
            expect(thread.is_alive(), "the $out was over before it was seen to begin")
        time.sleep(0.05)
        expect_equal(server.run({"setParameter": 1, "fieldguard.mode": "enforce"}, "admin")["ok"], 1.0, "setParameter")
        thread.join()
        client.close()
        expect(replies[0].get("code") in (121, 125), f"{replies[0]}")
        expect_equal(contents(server, "t"), [], "the target")
        expect_equal([r for r in server.violations()[before:] if r["result"] == 0], [], "nothing was accepted")


def case_nothing_is_left_after_a_crash():
    found = 0
    for wait in (0.03, 0.06, 0.1, 0.2, 0.4):
        with Server() as server:
            fill(server, "t", [{"_id": 1}], validator=RULES)
            for start in range(0, 20000, 10000):
                server.run({"insert": "src", "documents": [{"_id": i, "pad": "x" * 500} for i in range(start, start + 10000)]})
            thread = threading.Thread(target=lambda: quiet(lambda: Commands(server.uri).run({"aggregate": "src", "pipeline": [{"$out": "t"}], "cursor": {}})))
            thread.start()
            time.sleep(wait)
            server.kill()
            thread.join()
            server.start()
            found += '"id":9200004' in server.log_text()
            docs = server.run({"count": "t"})["n"]
            expect(docs in (1, 20000), f"{docs} documents")
            expect_equal(collections(server), ["src", "t"], "collections")
            expect_equal(write_error(server.run({"insert": "t", "documents": [{"ssn": PLAIN}]}))[0], 121, "rules")
            fine(aggregate(server, "src", {"$out": "t"}))
            expect_equal(server.run({"count": "t"})["n"], 20000, "it works afterwards")
    expect(found >= 1, "no crash came in the middle")


def quiet(function):
    try:
        function()
    except Exception:
        pass


def case_readers_and_writers_go_on():
    """The writer is held for a batch at a time: another client's inserts get through while a $out runs."""
    with Server(module=False) as server:
        for start in range(0, 60000, 10000):
            server.run({"insert": "src", "documents": [{"_id": i, "pad": "x" * 300} for i in range(start, start + 10000)]})
        over = threading.Event()
        reply = {}

        def run():
            client = Commands(server.uri)
            reply.update(client.run({"aggregate": "src", "pipeline": [{"$out": "t"}], "cursor": {}}))
            client.close()
            over.set()

        thread = threading.Thread(target=run)
        thread.start()
        n = 0
        while not over.is_set():
            expect_equal(write_error(server.run({"insert": "beside", "documents": [{"n": n}]}))[0], 0, "insert")
            n += 1
        thread.join()
        expect_equal(reply.get("ok"), 1.0, f"{reply}")
        expect(n >= 10, f"only {n} inserts got through")
        expect_equal(server.run({"count": "t"})["n"], 60000, "documents")


fgtest.main(globals(), "out_merge")
