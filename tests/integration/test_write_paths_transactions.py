#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The paths of write_paths.py inside a transaction: plaintext is refused and nothing of the whole transaction stored; ciphertext passes; in audit mode it is stored, and recorded
once a document, with the commit, and an aborted transaction leaves neither."""

import os

import fgtest
from fgtest import Server, expect, expect_equal, write_error
from test_write_paths import GOOD, PLAIN, contents, prepare
from write_paths import COLL, PATHS

# Aggregations that write are refused in transactions (test_transactions.py).
INSIDE = [path for path in PATHS if not path.source]
BESIDE = {"insert": "beside", "documents": [{"_id": 1}]}
# Documents that the commit stores with the value, where one is written twice.
DOCUMENTS = {"update/two_statements": 1}


class Transaction:
    """One session's transactions, through commands that say so themselves."""

    def __init__(self, server):
        self.server, self.number = server, 0
        self.lsid = {"id": fgtest.binary(os.urandom(16), 4)}

    def run(self, command, db="test", **extra):
        said = {"lsid": self.lsid, "txnNumber": {"$numberLong": str(self.number)}, "autocommit": False}
        return self.server.run({**command, **said, **extra}, db)

    def start(self):
        self.number += 1
        expect_equal(write_error(self.run(BESIDE, startTransaction=True))[0], 0, "a first statement")

    def end(self, name):
        return write_error(self.run({name: 1}, "admin"))[0]


def started(settings=None):
    server = Server(args=["--replSet", "rs0"])
    server.settings = dict(settings, **{"fieldguard.auditPath": server.audit}) if settings else {}
    return server


def beside(server):
    return server.run({"find": "beside"})["cursor"]["firstBatch"]


def report(wrong):
    expect(not wrong, f"{len(wrong)} of {len(INSIDE)}: " + "; ".join(wrong[:5]))


def case_plaintext_is_refused_and_nothing_stored():
    wrong = []
    with started() as server:
        t = Transaction(server)
        for i, path in enumerate(INSIDE):
            level, bypass = (("strict", {}), ("off", {"bypassDocumentValidation": True}))[i % 2]
            command, db = prepare(server, path, PLAIN, level)
            before, mark = contents(server), len(server.violations())
            t.start()
            code, errmsg, info = write_error(t.run({**command, **bypass}, db))
            records = server.violations()[mark:]
            if code != 121 or not info or "details" not in info:
                wrong.append(f"{path.name}: {code} {errmsg} {info}")
            elif t.end("commitTransaction") != 251 or contents(server) != before or beside(server):
                wrong.append(f"{path.name}: refused, and yet {contents(server)}, {beside(server)}")
            elif not records or any(r["result"] != 121 or r["param"]["ns"] != f"test.{COLL}" for r in records):
                wrong.append(f"{path.name}: records {records}")
    report(wrong)


def case_ciphertext_passes():
    wrong = []
    with started() as server:
        t = Transaction(server)
        for path in INSIDE:
            if not path.control:
                continue
            server.run({"drop": "beside"})
            command, db = prepare(server, path, GOOD, "strict")
            before = contents(server)
            t.start()
            code, errmsg, _ = write_error(t.run(command, db))
            unseen = contents(server) == before
            if code != 0 or t.end("commitTransaction") != 0 or not unseen or contents(server) == before:
                wrong.append(f"{path.name}: {code} {errmsg} {unseen}")
        expect_equal(server.violations(), [], "records of legitimate writes")
    report(wrong)


def case_audit_mode_records_with_the_commit():
    wrong = []
    with started({"fieldguard.mode": "audit"}) as server:
        t = Transaction(server)
        for path in INSIDE:
            server.run({"drop": "beside"})
            command, db = prepare(server, path, PLAIN, "off")
            before, mark = contents(server), len(server.violations())
            t.start()
            aborted = write_error(t.run(command, db))[0], t.end("abortTransaction"), contents(server), len(server.violations())
            t.start()
            stored = write_error(t.run(command, db))[0], len(server.violations()), t.end("commitTransaction")
            records = server.violations()[mark:]
            if aborted != (0, 0, before, mark):
                wrong.append(f"{path.name}: aborted: {aborted}")
            elif stored != (0, mark, 0) or contents(server) == before:
                wrong.append(f"{path.name}: {stored} {contents(server)}")
            elif len(records) != DOCUMENTS.get(path.name, path.violations) or any(r["result"] != 0 or r["param"]["ns"] != f"test.{COLL}" for r in records):
                wrong.append(f"{path.name}: {len(records)} records: {records}")
    report(wrong)


if __name__ == "__main__":
    print(f"# {len(INSIDE)} paths")
    fgtest.main(globals(), "write_paths_transactions")
