#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands around the data: statistics, explain, validate, cursors with odd arguments, and what this server does not have."""

import fgtest
from fgtest import Server, expect, expect_equal

# Known to mongod, absent here: 115, not "no such command".
ABSENT = ("convertToCapped", "applyOps", "cloneCollectionAsCapped", "mapReduce", "compact", "reIndex", "createUser", "usersInfo", "profile", "dbHash", "filemd5")
ABSENT_ADMIN = ("currentOp", "killOp", "top", "fsync", "setFeatureCompatibilityVersion", "getDefaultRWConcern")


def seed(server, n=3):
    expect_equal(server.run({"insert": "c", "documents": [{"_id": i, "k": i % 2, "pad": "x" * 10} for i in range(n)]})["n"], n, "seed")
    expect(server.run({"createIndexes": "c", "indexes": [{"key": {"k": 1}, "name": "k_1"}]})["ok"], "index")


def case_what_is_absent_is_refused_clearly():
    with Server(module=False) as server:
        seed(server)
        for name in ABSENT:
            reply = server.run({name: "c", "size": 100000})
            expect_equal((reply["code"], reply["codeName"], reply["errmsg"]), (115, "CommandNotSupported", f"{name} is not supported by this server"), name)
        for name in ABSENT_ADMIN:
            expect_equal(server.run({name: 1})["code"], 13, f"{name} outside admin")
            expect_equal(server.run({name: 1}, "admin")["code"], 115, name)
        for name in ("atlasVersion", "nosuch", "ConvertToCapped"):
            reply = server.run({name: 1}, "admin")
            expect_equal((reply["code"], reply["errmsg"]), (59, f"no such command: '{name}'"), name)
        listed = server.run({"listCommands": 1})["commands"]
        expect("find" in listed and "collStats" in listed and "applyOps" not in listed, "listCommands names what there is")
        expect_equal(server.run({"create": "capped", "capped": True, "size": 4096})["code"], 238, "capped collections")
        expect_equal(server.run({"collMod": "c", "cappedSize": 4096})["code"], 238, "cappedSize")
        expect_equal(server.run({"count": "c"})["n"], 3, "nothing was touched")


