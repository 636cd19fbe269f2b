#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The store when its disk fails, when its map is full, and when the map grows: errors go to clients, reads go on, and what was acknowledged is there."""

import os
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fgtest
import rawclient
from fgtest import expect, expect_equal

INTERPOSER = os.path.join(fgtest.BUILD, "tests", "store", "fail_io.so")
BLOB = "x" * 100000


def code(reply):
    if reply.get("writeErrors"):
        return reply["writeErrors"][0]["code"]
    return 0 if reply["ok"] else reply["code"]


def ok(reply):
    expect(code(reply) == 0, f"{reply}")
    return reply


def ids(client, name="c"):
    return [d["_id"] for d in client.find_all(name)]


class Failing:
    """A server whose data file fails on demand."""

    def __init__(self, folder):
        if fgtest.SANITIZED:
            raise fgtest.Skip("a sanitizer's runtime has to be loaded first")
        if not os.path.exists(INTERPOSER):
            raise fgtest.Skip("fail_io.so was not built")
        self.switch = os.path.join(folder, "switch")
        self.server = fgtest.Server(module=False, folder=folder, env={"LD_PRELOAD": INTERPOSER, "FG_FAIL_FILE": self.switch})

    def fail(self, what):
        with open(self.switch + ".new", "w", encoding="ascii") as f:
            f.write(what)
        os.rename(self.switch + ".new", self.switch)


def case_a_sync_or_a_page_fails():
    for what in ("sync", "data"):
        with tempfile.TemporaryDirectory() as folder:
            failing = Failing(folder)
            with failing.server as server:
                client = rawclient.Client(server.port)
                ok(client.run({"insert": "c", "documents": [{"_id": 1}]}))
                failing.fail(what)
                reply = client.run({"insert": "c", "documents": [{"_id": 2}]})
                expect_equal((reply["ok"], code(reply)), (0, 39), f"{what}: {reply}")
                expect_equal(code(client.run({"create": "d"})), 39, what)
                expect_equal(code(client.run({"collMod": "c", "validator": {"n": 1}})), 39, what)
                expect_equal(ids(client), [1], f"reads while {what} fails")
                failing.fail("")
                ok(client.run({"insert": "c", "documents": [{"_id": 3}]}))
                expect_equal(ids(client), [1, 3], what)
                expect_equal([c["name"] for c in client.run({"listCollections": 1})["cursor"]["firstBatch"]], ["c"], what)
                client.close()
                server.stop()
                server.start()
                client = rawclient.Client(server.port)
                expect_equal(ids(client), [1, 3], f"{what}, after a restart")
                client.close()


def case_the_last_page_fails():
    """LMDB then knows no more what is on disk, and refuses everything until it is opened anew. So does the server: errors, no crash, and a clean end."""
    with tempfile.TemporaryDirectory() as folder:
        failing = Failing(folder)
        with failing.server as server:
            client = rawclient.Client(server.port)
            for i in range(20):
                ok(client.run({"insert": "c", "documents": [{"_id": i}]}))
            failing.fail("meta")
            expect(code(client.run({"insert": "c", "documents": [{"_id": "lost"}]})) != 0, "a write whose last page failed was acknowledged")
            failing.fail("")
            for command in ({"insert": "c", "documents": [{"_id": "late"}]}, {"delete": "c", "deletes": [{"q": {}, "limit": 0}]}, {"find": "c"}, {"create": "d"}, {"collMod": "c", "validator": {}}, {"drop": "c"}, {"createIndexes": "c", "indexes": [{"key": {"x": 1}, "name": "x"}]}):
                reply = client.run(command)
                expect_equal((reply["ok"], bool(reply["errmsg"])), (0, True), f"{command}: {reply}")
            ok(client.run({"ping": 1}, "admin"))
            ok(client.run({"hello": 1}, "admin"))
            expect('"id":9200001' in server.log_text(), "no line in the log")
            client.close()
            server.stop()
            server.start()
            client = rawclient.Client(server.port)
            found = ids(client)
            expect_equal(found[:20], list(range(20)), "acknowledged documents")
            expect(found[20:] in ([], ["lost"]), f"{found[20:]}")  # a write that was not acknowledged may be there or not
            ok(client.run({"insert": "c", "documents": [{"_id": "next"}]}))
            client.close()


