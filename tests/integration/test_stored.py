#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A collMod that adds a rule counts what is stored already: in its reply and on record, while writers go on."""

import json
import os
import signal
import threading
import time

from fgtest import BUILD, Commands, Server, ciphertext, encrypt_rule, expect, expect_equal, main, write_error

RULE = {"$jsonSchema": {"properties": {"ssn": encrypt_rule()}}}
DEEP = {"$jsonSchema": {"properties": {"ssn": encrypt_rule(), "staff": {"patternProperties": {"^p": {"properties": {"pay": encrypt_rule("int")}}}}}}}


def slow_server(milliseconds):
    """A second module takes its time over every document that is counted."""
    return Server(settings={"slow.pauseMs": milliseconds}, args=["--loadModule", os.path.join(BUILD, "tests", "modules", "slow_survey.so")])


def insert(server, documents, coll="c"):
    for at in range(0, len(documents), 5000):
        reply = server.run({"insert": coll, "documents": documents[at : at + 5000], "ordered": False})
        expect_equal(write_error(reply)[0], 0, "insert")


def stored(server):
    return [r for r in server.audit_records() if r["atype"] == "fieldguard.stored"]


def case_reply_and_record():
    with Server() as server:
        insert(server, [{"_id": 1, "ssn": "123-45-6789"}, {"_id": 2, "ssn": ciphertext()}, {"_id": 3}, {"_id": 4, "ssn": 7, "staff": {"pat": {"pay": 100}, "pia": {"pay": 200}}}])
        reply = server.run({"collMod": "c", "validator": DEEP})
        expect_equal(reply["ok"], 1.0)
        found = reply["fieldguard"]
        expect_equal((found["checked"], found["violating"], found["undecided"]), (4, 2, 0), "counts")
        expect_equal(found["paths"], [{"path": "ssn", "documents": 2}, {"path": "staff.*.pay", "documents": 1}], "paths")
        expect_equal((found["complete"], found["recorded"]), (True, True))
        records = stored(server)
        expect_equal(len(records), 1, "records")
        param = records[0]["param"]
        expect_equal((param["ns"], param["checked"], param["violating"], param["complete"]), ("test.c", 4, 2, True))
        expect_equal(param["paths"], found["paths"])
        text = str(records) + str(reply)
        expect("123-45" not in text and "pat" not in str(found["paths"]).replace("path", ""), "a value or a document's name got out")
        before = [r["atype"] for r in server.audit_records()]
        expect(before.index("fieldguard.ddl") < before.index("fieldguard.stored"), "the rule is on record before the count")


def case_nothing_to_count():
    """No rule added: no field in the reply, no record. A create that changes nothing counts nothing either."""
    with Server() as server:
        insert(server, [{"_id": 1, "ssn": "plain"}])
        expect("fieldguard" not in server.run({"collMod": "c", "validator": {"x": {"$exists": False}}}), "no rule")
        expect("fieldguard" in server.run({"collMod": "c", "validator": RULE}), "a rule")
        expect("fieldguard" not in server.run({"collMod": "c", "validator": RULE}), "the same rule")
        expect_equal(server.run({"create": "c", "validator": RULE})["ok"], 1.0, "create of what is there")
        expect("fieldguard" not in server.run({"create": "d", "validator": RULE}), "create")
        expect_equal(server.run({"collMod": "d", "validator": DEEP})["fieldguard"]["checked"], 0, "empty collection")
        refused = server.run({"collMod": "c", "validator": {}})
        expect_equal((refused["code"], "fieldguard" in refused), (72, False), "refused")
        expect_equal(len(stored(server)), 2)
    with Server(module=False) as server:
        insert(server, [{"_id": 1, "ssn": "plain"}])
        expect("fieldguard" not in server.run({"collMod": "c", "validator": RULE}), "without the module")
    with Server(settings={"fieldguard.mode": "off"}) as server:
        insert(server, [{"_id": 1, "ssn": "plain"}])
        expect("fieldguard" not in server.run({"collMod": "c", "validator": RULE}), "mode off")


def many(server, n, size):
    insert(server, [{"_id": i, "ssn": "123-45-6789", "fill": "x" * size} for i in range(n)])


