#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits: time (maxTimeMS, idle cursors), memory (cursors, half-received messages, unread replies), and one long write that has to share the writer."""

import os
import select
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fgtest
import rawclient
from fgtest import expect, expect_equal

MANY = 60000
SLOW = 10 if fgtest.SANITIZED else 1


def code(reply):
    if reply.get("writeErrors"):
        return reply["writeErrors"][0]["code"]
    return 0 if reply["ok"] else reply["code"]


def ok(reply):
    expect(code(reply) == 0, f"{reply}")
    return reply


def start(**settings):
    server = fgtest.Server(module=False)
    server.settings = settings
    return server


def fill(client, n, name="c", pad=""):
    for begin in range(0, n, 20000):
        ok(client.run({"insert": name}, documents=("documents", [{"_id": i, "x": i, "pad": pad} for i in range(begin, min(n, begin + 20000))])))


def status(client):
    return client.run({"serverStatus": 1}, "admin")


def private_memory(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon"))


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds * SLOW} s")


# --- time ---------------------------------------------------------------------------------------------------------------


def case_max_time_in_reads():
    with start() as server:
        client = rawclient.Client(server.port)
        fill(client, MANY)
        none = {"pad": "something else"}
        for what in (
            {"find": "c", "filter": none},
            {"find": "c", "filter": {}, "sort": {"pad": 1, "x": -1}},
            {"find": "c", "filter": none, "hint": {"$natural": -1}},
            {"find": "c", "skip": MANY - 1},
            {"count": "c", "query": none},
            {"distinct": "c", "key": "x"},
            {"aggregate": "c", "pipeline": [{"$group": {"_id": "$x"}}], "cursor": {}},
            {"aggregate": "c", "pipeline": [{"$sort": {"x": -1}}], "cursor": {}},
        ):
            reply = client.run(dict(what, maxTimeMS=1))
            expect_equal((code(reply), reply.get("codeName")), (50, "MaxTimeMSExpired"), f"{what}")
            expect_equal(code(client.run(dict(what, maxTimeMS=600000))), 0, f"{what}")
        client.close()


def case_max_time_is_for_the_whole_cursor():
    with start() as server:
        client = rawclient.Client(server.port)
        fill(client, MANY)
        reply = ok(client.run({"find": "c", "batchSize": 2, "maxTimeMS": 10}))
        time.sleep(0.1)  # between two commands no time is counted
        batches = 0
        while reply["ok"] and reply["cursor"]["id"]:
            batches += 1
            reply = client.run({"getMore": rawclient.Long(reply["cursor"]["id"]), "collection": "c", "batchSize": 2000})
        expect_equal(code(reply), 50, f"after {batches} batches")
        reply = ok(client.run({"find": "c", "batchSize": 2}))
        more = {"getMore": rawclient.Long(reply["cursor"]["id"]), "collection": "c"}
        expect_equal(code(client.run(dict(more, maxTimeMS=5))), 2, "maxTimeMS on a getMore")
        ok(client.run(more))
        client.close()


def case_max_time_in_writes():
    with start() as server:
        client = rawclient.Client(server.port)
        fill(client, MANY)
        none = {"pad": "something else"}
        bulk = {"bulkWrite": 1, "ops": [{"update": 0, "filter": none, "updateMods": {"$set": {"y": 1}}, "multi": True}], "nsInfo": [{"ns": "test.c"}]}
        for db, what in (
            ("test", {"update": "c", "updates": [{"q": none, "u": {"$set": {"y": 1}}, "multi": True}]}),
            ("test", {"update": "c", "updates": [{"q": none, "u": {"$set": {"y": 1}}}] * 2, "ordered": False}),
            ("test", {"delete": "c", "deletes": [{"q": none, "limit": 0}]}),
            ("test", {"findAndModify": "c", "query": none, "update": {"$set": {"y": 1}}}),
            ("test", {"createIndexes": "c", "indexes": [{"key": {"pad": 1, "x": 1}, "name": "late"}]}),
            ("admin", bulk),
        ):
            reply = client.run(dict(what, maxTimeMS=1), db)
            expect_equal((reply["ok"], code(reply)), (0, 50), f"{what}: {reply}")
        expect_equal([i["name"] for i in client.run({"listIndexes": "c"})["cursor"]["firstBatch"]], ["_id_"], "an index that was not finished")
        # What was changed before the time was over stays changed, document by document, in their order.
        reply = client.run({"update": "c", "updates": [{"q": {}, "u": {"$set": {"y": 1}}, "multi": True}], "maxTimeMS": 20})
        expect_equal((reply["ok"], code(reply)), (0, 50), f"{reply}")
        changed = [d["_id"] for d in client.find_all("c", filter={"y": 1})]
        expect(0 < len(changed) < MANY, f"{len(changed)} of {MANY} changed")
        expect_equal(changed, list(range(len(changed))), "which documents were changed")
        reply = client.run({"delete": "c", "deletes": [{"q": {}, "limit": 0}], "maxTimeMS": 20})
        expect_equal((reply["ok"], code(reply)), (0, 50), f"{reply}")
        left = ok(client.run({"count": "c", "query": {"x": {"$gte": 0}}}))["n"]
        expect(0 < left < MANY, f"{left} of {MANY} are left")
        documents = [{"_id": f"late {i}"} for i in range(50000)]
        reply = client.run({"insert": "late", "maxTimeMS": 10}, documents=("documents", documents))
        expect_equal((reply["ok"], code(reply)), (0, 50), f"{reply}")
        expect_equal(ok(client.run({"insert": "c", "documents": [{"_id": "next"}]}))["n"], 1)
        client.close()


