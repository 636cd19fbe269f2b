#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""renameCollection within and across databases: what moves, what is refused, and that no rule is lost on the way."""

import json
import os

import fgtest
from fgtest import Server, ciphertext, encrypt_rule, expect, expect_equal, write_error

PLAIN = "123-45-6789"
RULES = {"$jsonSchema": {"properties": {"ssn": encrypt_rule()}}}


def rename(server, source, target, **more):
    return server.run({"renameCollection": source, "to": target, **more}, "admin")


def fill(server, ns, docs, **options):
    db, coll = ns.split(".", 1)
    server.run({"drop": coll}, db)
    expect(server.run({"create": coll, **options}, db)["ok"], f"create {ns}")
    if docs:
        expect_equal(write_error(server.run({"insert": coll, "documents": docs}, db))[0], 0, f"seed {ns}")


def contents(server, ns):
    db, coll = ns.split(".", 1)
    return server.run({"find": coll, "sort": {"_id": 1}}, db)["cursor"]["firstBatch"]


def insert(server, ns, doc):
    db, coll = ns.split(".", 1)
    return write_error(server.run({"insert": coll, "documents": [doc]}, db))[0]


def case_across_databases():
    with Server(module=False) as server:
        fill(server, "a.x", [{"_id": 1, "u": 1}, {"_id": 2, "u": 2}], validator={"u": {"$lt": 9}})
        server.run({"createIndexes": "x", "indexes": [{"key": {"u": 1}, "name": "u", "unique": True}]}, "a")
        expect_equal(rename(server, "a.x", "b.y").get("ok"), 1.0, "across")
        expect_equal(contents(server, "b.y"), [{"_id": 1, "u": 1}, {"_id": 2, "u": 2}], "documents")
        expect_equal(contents(server, "a.x"), [], "the old name")
        expect_equal([d["name"] for d in server.run({"listIndexes": "y"}, "b")["cursor"]["firstBatch"]], ["_id_", "u"], "indexes")
        expect_equal((insert(server, "b.y", {"u": 2}), insert(server, "b.y", {"u": 10}), insert(server, "b.y", {"_id": 3, "u": 3})), (11000, 121, 0), "index, validator, write")
        fill(server, "c.z", [{"_id": 9}])
        expect_equal(rename(server, "b.y", "c.z")["code"], 48, "the target exists")
        expect_equal(rename(server, "b.y", "c.z", dropTarget=True).get("ok"), 1.0, "dropTarget")
        expect_equal(len(contents(server, "c.z")), 3, "the target is replaced")
        for source, target, code in (("c.z", "c.z", 20), ("c.none", "d.x", 26), ("c.z", "d", 73), ("c.z", "d.", 73), ("c.z", "d.$x", 73), ("c.z", "d.system.x", 20), ("c.z", "admin.x", 72)):
            expect_equal(rename(server, source, target).get("code"), code, f"{source} to {target}")
        expect_equal(server.run({"renameCollection": "c.z", "to": "c.y"}, "c")["code"], 13, "admin only")
        server.stop()
        server.start()
        expect_equal(len(contents(server, "c.z")), 3, "after a restart")
        expect_equal(insert(server, "c.z", {"u": 1}), 11000, "the index after a restart")


def case_no_rule_is_lost():
    with Server() as server:
        for source, target in (("a.bare", "a.t"), ("b.bare", "a.t")):
            fill(server, "a.t", [{"_id": 1, "ssn": ciphertext()}], validator=RULES)
            fill(server, source, [{"_id": 2, "ssn": PLAIN}])
            expect_equal(rename(server, source, target, dropTarget=True)["code"], 72, f"{source} onto the protected {target}")
            expect_equal(contents(server, "a.t"), [{"_id": 1, "ssn": ciphertext()}], "the target is untouched")
            expect_equal(contents(server, source), [{"_id": 2, "ssn": PLAIN}], "the source is untouched")
            expect_equal(insert(server, "a.t", {"ssn": PLAIN}), 121, "its rules hold")
        for target in ("a.away", "b.away"):
            expect_equal(rename(server, "a.t", target)["code"], 72, f"the protected one to {target}")
            expect_equal(insert(server, "a.t", {"ssn": PLAIN}), 121, "its rules hold")


def case_rule_removal_audit_lets_it_go_with_its_rules():
    server = Server()
    server.settings = {"fieldguard.ruleRemoval": "audit", "fieldguard.auditPath": server.audit}
    with server:
        for target in ("a.away", "b.away"):
            fill(server, "a.t", [{"_id": 1, "ssn": ciphertext()}], validator=RULES)
            before = len(server.audit_records())
            expect_equal(rename(server, "a.t", target).get("ok"), 1.0, target)
            expect_equal(insert(server, target, {"ssn": PLAIN}), 121, "its rules went with it")
            expect_equal(len([r for r in server.audit_records()[before:] if r["atype"] == "fieldguard.ddl"]), 1, "one record")
        fill(server, "a.t", [{"_id": 1, "ssn": ciphertext()}], validator=RULES)
        fill(server, "b.bare", [{"_id": 2, "ssn": PLAIN}])
        expect_equal(rename(server, "b.bare", "a.t", dropTarget=True).get("ok"), 1.0, "onto a protected one")
        expect_equal(server.audit_records()[-1]["param"].get("action"), "rulesRemoved", "is on record")


