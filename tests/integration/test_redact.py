#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fieldguard.redactErrInfo: no refused value in errInfo, whatever command was refused and whoever refused it."""

from fgtest import Server, ciphertext, encrypt_rule, expect, expect_equal, main, write_error

SECRET = "a-value-nobody-sees"
RULES = {
    "scalars": {"$jsonSchema": {"properties": {"a": {"maxLength": 3}, "n": {"maximum": 5}, "ssn": encrypt_rule()}}},
    "nested": {"$jsonSchema": {"properties": {"a": {"not": {"bsonType": "string"}}, "list": {"items": {"bsonType": "int"}, "uniqueItems": True}}}},
    "query": {"$and": [{"a": {"$nin": [SECRET, [SECRET]]}}, {"list": {"$not": {"$elemMatch": {"$eq": SECRET}}}}]},
    "expr": {"$expr": {"$ne": ["$a", SECRET]}},
}


def refusals(server, coll):
    """Every way to be refused, with its reply."""
    bad = {"_id": 2, "a": SECRET, "n": 4321, "list": [SECRET, SECRET]}
    yield "insert", server.run({"insert": coll, "documents": [bad]})
    yield "update", server.run({"update": coll, "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": SECRET}}}]})
    yield "replace", server.run({"update": coll, "updates": [{"q": {"_id": 1}, "u": {"a": SECRET, "n": 4321}}]})
    yield "pipeline", server.run({"update": coll, "updates": [{"q": {"_id": 1}, "u": [{"$set": {"a": SECRET}}]}]})
    yield "upsert", server.run({"update": coll, "updates": [{"q": {"_id": 9}, "u": {"$set": {"a": SECRET}}, "upsert": True}]})
    yield "findAndModify", server.run({"findAndModify": coll, "query": {"_id": 1}, "update": {"$set": {"a": SECRET}}})
    yield "bulkWrite", server.run({"bulkWrite": 1, "ops": [{"insert": 0, "document": bad}], "nsInfo": [{"ns": f"test.{coll}"}]}, db="admin")


def all_refusals(server):
    for coll, validator in RULES.items():
        reply = server.run({"create": coll, "validator": validator})
        if coll == "expr" and not reply["ok"]:
            continue
        expect_equal(reply["ok"], 1.0, f"create {coll}: {reply}")
        expect_equal(write_error(server.run({"insert": coll, "documents": [{"_id": 1}]}))[0], 0, "a document to change")
        for name, reply in refusals(server, coll):
            code, _, info = write_error(reply)
            expect_equal(code, 121, f"{coll} {name}: {reply}")
            yield coll, name, reply, info


def case_on():
    with Server(settings={"fieldguard.redactErrInfo": "true"}) as server:
        for coll, name, reply, info in all_refusals(server):
            text = str(reply)
            expect("considered" not in text.replace("consideredType", "").replace("considered value", ""), f"{coll} {name}: {info}")
            if coll != "query" and coll != "expr":  # there the validator itself quotes the text in specifiedAs
                expect(SECRET not in text, f"{coll} {name}: {info}")
            expect("4321" not in text, f"{coll} {name}: {info}")


def case_off_is_as_mongod():
    with Server() as server:
        found = [name for coll, name, reply, info in all_refusals(server) if coll == "scalars" and "consideredValue" in str(info) and SECRET in str(info)]
        expect_equal(found, ["insert", "update", "replace", "pipeline", "upsert", "findAndModify", "bulkWrite"])


def case_encrypted_fields_never():
    """Off or on: the value of a field that a rule declares encrypted is not quoted, whatever else it breaks."""
    for setting in ("false", "true"):
        with Server(settings={"fieldguard.redactErrInfo": setting, "fieldguard.mode": "off"}) as server:
            rule = {"$jsonSchema": {"properties": {"ssn": {"encrypt": {}, "enum": [1]}}}}
            expect_equal(server.run({"create": "c", "validator": {"$and": [rule, {"ssn": {"$gt": 5}}]}})["ok"], 1.0)
            code, _, info = write_error(server.run({"insert": "c", "documents": [{"ssn": SECRET}]}))
            expect_equal(code, 121)
            expect(SECRET not in str(info), f"{info}")


def case_turned_on_but_not_off():
    with Server() as server:
        expect_equal(server.run({"setParameter": 1, "fieldguard.redactErrInfo": True}, db="admin")["ok"], 1.0, "on")
        expect_equal(server.run({"getParameter": 1, "fieldguard.redactErrInfo": 1}, db="admin")["fieldguard.redactErrInfo"], True)
        expect_equal(server.run({"setParameter": 1, "fieldguard.redactErrInfo": False}, db="admin")["ok"], 0.0, "off")
        server.run({"create": "c", "validator": RULES["scalars"]})
        expect(SECRET not in str(server.run({"insert": "c", "documents": [{"a": SECRET}]})), "at once")
        changed = [r["param"] for r in server.audit_records() if r["atype"] == "fieldguard.setting"]
        expect_equal([(c["name"], c["new"]) for c in changed], [("fieldguard.redactErrInfo", "true")])
    with Server(settings={"fieldguard.allowLoosening": "true", "fieldguard.redactErrInfo": "true"}) as server:
        expect_equal(server.run({"setParameter": 1, "fieldguard.redactErrInfo": False}, db="admin")["ok"], 1.0, "allowed")


def case_ciphertext_is_a_control():
    with Server(settings={"fieldguard.redactErrInfo": "true"}) as server:
        server.run({"create": "c", "validator": RULES["scalars"]})
        expect_equal(write_error(server.run({"insert": "c", "documents": [{"ssn": ciphertext(), "a": "abc", "n": 5}]}))[0], 0)


if __name__ == "__main__":
    main(globals(), "redact")