def case_idle_cursors():
    with start(cursorTimeoutMillis=400 * SLOW) as server:
        client = rawclient.Client(server.port)
        fill(client, 500)
        expect_equal(client.run({"getParameter": 1, "cursorTimeoutMillis": 1}, "admin")["cursorTimeoutMillis"], 400 * SLOW)
        idle = ok(client.run({"find": "c", "batchSize": 1}))["cursor"]["id"]
        kept = ok(client.run({"find": "c", "batchSize": 1, "noCursorTimeout": True}))["cursor"]["id"]
        cursors = status(client)["metrics"]["cursor"]
        expect_equal((cursors["open"]["total"], cursors["open"]["noTimeout"], cursors["timedOut"]), (2, 1, 0))
        wait_for(lambda: status(client)["metrics"]["cursor"]["timedOut"] == 1, "the time-out", 5)
        expect_equal(code(client.run({"getMore": rawclient.Long(idle), "collection": "c"})), 43)
        ok(client.run({"getMore": rawclient.Long(kept), "collection": "c", "batchSize": 1}))
        reply = ok(client.run({"setParameter": 1, "cursorTimeoutMillis": 600000}, "admin"))
        expect_equal(reply["was"], 400 * SLOW)
        idle = ok(client.run({"find": "c", "batchSize": 1}))["cursor"]["id"]
        time.sleep(1.5 * SLOW)
        ok(client.run({"getMore": rawclient.Long(idle), "collection": "c"}))
        for bad in (0, -1, "x", 1e20):
            expect_equal(client.run({"setParameter": 1, "cursorTimeoutMillis": bad}, "admin")["ok"], 0, f"{bad!r}")
        client.close()


# --- memory -------------------------------------------------------------------------------------------------------------


def case_cursor_memory():
    with start(cursorMemoryMB=12) as server:
        client = rawclient.Client(server.port)
        fill(client, 400, pad="x" * 10000)
        sorted_find = {"find": "c", "sort": {"x": -1}, "batchSize": 1}
        cursors = []
        for _ in range(3):
            cursors.append(ok(client.run(sorted_find))["cursor"]["id"])
        expect_equal(code(client.run(sorted_find)), 146, "a fourth cursor of 4 MB")
        ok(client.run({"killCursors": "c", "cursors": [rawclient.Long(cursors.pop())]}))
        cursors.append(ok(client.run(sorted_find))["cursor"]["id"])
        # A document that no longer fits into a batch is kept for the next one, and counts.
        ok(client.run({"insert": "big"}, documents=("documents", [{"_id": i, "s": "y" * 9000000} for i in range(3)])))
        expect_equal(code(client.run({"find": "big"})), 146, "a cursor that keeps 9 MB")
        ok(client.run({"killCursors": "c", "cursors": [rawclient.Long(c) for c in cursors]}))
        expect_equal(status(client)["metrics"]["cursor"]["bytesHeld"], 0)
        reply = ok(client.run({"find": "big"}))
        held = status(client)["metrics"]["cursor"]["bytesHeld"]
        expect(9000000 <= held <= 12 << 20, f"{held} bytes held")
        ok(client.run({"getMore": rawclient.Long(reply["cursor"]["id"]), "collection": "big"}))
        client.close()


