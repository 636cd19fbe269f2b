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
                                    ({"find": "c", "filter": 1}, {}, 14), ({}, {}, 9), ({"find": "c", "hint": "nosuch"}, {}, 2), ({"find": "c"}, {"x": 1}, 40415)):
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


fgtest.main(globals(), "commands")