def case_coll_and_db_stats():
    with Server(module=False) as server:
        seed(server, 4)
        stats = server.run({"collStats": "c"})
        expect_equal((stats["ns"], stats["count"], stats["nindexes"], stats["capped"], stats["scaleFactor"]), ("test.c", 4, 2, False, 1), f"{stats}")
        expect_equal(sorted(stats["indexSizes"]), ["_id_", "k_1"], "indexSizes")
        expect_equal(stats["size"], 4 * stats["avgObjSize"], "size")
        expect_equal(stats["totalIndexSize"], sum(stats["indexSizes"].values()), "totalIndexSize")
        expect(stats["storageSize"] >= stats["size"] and stats["totalSize"] == stats["storageSize"] + stats["totalIndexSize"], "storageSize")
        expect_equal(server.run({"collStats": "c", "scale": 1024})["size"], stats["size"] // 1024, "scale")
        expect_equal(server.run({"collStats": "c", "scale": 0})["code"], 51024, "scale 0")
        none = server.run({"collStats": "none"})
        expect_equal((none["ok"], none["count"], none["size"], none["nindexes"]), (1.0, 0, 0, 0), "a collection that is not there")
        server.run({"insert": "d", "documents": [{"_id": 1}]})
        db = server.run({"dbStats": 1})
        expect_equal((db["db"], db["collections"], db["objects"], db["indexes"], db["views"]), ("test", 2, 5, 3, 0), f"{db}")
        expect_equal(db["dataSize"], stats["size"] + server.run({"collStats": "d"})["size"], "dataSize")
        empty = server.run({"dbStats": 1}, "nothing")
        expect_equal((empty["collections"], empty["objects"], empty["avgObjSize"]), (0, 0, 0.0), "a database that is not there")


def case_validate():
    with Server(module=False) as server:
        seed(server, 5)
        result = server.run({"validate": "c", "full": True})
        expect_equal((result["valid"], result["nrecords"], result["nIndexes"], result["keysPerIndex"]), (True, 5, 2, {"_id_": 5, "k_1": 5}), f"{result}")
        expect_equal((result["nNonCompliantDocuments"], result["warnings"], result["errors"]), (0, [], []), f"{result}")
        server.run({"collMod": "c", "validator": {"k": 1}})
        result = server.run({"validate": "c"})
        expect_equal((result["valid"], result["nNonCompliantDocuments"], len(result["warnings"])), (True, 3, 1), f"{result}")
        expect_equal(server.run({"validate": "none"})["code"], 26, "not there")
        expect_equal(server.run({"validate": "c", "repair": True})["code"], 238, "repair")
        expect_equal(server.run({"validate": "c", "nosuch": 1})["code"], 40415, "unknown argument")


def winning(server, command, **more):
    reply = server.run({"explain": command, **more})
    expect_equal(reply.get("ok"), 1.0, f"{command}: {reply}")
    return reply["queryPlanner"]["winningPlan"]


def case_explain():
    with Server(module=False) as server:
        seed(server)
        expect_equal(winning(server, {"find": "c", "filter": {"pad": "y"}}), {"stage": "COLLSCAN", "filter": {"pad": "y"}, "direction": "forward"}, "a scan")
        plan = winning(server, {"find": "c", "filter": {"k": 1}}, verbosity="queryPlanner")
        expect_equal((plan["stage"], plan["inputStage"]), ("FETCH", {"stage": "IXSCAN", "keyPattern": {"k": 1}, "indexName": "k_1"}), "an index")
        for command, stage in (({"update": "c", "updates": [{"q": {"k": 1}, "u": {"$set": {"z": 1}}}]}, "UPDATE"), ({"delete": "c", "deletes": [{"q": {"k": 1}, "limit": 0}]}, "DELETE"), ({"count": "c", "query": {"k": 1}}, "COUNT")):
            plan = winning(server, command)
            expect_equal((plan["stage"], plan["inputStage"]["stage"]), (stage, "FETCH"), stage)
        expect_equal(winning(server, {"find": "none"}), {"stage": "EOF"}, "no collection")
        expect_equal(server.run({"count": "c", "query": {"z": 1}})["n"], 0, "nothing is run")
        for command, more, code in (({"find": "c"}, {"verbosity": "executionStats"}, 238), ({"find": "c"}, {"verbosity": "x"}, 2), ({"find": "c"}, {"verbosity": 1}, 14), ({"nosuch": 1}, {}, 59), ({"insert": "c"}, {}, 115), ({"find": 1}, {}, 73), ({"find": "c", "filter": {"$bad": 1}}, {}, 2),
                                    ({"find": "c", "filter": 1}, {}, 14), ({}, {}, 9), ({"find": "c", "hint": "nosuch"}, {}, 2), ({"delete": "c", "deletes": [{"q": {}, "limit": 1, "hint": "nosuch"}]}, {}, 2), ({"find": "c"}, {"x": 1}, 40415)):
            expect_equal(server.run({"explain": command, **more}).get("code"), code, f"{command} {more}")
        expect_equal(server.run({"explain": 1}).get("code"), 9, "no object")
        expect_equal(server.run({"aggregate": "c", "pipeline": [], "explain": True}).get("code"), 238, "aggregate with explain")


def case_cursors_with_odd_arguments():
    with Server(module=False) as server:
        seed(server, 10)
        cursor = server.run({"find": "c", "batchSize": 2})["cursor"]["id"]
        long = {"$numberLong": str(cursor)}
        for command, code in (({"getMore": 1, "collection": "c"}, 14), ({"getMore": "x", "collection": "c"}, 14), ({"getMore": long}, 40414), ({"getMore": long, "collection": 1}, 14), ({"getMore": long, "collection": ""}, 73),
                              ({"getMore": long, "collection": "c", "batchSize": -1}, 51024), ({"getMore": long, "collection": "c", "batchSize": "1"}, 14), ({"getMore": long, "collection": "c", "nosuch": 1}, 40415),
                              ({"getMore": long, "collection": "other"}, 13), ({"getMore": {"$numberLong": "1"}, "collection": "c"}, 43)):
            expect_equal(server.run(command).get("code"), code, f"{command}")
        more = server.run({"getMore": long, "collection": "c", "batchSize": 3})
        expect_equal(len(more["cursor"]["nextBatch"]), 3, "none of it hurt the cursor")
        for command, code in (({"killCursors": 1, "cursors": [long]}, 73), ({"killCursors": "c"}, 40414), ({"killCursors": "c", "cursors": long}, 14), ({"killCursors": "c", "cursors": [1]}, 14), ({"killCursors": "c", "cursors": [], "x": 1}, 40415)):
            expect_equal(server.run(command).get("code"), code, f"{command}")
        expect_equal(server.run({"killCursors": "other", "cursors": [long]})["cursorsNotFound"], [cursor], "another namespace")
        expect_equal(server.run({"killCursors": "c", "cursors": [long, {"$numberLong": "5"}]})["cursorsKilled"], [cursor], "killed")
        expect_equal(server.run({"getMore": long, "collection": "c"}).get("code"), 43, "and gone")


def case_what_a_shell_asks():
    """db.stats(), show dbs, show collections, coll.getIndexes(), coll.countDocuments(): the commands behind them."""
    with Server(module=False) as server:
        seed(server)
        expect_equal([d["name"] for d in server.run({"listDatabases": 1, "nameOnly": True}, "admin")["databases"]], ["test"], "show dbs")
        expect_equal([c["name"] for c in server.run({"listCollections": 1, "filter": {}, "nameOnly": True, "authorizedCollections": True})["cursor"]["firstBatch"]], ["c"], "show collections")
        expect_equal([i["name"] for i in server.run({"listIndexes": "c", "cursor": {}})["cursor"]["firstBatch"]], ["_id_", "k_1"], "getIndexes")
        count = server.run({"aggregate": "c", "pipeline": [{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}], "cursor": {}})
        expect_equal(count["cursor"]["firstBatch"], [{"_id": 1, "n": 3}], "countDocuments")
        for name in ("buildInfo", "getCmdLineOpts", "hostInfo", "connectionStatus", "serverStatus", "hello"):
            expect_equal(server.run({name: 1}, "admin").get("ok"), 1.0, name)


def case_coll_stats_stage():
    """What mongosh's coll.stats() sends."""
    with Server(module=False) as server:
        seed(server, 4)
        stats = server.run({"collStats": "c"})

        def run(*stages):
            return server.run({"aggregate": "c", "pipeline": list(stages), "cursor": {}})

        one = run({"$collStats": {"storageStats": {"scale": 1}, "count": {}}})["cursor"]["firstBatch"][0]
        expect_equal((one["ns"], one["count"], one["storageStats"]["size"], one["storageStats"]["indexSizes"]), ("test.c", 4, stats["size"], stats["indexSizes"]), f"{one}")
        one = run({"$collStats": {"count": {}}}, {"$project": {"count": 1, "double": {"$add": ["$count", "$count"]}}})["cursor"]["firstBatch"]
        expect_equal(one, [{"count": 4, "double": 8}], "stages behind it")
        for stages, code in (([{"$match": {}}, {"$collStats": {}}], 40602), ([{"$collStats": 1}], 5447000), ([{"$collStats": {"x": 1}}], 40415), ([{"$collStats": {"latencyStats": {"histograms": True}}}], 238), ([{"$collStats": {"storageStats": {"scale": 0}}}], 51024)):
            expect_equal(run(*stages).get("code"), code, f"{stages}")
        expect_equal(server.run({"aggregate": "none", "pipeline": [{"$collStats": {"count": {}}}], "cursor": {}}).get("code"), 26, "no collection")


def ids(server, **find):
    return [d["_id"] for d in server.run({"find": "h", **find})["cursor"]["firstBatch"]]


def case_hint():
    with Server(module=False) as server:
        server.run({"insert": "h", "documents": [{"_id": 1, "k": 3, "s": 1}, {"_id": 2, "k": 1}, {"_id": 3, "k": 2, "s": None}, {"_id": 4, "p": 5}]})
        for spec in ({"key": {"k": 1}, "name": "k_1"}, {"key": {"s": 1}, "name": "s_1", "sparse": True}, {"key": {"p": -1}, "name": "p_-1", "partialFilterExpression": {"p": {"$gt": 1}}}, {"key": {"_id": -1, "k": 1}, "name": "down"}):
            expect(server.run({"createIndexes": "h", "indexes": [spec]})["ok"], f"{spec}")
        expect_equal(ids(server, hint="k_1"), [4, 2, 3, 1], "by name, in the index's order")
        expect_equal(ids(server, hint={"k": 1}, filter={"k": {"$gt": 1}}), [3, 1], "by key pattern")
        expect_equal(ids(server, hint={"_id": -1, "k": 1}), [4, 3, 2, 1], "descending")
        expect_equal(ids(server, hint="k_1", sort={"_id": 1}), [1, 2, 3, 4], "a sort decides")
        expect_equal(ids(server, hint={"$natural": -1}), [4, 3, 2, 1], "$natural")
        expect_equal(ids(server, hint="s_1", sort={"_id": 1}), [1, 3], "a sparse index has only some documents")
        expect_equal(server.run({"count": "h", "hint": "s_1"})["n"], 2, "count by a sparse index")
        expect_equal(server.run({"count": "h"})["n"], 4, "count")
        expect_equal(ids(server, hint="p_-1", filter={"p": {"$gt": 2}}), [4], "a partial index that has all that match")
        expect_equal(server.run({"find": "h", "hint": "p_-1"})["code"], 291, "and one that has not")
        reply = server.run({"aggregate": "h", "pipeline": [{"$group": {"_id": None, "n": {"$sum": 1}}}], "cursor": {}, "hint": "s_1"})
        expect_equal(reply["cursor"]["firstBatch"][0]["n"], 2, "aggregate")
        for command in ({"find": "h", "hint": "nosuch"}, {"find": "h", "hint": {"z": 1}}, {"count": "h", "hint": "nosuch"}, {"distinct": "h", "key": "k", "hint": "nosuch"}, {"aggregate": "h", "pipeline": [], "cursor": {}, "hint": "nosuch"},
                        {"findAndModify": "h", "update": {"$set": {"x": 1}}, "hint": "nosuch"}):
            reply = server.run(command)
            expect_equal(reply.get("code"), 2, f"{command}")
            expect(reply["errmsg"].endswith("planner returned error :: caused by :: hint provided does not correspond to an existing index"), reply["errmsg"])
        for command in ({"update": "h", "updates": [{"q": {}, "u": {"$set": {"x": 1}}, "hint": "nosuch"}]}, {"delete": "h", "deletes": [{"q": {}, "limit": 1, "hint": "nosuch"}]}):
            expect_equal(server.run(command)["writeErrors"][0]["code"], 2, f"{command}")
        expect_equal(server.run({"find": "none", "hint": "nosuch"}).get("ok"), 1.0, "no collection, no complaint")
        server.run({"update": "h", "updates": [{"q": {"k": {"$gt": 0}}, "u": {"$set": {"hit": 1}}, "hint": "k_1"}]})
        expect_equal(ids(server, filter={"hit": 1}), [2], "one update takes the index's first")
        server.run({"delete": "h", "deletes": [{"q": {}, "limit": 1, "hint": "down"}]})
        expect_equal(ids(server), [1, 2, 3], "one delete too")


fgtest.main(globals(), "commands")