def message(body):
    return struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body


def case_trickling_senders():
    """Messages that come byte by byte hold up nobody, and end as messages."""
    ping = message(b"\0\0\0\0\0" + rawclient.encode({"ping": 1, "$db": "admin"}))
    with start() as server:
        tricklers = [rawclient.Client(server.port) for _ in range(40)]
        client = rawclient.Client(server.port)
        slowest = 0
        for byte in ping[:-1]:
            for t in tricklers:
                t.socket.sendall(bytes([byte]))
            begun = time.monotonic()
            ok(client.run({"ping": 1}, "admin"))
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.01)
        expect(slowest < 1 * SLOW, f"a ping took {slowest} s")
        for t in tricklers:
            t.socket.sendall(ping[-1:])
            (length,) = struct.unpack("<i", t.read(4))
            ok(rawclient.decode(t.read(length - 4), 17))
            t.close()
        wait_for(lambda: status(client)["network"]["receiveBytesHeld"] < 10000, "memory coming back")
        client.close()


def case_memory_for_half_messages():
    """Twelve clients begin 40 MB messages and stop in the middle: what they hold is bounded, and somebody else's message gets through."""
    part = b"\0" * 15000000
    with start(receiveMemoryMB=64) as server:
        client = rawclient.Client(server.port)
        before = private_memory(server)
        halves = []
        for _ in range(12):
            half = rawclient.Client(server.port)
            half.socket.setblocking(False)
            halves.append(half)
        left = {half: memoryview(struct.pack("<iiii", 40000000, 1, 0, 2013) + part) for half in halves}
        highest, end = 0, time.monotonic() + 2 * SLOW
        while time.monotonic() < end:
            for half in halves:
                try:
                    left[half] = left[half][half.socket.send(left[half]) :] if left[half] else left[half]
                except (BlockingIOError, ConnectionError):
                    pass
            highest = max(highest, private_memory(server) - before)
            ok(client.run({"ping": 1}, "admin"))
            time.sleep(0.005)
        held = status(client)["network"]["receiveBytesHeld"]
        expect(held <= 65 << 20, f"{held} bytes held")  # commands as small as this one are not made to wait
        expect(highest <= 96 << 20 or fgtest.SANITIZED, f"{highest} bytes more than before")
        large = rawclient.Client(server.port, timeout=60 * SLOW)
        ok(large.run({"insert": "c"}, documents=("documents", [{"_id": i, "s": "z" * 10000000} for i in range(3)])))
        expect("memory for half-received messages is used up" in server.log_text(), "no line in the log")
        for c in halves + [large]:
            c.close()
        wait_for(lambda: status(client)["network"]["receiveBytesHeld"] < 10000, "memory coming back")
        client.close()


def case_memory_for_unread_replies():
    """Twenty clients ask for 16 MB each and read nothing: what is kept for them is bounded, nobody waits for them for long, and they are closed when others need the memory."""
    with start(replyMemoryMB=64) as server:
        client = rawclient.Client(server.port)
        ok(client.run({"insert": "c"}, documents=("documents", [{"_id": 1, "s": "x" * 16000000}])))
        before = private_memory(server)
        find = message(b"\0\0\0\0\0" + rawclient.encode({"find": "c", "$db": "test"}))
        deaf = [rawclient.Client(server.port) for _ in range(20)]
        for d in deaf:
            d.socket.sendall(find)
        slowest, highest, end = 0, 0, time.monotonic() + 3
        while time.monotonic() < end:
            begun = time.monotonic()
            ok(client.run({"ping": 1}, "admin"))
            ok(client.run({"insert": "d", "documents": [{"x": 1}]}))
            slowest = max(slowest, time.monotonic() - begun)
            highest = max(highest, private_memory(server) - before)
            time.sleep(0.01)
        expect(slowest < 2 * SLOW, f"a ping and an insert took {slowest} s")
        # The bound, one reply a worker beyond it, and what workers need to build them.
        expect(highest <= (64 + 4 * 16 + 4 * 64) << 20 or fgtest.SANITIZED, f"{highest} bytes more than before")
        ok(client.run({"find": "d", "limit": 1}))
        wait_for(lambda: "hardly reads its own" in server.log_text(), "closing one that does not read")
        for d in deaf:
            d.close()
        wait_for(lambda: status(client)["network"]["replyBytesHeld"] < 100000, "memory coming back")
        expect_equal(len(client.run({"find": "c"})["cursor"]["firstBatch"][0]["s"]), 16000000)
        client.close()