def case_each_document_is_judged_under_its_new_name():
    """Plaintext that was there before the rules stays where it is, but does not travel."""
    with Server() as server:
        fill(server, "a.t", [{"_id": 1, "ssn": ciphertext()}, {"_id": 2, "ssn": PLAIN}])
        expect(server.run({"collMod": "t", "validator": RULES}, "a")["ok"], "collMod")
        before = len(server.violations())
        reply = rename(server, "a.t", "b.t")
        expect_equal((reply["code"], reply["errInfo"]["failingDocumentId"]), (121, 2), f"{reply}")
        expect_equal([(r["result"], r["param"]["ns"]) for r in server.violations()[before:]], [(121, "b.t")], "records")
        expect_equal((len(contents(server, "a.t")), contents(server, "b.t")), (2, []), "nothing moved")


def case_local_rules_of_the_new_name():
    server = Server()
    path = os.path.join(server.folder, "policy.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"policies": [{"ns": "b.*", "validator": {"$jsonSchema": {"properties": {"ssn": {"encrypt": {"bsonType": "string"}}}}}}]}, f)
    os.chmod(path, 0o600)
    server.settings = {"fieldguard.policyFile": path, "fieldguard.auditPath": server.audit}
    with server:
        fill(server, "a.t", [{"_id": 1, "ssn": PLAIN}])
        expect_equal(rename(server, "a.t", "b.t")["code"], 121, "plaintext into a place with local rules")
        expect_equal(contents(server, "b.t"), [], "nothing moved")
        fill(server, "a.t", [{"_id": 1, "ssn": ciphertext()}])
        expect_equal(rename(server, "a.t", "b.t").get("ok"), 1.0, "ciphertext")
        expect_equal(insert(server, "b.t", {"ssn": PLAIN}), 121, "the local rules hold there")


def case_local_rules_of_a_new_name_in_the_same_database():
    """What was written under a name without rules does not get under a name with them, whether that is free, or an empty collection that is dropped for it."""
    server = Server()
    path = os.path.join(server.folder, "policy.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"policies": [{"ns": "a.guarded", "validator": {"$jsonSchema": {"properties": {"ssn": {"encrypt": {"bsonType": "string"}}}}}}]}, f)
    os.chmod(path, 0o600)
    server.settings = {"fieldguard.policyFile": path, "fieldguard.auditPath": server.audit}
    with server:
        for prepare in (lambda: None, lambda: fill(server, "a.guarded", [])):
            fill(server, "a.t", [{"_id": 1, "ssn": ciphertext()}, {"_id": 2, "ssn": PLAIN}])
            prepare()
            before = len(server.violations())
            reply = rename(server, "a.t", "a.guarded", dropTarget=True)
            expect_equal((reply["code"], reply["errInfo"]["failingDocumentId"]), (121, 2), f"{reply}")
            expect_equal([(r["result"], r["param"]["ns"], r["param"]["op"]) for r in server.violations()[before:]], [(121, "a.guarded", "copy")], "records")
            expect_equal((len(contents(server, "a.t")), contents(server, "a.guarded")), (2, []), "nothing moved")
        expect_equal(rename(server, "a.t", "a.other").get("ok"), 1.0, "to a name without rules")
        fill(server, "a.t", [{"_id": 1, "ssn": ciphertext()}])
        expect_equal(rename(server, "a.t", "a.guarded", dropTarget=True).get("ok"), 1.0, "ciphertext")
        expect_equal(len(contents(server, "a.guarded")), 1, "moved")


def case_audit_mode_records_each_document_once():
    server = Server()
    server.settings = {"fieldguard.mode": "audit", "fieldguard.auditPath": server.audit, "fieldguard.ruleRemoval": "audit"}
    with server:
        fill(server, "a.t", [{"_id": i, "ssn": PLAIN} for i in range(3)], validator=RULES, validationLevel="off")
        before = len(server.violations())
        expect_equal(rename(server, "a.t", "b.t").get("ok"), 1.0, "rename")
        expect_equal([(r["result"], r["param"]["ns"]) for r in server.violations()[before:]], [(0, "b.t")] * 3, "records")
        # Refused for the target's sake: nothing was copied, so nothing is on record as accepted.
        fill(server, "c.t", [], validator={"$jsonSchema": {"properties": {"other": encrypt_rule()}}})
        before = len(server.violations())
        server.run({"setParameter": 1, "fieldguard.ruleRemoval": "refuse"}, "admin")
        expect_equal(rename(server, "b.t", "c.t", dropTarget=True)["code"], 72, "refused")
        expect_equal(server.violations()[before:], [], "records of a rename that was refused")


fgtest.main(globals(), "rename")