def case_a_full_map():
    with tempfile.TemporaryDirectory() as folder:
        server = fgtest.Server(module=False, folder=folder, args=["--mapSizeGB", "0.02", "--maxMapSizeGB", "0.03"])
        with server:
            client = rawclient.Client(server.port)
            ok(client.run({"insert": "small", "documents": [{"_id": i} for i in range(100)]}))
            stored = []
            for i in range(1000):
                reply = client.run({"insert": "c", "documents": [{"_id": i, "b": BLOB}]})
                if code(reply):
                    break
                stored.append(i)
            expect_equal((reply["ok"], code(reply), reply.get("codeName")), (0, 14031, "OutOfDiskSpace"), f"{reply}")
            expect(len(stored) > 100, f"only {len(stored)} documents went in")
            status = client.run({"serverStatus": 1}, "admin")["lmdb"]
            expect(status["usedBytes"] <= status["mapSize"] <= 0.031 * 2**30, f"{status}")
            expect_equal(ids(client), stored, "reads with a full map")
            expect_equal(len(ids(client, "small")), 100)
            # A write that needs no more pages than deletes have freed goes on; whatever is refused is refused with the same error.
            reply = client.run({"delete": "c", "deletes": [{"q": {"_id": {"$lt": 50}}, "limit": 0}]})
            expect(code(reply) in (0, 14031), f"{reply}")
            left = stored[50:] if code(reply) == 0 else stored
            expect_equal(ids(client), left)
            client.close()
            server.stop()
            server.args = []
            server.start()
            client = rawclient.Client(server.port)
            expect_equal(ids(client), left, "after a restart with more room")
            ok(client.run({"insert": "c", "documents": [{"_id": "more", "b": BLOB}]}))
            client.close()


def case_the_map_grows_under_readers():
    with fgtest.Server(module=False, args=["--mapSizeGB", "0.016"]) as server:
        client = rawclient.Client(server.port)
        before = client.run({"serverStatus": 1}, "admin")["lmdb"]["mapSize"]
        ok(client.run({"insert": "c", "documents": [{"_id": -1, "b": BLOB}]}))
        stop, problems, reads = threading.Event(), [], []

        def read():
            reader = rawclient.Client(server.port)
            last = 0
            try:
                while not stop.is_set():
                    n = ok(reader.run({"count": "c", "query": {"b": BLOB}}))["n"]
                    expect(n >= last, f"{n} documents after {last}")
                    last = n
                    ok(reader.run({"serverStatus": 1}, "admin"))
                    reads.append(1)
            except Exception as error:
                problems.append(error)
            reader.close()

        readers = [threading.Thread(target=read) for _ in range(4)]
        for r in readers:
            r.start()
        for i in range(150):
            ok(client.run({"insert": "c"}, documents=("documents", [{"_id": 10 * i + k, "b": BLOB} for k in range(10)])))
        stop.set()
        for r in readers:
            r.join()
        expect_equal(problems, [])
        expect(len(reads) > 10, f"{len(reads)} reads")
        expect_equal(len(ids(client)), 1501)
        after = client.run({"serverStatus": 1}, "admin")["lmdb"]["mapSize"]
        expect(after >= 8 * before, f"the map went from {before} to {after} bytes")
        expect("The store's map was made larger" in server.log_text(), "no line in the log")
        client.close()


def case_sizes_on_the_command_line():
    for bad in ("0", "-1", "many", "1e9", "nan"):
        try:
            fgtest.Server(module=False, args=["--mapSizeGB", bad]).start()
        except AssertionError as error:
            expect("mapSizeGB" in str(error), f"{bad}: {error}")
        else:
            raise AssertionError(f"started with --mapSizeGB {bad}")


if __name__ == "__main__":
    fgtest.main(globals(), "integration.store_faults")
