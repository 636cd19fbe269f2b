#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every path of write_paths.py: plaintext is refused and nothing of it stored; ciphertext passes; in audit mode it is stored, and recorded exactly once a document."""

import json

import fgtest
from fgtest import Server, ciphertext, encrypt_rule, expect, expect_equal, write_error
from write_paths import COLL, PATHS, SOURCE

PLAIN = "123-45-6789"
GOOD = ciphertext()
RULE = encrypt_rule()
RULES = {"$jsonSchema": {"properties": {"ssn": RULE, "p": {"properties": {"ssn": RULE}}, "list": {"items": RULE}, "rows": {"items": {"properties": {"ssn": RULE}}}}}}


class Records:
    """The violations that are new in the audit log since the last look: the log grows by many lines a path, and none is read twice."""

    def __init__(self, server):
        self.path = server.audit
        self.offset = 0

    def new(self):
        with open(self.path, "rb") as f:
            f.seek(self.offset)
            lines = f.read()
        whole = lines.rfind(b"\n") + 1
        self.offset += whole
        return [r for r in map(json.loads, lines[:whole].splitlines()) if r["atype"] == "fieldguard.violation"]


def filled(docs):
    """Seeds name ciphertext by a word, because they are written before the value is known."""
    text = {"$$GOOD": ciphertext(seed=2)}

    def walk(x):
        if isinstance(x, dict):
            return {k: walk(v) for k, v in x.items()}
        if isinstance(x, list):
            return [walk(v) for v in x]
        return text.get(x, x) if isinstance(x, str) else x

    return walk(docs)


def prepare(server, path, value, level):
    server.run({"drop": COLL})
    server.run({"drop": SOURCE})
    expect(server.run({"create": COLL})["ok"], "create")
    for coll, docs in ((COLL, path.seed(value)), (SOURCE, path.source(value) if path.source else [])):
        if docs:
            expect_equal(write_error(server.run({"insert": coll, "documents": filled(docs)}))[0], 0, f"{path.name}: seed")
    expect(server.run({"collMod": COLL, "validator": RULES, "validationLevel": level})["ok"], "collMod")
    commands = path.commands(value)
    for command, db in commands[:-1]:
        expect_equal(write_error(server.run(command, db))[0], 0, f"{path.name}: {command}")
    return commands[-1]


def contents(server):
    return server.run({"find": COLL, "sort": {"_id": 1}})["cursor"]["firstBatch"]


def run(server, command, db, bypass):
    return write_error(server.run(dict(command, bypassDocumentValidation=True) if bypass else command, db))


def refuses(server, level, bypass):
    wrong = []
    log = Records(server)
    for path in PATHS:
        command, db = prepare(server, path, PLAIN, level)
        before = contents(server)
        log.new()
        code, errmsg, info = run(server, command, db, bypass)
        records = log.new()
        if code != 121 or not errmsg.endswith("Document failed validation") or not info or "details" not in info:
            wrong.append(f"{path.name}: {code} {errmsg} {info}")
        elif contents(server) != before:
            wrong.append(f"{path.name}: refused, and yet {contents(server)}")
        elif not records or any(r["result"] != 121 or r["param"]["ns"] != f"test.{COLL}" for r in records):
            wrong.append(f"{path.name}: records {records}")
    expect(not wrong, f"{len(wrong)} of {len(PATHS)}: " + "; ".join(wrong[:5]))


def case_plaintext_is_refused_and_nothing_stored():
    with Server() as server:
        refuses(server, "strict", False)


def case_neither_level_nor_bypass_helps():
    with Server() as server:
        refuses(server, "off", True)
        for path in (server.log, server.audit):
            with open(path, "rb") as f:
                expect(b"123-45" not in f.read(), f"the plaintext stands in {path}")


def case_ciphertext_passes():
    wrong = []
    with Server() as server:
        for path in PATHS:
            if not path.control:
                continue
            command, db = prepare(server, path, GOOD, "strict")
            before = contents(server)
            code, errmsg, _ = run(server, command, db, False)
            if code != 0:
                wrong.append(f"{path.name}: {code} {errmsg}")
            elif contents(server) == before:
                wrong.append(f"{path.name}: nothing was written")
        expect_equal(server.violations(), [], "records of legitimate writes")
    expect(not wrong, f"{len(wrong)}: " + "; ".join(wrong[:5]))


def case_audit_mode_stores_and_records_once():
    wrong = []
    server = Server()
    server.settings = {"fieldguard.mode": "audit", "fieldguard.auditPath": server.audit}
    with server:
        log = Records(server)
        for path in PATHS:
            command, db = prepare(server, path, PLAIN, "off")
            before = contents(server)
            log.new()
            code, errmsg, _ = run(server, command, db, False)
            records = log.new()
            if code != 0:
                wrong.append(f"{path.name}: {code} {errmsg}")
            elif contents(server) == before:
                wrong.append(f"{path.name}: nothing was written")
            elif len(records) != path.violations or any(r["result"] != 0 or r["param"]["ns"] != f"test.{COLL}" for r in records):
                wrong.append(f"{path.name}: {len(records)} records, {path.violations} expected: {records}")
    expect(not wrong, f"{len(wrong)} of {len(PATHS)}: " + "; ".join(wrong[:5]))


if __name__ == "__main__":
    print(f"# {len(PATHS)} paths")
    fgtest.main(globals(), "write_paths")
