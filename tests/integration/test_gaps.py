#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The gaps that a stock server leaves in its own declarations, one case each, by their numbers (docs/policy.md).

Each case sends a write that stock mongod takes: to a host without the module, which takes it, and to one with it, which refuses it with 121 and puts the reason on record.
Beside it, the control: legitimate ciphertext goes in, by every command and with bypass.
"""

import json
import os
import tempfile

from fgtest import DETERMINISTIC, RANDOM, Server, binary, ciphertext, encrypt_rule, expect, expect_equal, key_id, main, write_error

OTHER_KEY = bytes(range(16, 32))
GOOD = ciphertext()
PLAIN = "123-45-6789"
STRING = encrypt_rule()
TEXT = b"plain text, " * 8


def schema(**properties):
    return {"validator": {"$jsonSchema": {"properties": properties}}}


def header(kind=2, bson_type=2, key=bytes(range(16))):
    return bytes([kind]) + key + bytes([bson_type])


def queryable(kind, bson_type, size, key=bytes(range(16)), edges=None):
    """Bytes in the shape of a stored value of Queryable Encryption."""
    counts = b"" if edges is None else bytes([edges])
    body = bytes((i * 37 + 129) % 127 + 128 for i in range(size - 18 - len(counts)))
    return binary(header(kind, bson_type, key) + counts + body)


class Pairs(dict):
    """A document with its names as they are: repeated, in this order."""

    def __init__(self, *pairs):
        super().__init__(pairs)
        self.pairs = pairs

    def items(self):
        return self.pairs


def insert(server, doc, bypass=False, coll="c"):
    return server.run({"insert": coll, "documents": [doc], "bypassDocumentValidation": bypass})


def code(reply):
    return write_error(reply)[0]


def stored(server, coll="c"):
    return server.run({"find": coll, "sort": {"_id": 1}})["cursor"]["firstBatch"]


def every_way(coll, field, value):
    """Commands that store value at a (not nested) field, with the database that they run against."""
    bulk = {"nsInfo": [{"ns": f"test.{coll}"}]}
    for n, bypass in enumerate((False, True)):
        more = {"bypassDocumentValidation": bypass}
        yield {"insert": coll, "documents": [{"_id": f"i{n}", field: value}], **more}, "test"
        yield {"update": coll, "updates": [{"q": {"_id": "seed"}, "u": {"$set": {field: value}}}], **more}, "test"
        yield {"update": coll, "updates": [{"q": {"_id": "seed"}, "u": {field: value}}], **more}, "test"
        yield {"update": coll, "updates": [{"q": {"_id": "seed"}, "u": [{"$set": {field: value}}]}], **more}, "test"
        yield {"update": coll, "updates": [{"q": {"_id": f"u{n}"}, "u": {"$set": {field: value}}, "upsert": True}], **more}, "test"
        yield {"findAndModify": coll, "query": {"_id": "seed"}, "update": {"$set": {field: value}}, **more}, "test"
        yield {"bulkWrite": 1, "ops": [{"insert": 0, "document": {"_id": f"b{n}", field: value}}], **bulk, **more}, "admin"
        yield {"aggregate": "source", "pipeline": [{"$merge": {"into": coll, "whenMatched": "replace"}}], "cursor": {}, **more}, "test"
        yield {"aggregate": "source", "pipeline": [{"$out": coll}], "cursor": {}, **more}, "test"


def controls(server, coll, accepted):
    """Legitimate documents go in by every way that there is; nothing is put on record."""
    before = len(server.violations())
    for doc in accepted:
        for bypass in (False, True):
            expect_equal(code(insert(server, doc, bypass, coll)), 0, f"control {doc}")
    flat = [(name, value) for doc in accepted for name, value in doc.items() if isinstance(value, dict) and "$binary" in value]
    for name, value in flat[:2]:
        server.run({"drop": "source"})
        server.run({"insert": "source", "documents": [{"_id": "m", name: value}]})
        insert(server, {"_id": "seed"}, coll=coll)
        for command, db in every_way(coll, name, value):
            reply = server.run(command, db)
            expect_equal(code(reply), 0, f"control {command}: {reply}")
    expect_equal(len(server.violations()), before, "records of legitimate writes")


def gap(options, refused, accepted, stock_takes=True):
    """refused: (document, reason) pairs. A server without the module takes the documents; one with it refuses them for their reasons."""
    with Server(module=False) as server:
        expect_equal(server.run({"create": "c", **options})["ok"], 1.0, "create")
        for doc, reason in refused:
            expect_equal(code(insert(server, doc)), 0 if stock_takes else 121, f"stock: {doc} ({reason})")
        for doc in accepted:
            expect_equal(code(insert(server, doc)), 0, f"stock, control: {doc}")
    with Server() as server:
        expect_equal(server.run({"create": "c", **options})["ok"], 1.0, "create")
        for doc, reason in refused:
            for bypass in (False, True):
                reply = insert(server, doc, bypass)
                expect_equal(code(reply), 121, f"{doc} ({reason}): {reply}")
                violation = server.violations()[-1]
                expect_equal((violation["result"], violation["param"]["violations"][0]["reason"]), (121, reason), f"record of {doc}")
        expect_equal(stored(server), [], "nothing of it is stored")
        controls(server, "c", accepted)


def case_g1_any_binary_of_subtype_6():
    marking = binary(b"\x00" + bytes(range(60)))
    gap(
        schema(ssn={"encrypt": {}}),
        [
            ({"ssn": binary(b"")}, "tooShort"),
            ({"ssn": binary(b"plain bytes as they are")}, "unknownSubtype"),
            ({"ssn": marking}, "notAtRest"),
            ({"ssn": binary(b"\x03" + bytes(80))}, "notAtRest"),
        ],
        [{"ssn": GOOD}],
    )


def case_g2_header_then_plaintext():
    gap(
        schema(ssn=STRING),
        [
            ({"ssn": binary(header() + b"123-45-6789")}, "tooShort"),
            ({"ssn": binary(header() + TEXT[:64])}, "printableBody"),
            ({"ssn": binary(header() + TEXT[:70])}, "badLength"),
        ],
        [{"ssn": GOOD}, {"ssn": ciphertext(blocks=5)}],
    )


def case_g3_key_id():
    two = {"encrypt": {"keyId": [key_id(), key_id(OTHER_KEY)], "algorithm": RANDOM, "bsonType": "string"}}
    gap(schema(ssn=two), [({"ssn": ciphertext(key=bytes(16))}, "wrongKey")], [{"ssn": GOOD}, {"ssn": ciphertext(key=OTHER_KEY)}])
    # A JSON pointer admits any well-formed key id: keys of individual users.
    pointer = {"encrypt": {"keyId": "/owner", "algorithm": RANDOM, "bsonType": "string"}}
    gap(schema(ssn=pointer), [], [{"ssn": GOOD}, {"ssn": ciphertext(key=bytes(16))}])


def case_g4_algorithm():
    gap(schema(ssn=encrypt_rule(algorithm=RANDOM)), [({"ssn": ciphertext(kind=1)}, "wrongAlgorithm")], [{"ssn": GOOD}])
    gap(schema(ssn=encrypt_rule(algorithm=DETERMINISTIC)), [({"ssn": ciphertext(kind=2)}, "wrongAlgorithm")], [{"ssn": ciphertext(kind=1)}])


def case_g5_length():
    rule = encrypt_rule("int")
    gap(
        schema(age=rule),
        [({"age": binary(header(bson_type=16))}, "tooShort"), ({"age": ciphertext(bson_type=16, blocks=2)}, "badLength"), ({"age": binary(header(bson_type=16) + bytes(range(128, 193)))}, "badLength")],
        [{"age": ciphertext(bson_type=16)}],
    )


def case_g7_duplicate_names():
    gap(
        schema(ssn=STRING),
        [(Pairs(("ssn", GOOD), ("ssn", PLAIN)), "duplicateName"), (Pairs(("ssn", GOOD), ("x", 1), ("ssn", GOOD)), "duplicateName")],
        [{"ssn": GOOD}, Pairs(("ssn", GOOD), ("x", 1), ("x", 2))],
    )
    # Names that only patterns lead on may repeat; each occurrence is judged.
    options = {"validator": {"$jsonSchema": {"properties": {"a": {"bsonType": "object"}}, "patternProperties": {"^a$": {"properties": {"ssn": STRING}}}}}}
    gap(options, [], [Pairs(("a", {"ssn": GOOD}), ("a", {"ssn": GOOD}))])


def case_g8_dotted_names_and_arrays():
    gap(
        {"validator": {"$jsonSchema": {"properties": {"a.ssn": STRING}}}},
        [({"a": [{"ssn": GOOD}, {"ssn": PLAIN}]}, "notEncrypted"), ({"a.ssn": PLAIN}, "literalDotted")],
        [{"a": {"ssn": GOOD}}, {"a": [{"ssn": GOOD}, {"ssn": GOOD}]}, {"b.ssn": 1}],
    )


def case_g9_array_or_scalar_for_a_parent():
    gap(
        schema(a={"properties": {"ssn": STRING}}),
        [({"a": [{"ssn": PLAIN}]}, "arrayOnPath"), ({"a": PLAIN}, "scalarOnPath")],
        [{"a": {"ssn": GOOD}}, {"a": None}, {}],
    )
    # A scalar _id beside a pattern that looks into whatever names there are is what every document has.
    options = {"validator": {"$jsonSchema": {"properties": {"_id": {}}, "patternProperties": {".": {"properties": {"ssn": STRING}}}}}}
    gap(options, [({"a": 1}, "scalarOnPath")], [{"a": {"ssn": GOOD}}])  # its _id is the server's


def two_branches():
    one = {"properties": {"ssn": STRING}}
    other = {"properties": {"ssn": encrypt_rule(key=OTHER_KEY)}}
    return {"validator": {"$jsonSchema": {"anyOf": [one, other]}}}


def case_g10_alternatives():
    open_branch = {"properties": {"kind": {"enum": ["open"]}}, "required": ["kind"]}
    ruled = {"properties": {"ssn": STRING}}
    escape = [({"kind": "open", "ssn": PLAIN}, "notEncrypted")]
    fine = [{"kind": "open", "ssn": GOOD}]
    gap({"validator": {"$jsonSchema": {"anyOf": [open_branch, ruled]}}}, escape, fine + [{"ssn": GOOD}])
    gap({"validator": {"$jsonSchema": {"oneOf": [open_branch, dict(ruled, **{"not": open_branch})]}}}, escape, fine + [{"ssn": GOOD}])
    gap({"validator": {"$or": [{"kind": "open"}, {"$jsonSchema": ruled}]}}, escape, fine + [{"ssn": GOOD}])
    gap({"validator": {"$jsonSchema": {"dependencies": {"signed": ruled}}}}, [({"ssn": PLAIN}, "notEncrypted")], [{"ssn": GOOD}, {"signed": 1, "ssn": GOOD}])
    # Tenants with different keys: either is right, a third is not, by any way in.
    gap(two_branches(), [({"ssn": ciphertext(key=bytes(16))}, "wrongKey")], [{"ssn": GOOD}, {"ssn": ciphertext(key=OTHER_KEY)}], stock_takes=True)


def case_g11_validation_level_off():
    gap(dict(schema(ssn=STRING), validationLevel="off"), [({"ssn": PLAIN}, "notEncrypted")], [{"ssn": GOOD}])


def local_server(folder, module=True):
    """A rule of the policy file: for declarations that mongod 8.0 does not let stand beside `encrypt`."""
    path = os.path.join(folder, "policy.json")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        json.dump({"policies": [{"ns": "test.c", "validator": schema(ssn=STRING)["validator"]}]}, f)
    server = Server(folder=folder, module=module)
    if module:
        server.settings = {"fieldguard.auditPath": server.audit, "fieldguard.policyFile": path}
    return server


def refuses_beside_encrypt(options):
    with Server() as server:
        reply = server.run({"create": "c", **schema(ssn=STRING), **options})
        expect_equal(reply["code"], 224, f"8.0 does not take encrypt beside {options}: {reply}")


def case_g12_validation_level_moderate():
    refuses_beside_encrypt({"validationLevel": "moderate"})
    options = {"validator": {"$jsonSchema": {"required": ["x"]}}, "validationLevel": "moderate"}
    for module in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            with local_server(folder, module) as server:
                server.run({"create": "c"})
                insert(server, {"_id": "seed"})  # invalid before the validator comes
                expect_equal(server.run({"collMod": "c", **options})["ok"], 1.0)
                reply = server.run({"update": "c", "updates": [{"q": {"_id": "seed"}, "u": {"$set": {"ssn": PLAIN}}}]})
                expect_equal(code(reply), 121 if module else 0, f"module {module}: {reply}")
                if module:
                    reply = server.run({"update": "c", "updates": [{"q": {"_id": "seed"}, "u": {"$set": {"ssn": GOOD}}}]})
                    expect_equal(code(reply), 0, "control")


def case_g13_validation_action_warn():
    refuses_beside_encrypt({"validationAction": "warn"})
    refuses_beside_encrypt({"validationAction": "errorAndLog"})
    options = {"validator": {"$jsonSchema": {"required": ["x"]}}, "validationAction": "warn"}
    for module in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            with local_server(folder, module) as server:
                expect_equal(server.run({"create": "c", **options})["ok"], 1.0)
                expect_equal(code(insert(server, {"ssn": PLAIN})), 121 if module else 0, "plaintext")
                expect_equal(code(insert(server, {"ssn": GOOD})), 0, "control")
                expect(PLAIN not in server.log_text(), "the log quotes the value")


def case_g14_bypass_in_every_command():
    for module in (False, True):
        with Server(module=module) as server:
            wrong = []
            for way, (command, db) in enumerate(every_way("c", "ssn", PLAIN)):
                if not command["bypassDocumentValidation"]:
                    continue
                server.run({"drop": "c"})
                server.run({"drop": "source"})
                server.run({"create": "c", **schema(ssn=STRING)})
                insert(server, {"_id": "seed"})
                server.run({"insert": "source", "documents": [{"_id": "m", "ssn": PLAIN}]})
                reply = server.run(command, db)
                if code(reply) != (121 if module else 0) or (module and stored(server) != [{"_id": "seed"}]):
                    wrong.append(f"{way} {command}: {reply}")
            expect(not wrong, f"module {module}: " + "; ".join(wrong))
    with Server() as server:
        server.run({"create": "c", **schema(ssn=STRING)})
        controls(server, "c", [{"ssn": GOOD}])


def case_g15_restore_with_bypass():
    """What mongorestore and mongoimport send with --bypassDocumentValidation: unordered batches of inserts."""
    batch = [{"_id": 1, "ssn": GOOD}, {"_id": 2, "ssn": PLAIN}, {"_id": 3, "ssn": GOOD}]
    for module in (False, True):
        with Server(module=module) as server:
            server.run({"create": "c", **schema(ssn=STRING)})
            reply = server.run({"insert": "c", "documents": batch, "ordered": False, "bypassDocumentValidation": True, "writeConcern": {"w": "majority"}})
            expect_equal([(e["index"], e["code"]) for e in reply.get("writeErrors", [])], [(1, 121)] if module else [], "the plain one")
            expect_equal([d["_id"] for d in stored(server)], [1, 3] if module else [1, 2, 3], "the others")


def case_g19_rules_that_go_away():
    for module in (False, True):
        with Server(module=module) as server:
            server.run({"create": "c", **schema(ssn=STRING)})
            server.run({"create": "bare"})
            for change in ({"validator": {}}, {"validator": {"x": 1}}, schema(ssn={"encrypt": {}})):
                reply = server.run({"collMod": "c", **change})
                expect_equal(reply.get("code", 0), 72 if module else 0, f"collMod {change}: {reply}")
            if module:
                reply = server.run({"renameCollection": "test.bare", "to": "test.c", "dropTarget": True}, "admin")
                expect_equal(reply.get("code", 0), 72, f"rename over it: {reply}")
                reply = server.run({"renameCollection": "test.c", "to": "test.d"}, "admin")
                expect_equal(reply.get("code", 0), 72, f"rename away: {reply}")
                expect_equal(code(insert(server, {"ssn": PLAIN})), 121, "the rule is still there")
                actions = [r["param"]["action"] for r in server.audit_records() if r["atype"] == "fieldguard.ddl"]
                expect_equal(actions.count("ruleRemovalRefused"), 5, f"{actions}")
                # Dropping is on record; created again without rules it has none.
                expect_equal(server.run({"drop": "c"})["ok"], 1.0)
                expect_equal(server.audit_records()[-1]["param"]["action"], "rulesDropped")
                expect_equal(code(insert(server, {"ssn": PLAIN})), 0, "a new collection")
    # Under a rule of the policy file it is still protected.
    with tempfile.TemporaryDirectory() as folder:
        with local_server(folder) as server:
            server.run({"create": "c", **schema(ssn=STRING)})
            server.run({"drop": "c"})
            expect_equal(code(insert(server, {"ssn": PLAIN})), 121, "re-created")
            expect_equal(code(insert(server, {"ssn": GOOD})), 0, "control")


def case_g19_controls_legitimate_ddl():
    """collMod that keeps or tightens the rules, and renames that keep them."""
    with Server(settings={"fieldguard.ruleRemoval": "refuse"}) as server:
        server.run({"create": "c", **schema(ssn={"encrypt": {}})})
        tighter = schema(ssn=STRING)
        for change in (schema(ssn={"encrypt": {}}), schema(ssn={"encrypt": {}}, other={"bsonType": "int"}), tighter, {"validationLevel": "off"}, schema(ssn=STRING, card={"encrypt": {}})):
            expect_equal(server.run({"collMod": "c", **change})["ok"], 1.0, f"collMod {change}")
        controls(server, "c", [{"ssn": GOOD}])
        # The new collection has the same rules: it may replace the old one, as a migration does.
        server.run({"create": "next", **schema(ssn=STRING, card={"encrypt": {}})})
        insert(server, {"_id": 1, "ssn": GOOD}, coll="next")
    with Server(settings={"fieldguard.ruleRemoval": "audit"}) as server:
        server.run({"create": "next", **schema(ssn=STRING)})
        insert(server, {"_id": 1, "ssn": GOOD}, coll="next")
        server.run({"create": "c", **schema(ssn=STRING)})
        reply = server.run({"renameCollection": "test.next", "to": "test.c", "dropTarget": True}, "admin")
        expect_equal(reply["ok"], 1.0, f"rename: {reply}")
        expect_equal(code(insert(server, {"ssn": PLAIN})), 121, "the rules came with it")
        controls(server, "c", [{"ssn": GOOD}])
        expect_equal(server.run({"renameCollection": "test.c", "to": "test.d"}, "admin")["ok"], 1.0, "rename away, on record")
        expect_equal(code(insert(server, {"ssn": PLAIN}, coll="d")), 121, "the rules go with it")
        controls(server, "d", [{"ssn": GOOD}])


def case_g20_out_and_merge():
    """mongod closes this one unless bypass is asked for; the module closes it with bypass too (and a two-branch anyOf is no way round)."""
    for options in (schema(ssn=STRING), two_branches()):
        with Server() as server:
            server.run({"create": "c", **options})
            insert(server, {"_id": "seed", "ssn": GOOD})
            server.run({"insert": "source", "documents": [{"_id": "m", "ssn": PLAIN}]})
            for bypass in (False, True):
                for stage in ({"$out": "c"}, {"$merge": "c"}, {"$merge": {"into": "c", "on": "_id", "whenMatched": "replace"}}, {"$merge": {"into": "c", "whenMatched": [{"$set": {"ssn": "$$new.ssn"}}]}}):
                    reply = server.run({"aggregate": "source", "pipeline": [stage], "cursor": {}, "bypassDocumentValidation": bypass})
                    expect_equal(code(reply), 121, f"{stage} bypass {bypass}: {reply}")
                    expect_equal([d["_id"] for d in stored(server)], ["seed"], f"{stage}: what is stored")
            controls(server, "c", [{"ssn": GOOD}])


def fields(**more):
    return {"encryptedFields": {"fields": [dict({"path": "ssn", "keyId": key_id(), "bsonType": "string"}, **more)]}}


def case_g25_csfle_and_qe_are_not_interchangeable():
    gap(schema(ssn={"encrypt": {}}), [({"ssn": queryable(16, 2, 82)}, "wrongAlgorithm"), ({"ssn": queryable(14, 2, 210)}, "wrongAlgorithm")], [{"ssn": GOOD}])
    equality = fields(queries={"queryType": "equality"})
    gap(
        equality,
        [
            ({"ssn": queryable(16, 2, 82)}, "wrongAlgorithm"),  # unindexed in an indexed field
            ({"ssn": queryable(7, 2, 223)}, "wrongAlgorithm"),  # the first protocol
            ({"ssn": queryable(14, 2, 210, key=OTHER_KEY)}, "wrongKey"),
        ],
        [{"ssn": queryable(14, 2, 210)}],
    )
    gap(equality, [({"ssn": GOOD}, "wrongAlgorithm")], [{"ssn": queryable(14, 2, 226)}], stock_takes=False)  # 1 and 2 are none of mongod's either
    gap(fields(), [({"ssn": queryable(6, 2, 79)}, "wrongAlgorithm"), ({"ssn": queryable(14, 2, 210)}, "wrongAlgorithm")], [{"ssn": queryable(16, 2, 82)}])
    gap(
        {"encryptedFields": {"fields": [{"path": "age", "keyId": key_id(), "bsonType": "int", "queries": {"queryType": "range", "min": 0, "max": 9}}]}},
        [({"age": queryable(15, 16, 211, edges=2)}, "badLength"), ({"age": queryable(14, 16, 210)}, "wrongAlgorithm")],
        [{"age": queryable(15, 16, 211, edges=1)}],
    )


def case_g26_scalar_on_the_path_of_an_encrypted_field():
    options = {"encryptedFields": {"fields": [{"path": "a.b", "keyId": key_id(), "bsonType": "string"}]}}
    gap(options, [({"a": PLAIN}, "scalarOnPath"), ({"a.b": PLAIN}, "literalDotted")], [{"a": {"b": queryable(16, 2, 82)}}, {"a": None}, {}])


if __name__ == "__main__":
    main(globals(), "gaps")