def case_slow_readers_who_read_are_kept():
    """Clients that do read, slowly, get all of their replies, memory being short or not."""
    with start(replyMemoryMB=64) as server:
        client = rawclient.Client(server.port)
        ok(client.run({"insert": "c"}, documents=("documents", [{"_id": 1, "s": "x" * 16000000}])))
        find = message(b"\0\0\0\0\0" + rawclient.encode({"find": "c", "$db": "test"}))
        readers = [rawclient.Client(server.port) for _ in range(8)]
        for r in readers:
            r.socket.sendall(find)
        got = [0] * len(readers)
        end = time.monotonic() + 120
        while min(got) < 16000000 and time.monotonic() < end:
            unfinished = [r.socket for i, r in enumerate(readers) if got[i] < 16000000]
            for socket in select.select(unfinished, [], [], 1)[0]:
                part = socket.recv(400000)
                expect(part, "closed although it reads")
                got[[r.socket for r in readers].index(socket)] += len(part)
            time.sleep(0.05)
        expect(min(got) >= 16000000, f"{got}")
        for r in readers:
            r.close()
        client.close()


def case_a_connection_that_finds_no_memory():
    """It waits, with nothing in the log that says otherwise, and is served as soon as there is some."""
    interposer = os.path.join(fgtest.BUILD, "tests", "store", "fail_io.so")
    if fgtest.SANITIZED:
        raise fgtest.Skip("a sanitizer's runtime has to be loaded first")
    with tempfile.TemporaryDirectory() as folder:
        switch = os.path.join(folder, "switch")
        with fgtest.Server(module=False, env={"LD_PRELOAD": interposer, "FG_FAIL_FILE": switch}) as server:
            with open(switch, "w", encoding="ascii") as f:
                f.write("connection")
            client = rawclient.Client(server.port)
            client.socket.settimeout(1.5)
            try:
                client.run({"ping": 1}, "admin")
            except TimeoutError:
                pass
            else:
                raise AssertionError("served without memory for it")
            os.unlink(switch)
            client.socket.settimeout(20)
            (length,) = struct.unpack("<i", client.read(4))
            ok(rawclient.decode(client.read(length - 4), 17))
            log = server.log_text()
            expect_equal((log.count('"id":22943'), log.count("cannot accept")), (1, 0), log)
            client.close()


def case_limits_are_numbers_in_a_range():
    with start(receiveMemoryMB=64, replyMemoryMB=65, cursorMemoryMB=2) as server:
        client = rawclient.Client(server.port)
        everything = client.run({"getParameter": "*"}, "admin")
        expect_equal([everything[n] for n in ("receiveMemoryMB", "replyMemoryMB", "cursorMemoryMB", "cursorTimeoutMillis")], [64, 65, 2, 600000])
        details = client.run({"getParameter": {"showDetails": True}, "receiveMemoryMB": 1}, "admin")["receiveMemoryMB"]
        expect_equal(details, {"value": 64, "settableAtRuntime": True, "settableAtStartup": True})
        for bad in (0, 63, 2**40):
            reply = client.run({"setParameter": 1, "receiveMemoryMB": bad}, "admin")
            expect_equal((code(reply), "receiveMemoryMB" in reply["errmsg"] or "from 64" in reply["errmsg"]), (2, True), f"{reply}")
        client.close()
    try:
        start(cursorTimeoutMillis="soon").start()
    except AssertionError as error:
        expect("cursorTimeoutMillis" in str(error), f"{error}")
    else:
        raise AssertionError("started with a limit that is no number")


# --- one writer -----------------------------------------------------------------------------------------------------------


class LongUpdate(threading.Thread):
    """An update of every document, on a connection of its own."""

    def __init__(self, port, change):
        super().__init__()
        self.client = rawclient.Client(port, timeout=300)
        self.command = {"update": "c", "updates": [{"q": {}, "u": change, "multi": True}]}
        self.start()

    def run(self):
        self.reply = self.client.run(self.command)
        self.client.close()


