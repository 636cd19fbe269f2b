#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same write matrix with and without --loadModule: every write command × every operator that can bring a value to a declared field × kinds of bad value.

Without the module the host answers as stock mongod does, gaps included; with it every one of these writes is refused with 121 and leaves nothing behind.
"""

import fgtest
from fgtest import RANDOM, Server, binary, ciphertext, expect, expect_equal, key_id, write_error

# One rule that says all that can be said, and mongod's weakest.
RULES = {"stated": {"encrypt": {"keyId": [key_id()], "algorithm": RANDOM, "bsonType": "string"}}, "weak": {"encrypt": {}}}
GOOD = ciphertext(kind=2, bson_type=2)

# name -> (value, rules under which stock mongod takes it without any bypass)
BAD_VALUES = {
    "plaintext": ("123-45-6789", ()),
    "plaintext_number": (42, ()),
    "empty_binary": (binary(b""), ("weak",)),
    "plaintext_as_binary": (binary(b"123-45-6789 and a bit more of it"), ("weak",)),
    "header_then_plaintext": (binary(b"\x02" + bytes(range(16)) + b"\x02" + b"123-45-6789"), ("weak", "stated")),
    "marking": (binary(b"\x00" + bytes(range(60))), ("weak",)),
    "wrong_key": (ciphertext(key=bytes(16)), ("weak", "stated")),
    "wrong_algorithm": (ciphertext(kind=1), ("weak", "stated")),
    "bare_header": (binary(b"\x02" + bytes(range(16)) + b"\x02"), ("weak", "stated")),
}
# Under the weak rule these are not violations: the rule names neither key nor algorithm.
NOT_UNDER_WEAK = ("wrong_key", "wrong_algorithm")


def paths(coll, value):
    """(name, command, db) for each way of bringing value into field ssn of document 1 or a new one."""
    doc = {"ssn": value}
    bulk = {"nsInfo": [{"ns": f"test.{coll}"}]}
    yield "insert", {"insert": coll, "documents": [{"_id": 2, **doc}]}, "test"
    yield "insert_unordered", {"insert": coll, "documents": [{"_id": 2, **doc}], "ordered": False}, "test"
    yield "update_set", {"update": coll, "updates": [{"q": {"_id": 1}, "u": {"$set": doc}}]}, "test"
    yield "update_multi", {"update": coll, "updates": [{"q": {}, "u": {"$set": doc}, "multi": True}]}, "test"
    yield "update_replace", {"update": coll, "updates": [{"q": {"_id": 1}, "u": doc}]}, "test"
    yield "upsert_set", {"update": coll, "updates": [{"q": {"_id": 2}, "u": {"$set": doc}, "upsert": True}]}, "test"
    yield "upsert_filter", {"update": coll, "updates": [{"q": {"_id": 2, **doc}, "u": {"$set": {"x": 1}}, "upsert": True}]}, "test"
    yield "upsert_replace", {"update": coll, "updates": [{"q": {"_id": 2}, "u": doc, "upsert": True}]}, "test"
    yield "upsert_set_on_insert", {"update": coll, "updates": [{"q": {"_id": 2}, "u": {"$setOnInsert": doc}, "upsert": True}]}, "test"
    yield "find_and_modify", {"findAndModify": coll, "query": {"_id": 1}, "update": {"$set": doc}}, "test"
    yield "find_and_modify_replace", {"findAndModify": coll, "query": {"_id": 1}, "update": doc}, "test"
    yield "find_and_modify_upsert", {"findAndModify": coll, "query": {"_id": 2}, "update": {"$set": doc}, "upsert": True}, "test"
    yield "bulk_insert", {"bulkWrite": 1, "ops": [{"insert": 0, "document": {"_id": 2, **doc}}], **bulk}, "admin"
    yield "bulk_update", {"bulkWrite": 1, "ops": [{"update": 0, "filter": {"_id": 1}, "updateMods": {"$set": doc}}], **bulk}, "admin"
    yield "bulk_upsert", {"bulkWrite": 1, "ops": [{"update": 0, "filter": {"_id": 2}, "updateMods": {"$set": doc}, "upsert": True}], **bulk}, "admin"
    if isinstance(value, int):
        yield "update_inc", {"update": coll, "updates": [{"q": {"_id": 1}, "u": {"$inc": doc}}]}, "test"
    yield "update_push", {"update": coll, "updates": [{"q": {"_id": 1}, "u": {"$push": doc}}]}, "test"


def fresh(server, coll, rule):
    server.run({"drop": coll})
    reply = server.run({"create": coll, "validator": {"$jsonSchema": {"properties": {"ssn": rule}}}})
    expect(reply["ok"], f"create: {reply}")
    reply = server.run({"insert": coll, "documents": [{"_id": 1}]})
    expect_equal(write_error(reply)[0], 0, "seed")


def contents(server, coll):
    return server.run({"find": coll, "sort": {"_id": 1}})["cursor"]["firstBatch"]


def each(server):
    for rule_name, rule in RULES.items():
        for value_name, (value, stock_takes) in BAD_VALUES.items():
            if rule_name == "weak" and value_name in NOT_UNDER_WEAK:
                continue
            for bypass in (False, True):
                for path_name, command, db in paths("matrix", value):
                    # $push makes an array of the value, which no `encrypt` rule takes, stock or not.
                    stock = bypass or (rule_name in stock_takes and path_name != "update_push")
                    fresh(server, "matrix", rule)
                    if bypass:
                        command = dict(command, bypassDocumentValidation=True)
                    yield f"{rule_name}/{value_name}/{path_name}/{'bypass' if bypass else 'plain'}", command, db, stock


def case_with_module_every_bad_write_is_refused():
    wrong = []
    n = 0
    with Server() as server:
        for name, command, db, _ in each(server):
            code, errmsg, info = write_error(server.run(command, db))
            n += 1
            if code != 121 or errmsg != "Document failed validation" or not info or "details" not in info:
                wrong.append(f"{name}: {code} {errmsg} {info}")
            elif contents(server, "matrix") != [{"_id": 1}]:
                wrong.append(f"{name}: refused, and yet {contents(server, 'matrix')}")
        refused = [v for v in server.violations() if v["result"] == 121]
        expect_equal(len(refused), n, "audit records of refused writes")
    expect(not wrong, f"{len(wrong)} of {n}: " + "; ".join(wrong[:5]))


def case_without_module_the_host_is_stock():
    wrong = []
    n = 0
    with Server(module=False) as server:
        for name, command, db, taken in each(server):
            code = write_error(server.run(command, db))[0]
            n += 1
            if code != (0 if taken else 121):
                wrong.append(f"{name}: {code}, stock mongod: {0 if taken else 121}")
    expect(not wrong, f"{len(wrong)} of {n}: " + "; ".join(wrong[:5]))


def case_ciphertext_is_accepted_either_way():
    for module in (True, False):
        with Server(module=module) as server:
            for rule_name, rule in RULES.items():
                for bypass in (False, True):
                    for path_name, command, db in paths("matrix", GOOD):
                        if path_name in ("update_push",):
                            continue
                        fresh(server, "matrix", rule)
                        if bypass:
                            command = dict(command, bypassDocumentValidation=True)
                        reply = server.run(command, db)
                        expect_equal(write_error(reply)[0], 0, f"module={module} {rule_name}/{path_name}/{bypass}: {reply}")
            if module:
                expect_equal(server.violations(), [], "audit records of legitimate writes")


def case_audit_mode_records_each_accepted_write_once():
    server = Server()
    server.settings = {"fieldguard.mode": "audit", "fieldguard.auditPath": server.audit}
    with server:
        n = 0
        for name, command, db, taken in each(server):
            if not taken or "update_multi" in name:
                continue
            before = len(server.violations())
            code = write_error(server.run(command, db))[0]
            expect_equal(code, 0, name)
            records = server.violations()[before:]
            expect_equal(len(records), 1, f"{name}: records")
            expect_equal(records[0]["result"], 0, f"{name}: result")
            n += 1
        expect(n > 50, f"only {n} writes were accepted")


def case_no_value_in_log_or_audit():
    with Server() as server:
        for name, command, db, _ in each(server):
            if "plaintext" in name or "header" in name:
                server.run(command, db)
        for path in (server.log, server.audit):
            with open(path, "rb") as f:
                expect(b"123-45" not in f.read(), f"the plaintext stands in {path}")


fgtest.main(globals(), "matrix")