def case_writers_go_on():
    """While the count is held up, the rule is in force and other writes into the same collection are answered."""
    with slow_server(2) as server:
        many(server, 1500, size=10)
        result = {}

        def change():
            client = Commands(server.uri)
            result["reply"] = client.run({"collMod": "c", "validator": RULE})
            result["end"] = time.monotonic()
            client.close()

        thread = threading.Thread(target=change)
        thread.start()
        code = 0
        end = time.monotonic() + 20
        while code == 0 and time.monotonic() < end:
            code = write_error(server.run({"insert": "c", "documents": [{"ssn": "plain"}]}))[0]
        expect_equal(code, 121, "the rule is in force")
        expect("reply" not in result, "the count is still going on")
        for i in range(5):
            expect_equal(write_error(server.run({"insert": "c", "documents": [{"_id": f"w{i}", "ssn": ciphertext()}]}))[0], 0, "a writer")
        written = time.monotonic()
        expect_equal(server.run({"create": "other"})["ok"], 1.0, "a DDL")
        thread.join()
        expect(written < result["end"], "writers waited for the count")
        found = result["reply"]["fieldguard"]
        expect(found["complete"] and found["violating"] >= 1500, f"{found}")


def case_time_limit():
    """maxTimeMS bounds the count, not the collMod."""
    with slow_server(2) as server:
        many(server, 1500, size=10)
        reply = server.run({"collMod": "c", "validator": RULE, "maxTimeMS": 300})
        expect_equal(reply["ok"], 1.0, "collMod")
        found = reply["fieldguard"]
        expect(not found["complete"] and 0 < found["checked"] < 1500, f"{found}")
        expect_equal(write_error(server.run({"insert": "c", "documents": [{"ssn": "plain"}]}))[0], 121, "the rule is in force")
        expect_equal(stored(server)[0]["param"]["complete"], False)


def begin_collmod(server):
    """A client of its own that has sent collMod and waits; returns its process once the rule is in force."""
    client = Commands(server.uri)
    client.process.stdin.write(json.dumps({"db": "test", "cmd": {"collMod": "c", "validator": RULE}}) + "\n")
    client.process.stdin.flush()
    end = time.monotonic() + 20
    while write_error(server.run({"insert": "c", "documents": [{"ssn": "plain"}]}))[0] == 0:
        expect(time.monotonic() < end, "the rule did not come into force")
    return client


def case_client_gone():
    """A client that goes away changes nothing: the count ends and is on record."""
    with slow_server(1) as server:
        many(server, 1500, size=10)
        client = begin_collmod(server)
        client.process.kill()
        client.process.wait()
        end = time.monotonic() + 30
        while not stored(server) and time.monotonic() < end:
            time.sleep(0.05)
        param = stored(server)[0]["param"]
        expect(param["complete"] and param["violating"] >= 1500, f"{param}")
        expect(server.alive(), "alive")


def case_dropped_meanwhile():
    """The snapshot and the rules that the count began with outlive the collection."""
    with slow_server(1) as server:
        many(server, 1500, size=10)
        client = begin_collmod(server)
        expect_equal(server.run({"drop": "c"})["ok"], 1.0, "drop")
        line = client.process.stdout.readline()
        expect('"complete" : true' in line and '"fieldguard"' in line, line)
        client.close()


def case_server_stops_meanwhile():
    """A shutdown ends the count at once; what is known is on record, and the rule is there after the restart."""
    server = slow_server(5)
    with server:
        many(server, 5000, size=10)
        client = begin_collmod(server)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=20)
        expect(time.monotonic() - begun < 10, "the shutdown waited for the count")
        param = stored(server)[-1]["param"]
        expect_equal(param["complete"], False)
        client.process.kill()
        client.process.wait()
        server.close_client()
        server.start()
        expect_equal(write_error(server.run({"insert": "c", "documents": [{"ssn": "plain"}]}))[0], 121, "after the restart")


def case_memory():
    """100 MB of documents are counted without being held."""
    with Server() as server:
        for at in range(0, 100, 10):
            insert(server, [{"_id": at + i, "ssn": "plain", "fill": "x" * 1000000} for i in range(10)])
        status = f"/proc/{server.process.pid}/status"

        def anonymous():
            with open(status, encoding="ascii") as f:
                return int(next(line for line in f if line.startswith("RssAnon")).split()[1])

        before = anonymous()
        found = server.run({"collMod": "c", "validator": RULE})["fieldguard"]
        expect_equal((found["checked"], found["violating"], found["complete"]), (100, 100, True))
        expect(anonymous() - before < 20000, f"grew by {anonymous() - before} KiB")


if __name__ == "__main__":
    main(globals(), "stored")