def wait_until_under_way(client, update, changed):
    """It lets others in, and commits what it has done, when somebody wants to write."""
    while not ok(client.run({"find": "c", "filter": changed}))["cursor"]["firstBatch"]:
        ok(client.run({"insert": "other", "documents": [{}]}))
        expect(update.is_alive(), "the update was over before its first document was seen")


def case_a_long_update_lets_others_write():
    with start() as server:
        client = rawclient.Client(server.port)
        fill(client, MANY)
        ok(client.run({"createIndexes": "c", "indexes": [{"key": {"y": 1}, "name": "y"}, {"key": {"z": 1, "x": 1}, "name": "zx"}]}))
        update = LongUpdate(server.port, {"$set": {"y": 1, "z": 2}})
        between, slowest = 0, 0
        while update.is_alive():
            begun = time.monotonic()
            ok(client.run({"insert": "other", "documents": [{"n": between}]}))
            ok(client.run({"insert": "c", "documents": [{"_id": f"new {between}"}]}))
            slowest = max(slowest, time.monotonic() - begun)
            between += 1
        update.join()
        print(f"{between} pairs of inserts beside one update of {MANY}, the slowest pair {slowest * 1000:.0f} ms")
        expect(between >= 5, f"only {between} pairs of inserts got in")
        expect_equal((code(update.reply), update.reply["n"], update.reply["nModified"]), (0, MANY, MANY))
        expect_equal(ok(client.run({"count": "c", "query": {"y": 1, "z": 2}}))["n"], MANY)
        expect_equal(ok(client.run({"count": "other"}))["n"], between)
        client.close()


def case_rules_change_inside_a_long_update():
    """Each document is judged by the rules of its moment: after the collMod is answered, no further one is accepted."""
    server = fgtest.Server()
    server.settings = {"fieldguard.auditPath": server.audit}
    with server:
        client = rawclient.Client(server.port)
        fill(client, MANY)
        update = LongUpdate(server.port, {"$set": {"ssn": "plain"}})
        wait_until_under_way(client, update, {"_id": 0, "ssn": "plain"})
        reply = server.run({"collMod": "c", "validator": {"$jsonSchema": {"properties": {"ssn": fgtest.encrypt_rule()}}}})
        expect_equal(reply["ok"], 1, f"{reply}")
        then = ok(client.run({"count": "c", "query": {"ssn": "plain"}}))["n"]
        update.join()
        expect_equal((code(update.reply), update.reply["n"]), (121, then), f"{update.reply}")
        expect_equal(ok(client.run({"count": "c", "query": {"ssn": "plain"}}))["n"], then)
        expect(0 < then < MANY, f"{then} of {MANY} came before the rule")
        client.close()


def case_a_collection_that_goes_away_inside_a_long_update():
    with start() as server:
        client = rawclient.Client(server.port)
        fill(client, MANY)
        update = LongUpdate(server.port, {"$set": {"y": 1}})
        wait_until_under_way(client, update, {"_id": 0, "y": 1})
        ok(client.run({"drop": "c"}))
        ok(client.run({"insert": "c", "documents": [{"_id": "another"}]}))
        update.join()
        expect_equal(code(update.reply), 175, f"{update.reply}")
        expect_equal(client.find_all("c"), [{"_id": "another"}])
        client.close()


def case_a_collection_that_is_renamed_inside_a_long_update():
    """Whether its name stays free or is taken by another collection, which stays as it is: the update ends, and nobody else notices."""
    for taken in (False, True):
        with start() as server:
            client = rawclient.Client(server.port)
            fill(client, MANY)
            update = LongUpdate(server.port, {"$set": {"y": 1}})
            wait_until_under_way(client, update, {"_id": 0, "y": 1})
            ok(client.run({"renameCollection": "test.c", "to": "test.d"}, "admin"))
            if taken:
                ok(client.run({"insert": "c", "documents": [{"_id": "another"}]}))
            update.join()
            expect_equal(code(update.reply), 175, f"{update.reply}")
            expect_equal(client.find_all("c"), [{"_id": "another"}] if taken else [])
            expect_equal(ok(client.run({"count": "d", "query": {"y": 1}}))["n"], update.reply["n"])
            expect(ok(client.run({"validate": "d"}))["valid"], "the renamed collection")
            client.close()


if __name__ == "__main__":
    fgtest.main(globals(), "integration.limits")
