#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every write path of a host, refused with 121, accepted when encrypted, recorded in audit mode.

   regress.py --mongod BINARY --module fieldguard.so [--replica-set] [--pre-write]
   regress.py --uri mongodb://127.0.0.1:27017 [--skip name,...]        a host that runs already, with allowLoosening
              [--audit FILE]                   its audit file, when its policy file is what --print-policies prints

Prints "ok NAME", "not ok NAME - why" or "skip NAME - reason" lines. Values are random bytes in the shape of ciphertext: no key is needed.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import uuid

import bson
import pymongo
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from cluster import Cluster

KEY = uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF)
RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
ENCRYPT = {"encrypt": {"bsonType": "string", "algorithm": RANDOM, "keyId": [bson.Binary(KEY.bytes, 4)]}}
VALIDATOR = {"$jsonSchema": {"bsonType": "object", "properties": {"ssn": ENCRYPT}}}
LOCAL = {"$jsonSchema": {"properties": {"ssn": {"encrypt": {"bsonType": "string"}}}}}
POLICIES = {"policies": [{"ns": ns, "validator": LOCAL} for ns in ("fglocal.*", "fgtest.local")]}
PLAIN = "078-05-1120"


def cipher():
    return bson.Binary(b"\x02" + KEY.bytes + b"\x02" + os.urandom(64), 6)


NOT_THERE = (59, 115, 238)  # CommandNotFound, CommandNotSupported, NotImplemented: a write path that this host does not have
NOT_ALLOWED = 224  # QueryFeatureNotAllowed: newer servers ban encrypt beside moderate and warn


class Skip(Exception):
    pass


PATHS = []


def path(function):
    PATHS.append(function)
    return function


# ---- the write paths: each writes v into field ssn of collection c ----


def command(c, name_and_args, bypass):
    if bypass:
        name_and_args = dict(name_and_args, bypassDocumentValidation=True)
    reply = c.database.command(name_and_args)
    for error in reply.get("writeErrors", []):
        raise OperationFailure(error["errmsg"], error["code"], error)
    return reply


def seed(c, n=1, **fields):
    c.insert_many([dict({"_id": f"seed{i}", "n": i}, **fields) for i in range(n)])


@path
def insert_one(c, v, bypass):
    command(c, {"insert": c.name, "documents": [{"_id": 1, "ssn": v}]}, bypass)


@path
def insert_many_ordered(c, v, bypass):
    command(c, {"insert": c.name, "documents": [{"_id": 1}, {"_id": 2, "ssn": v}, {"_id": 3}], "ordered": True}, bypass)


@path
def insert_many_unordered(c, v, bypass):
    command(c, {"insert": c.name, "documents": [{"_id": 1}, {"_id": 2, "ssn": v}, {"_id": 3}], "ordered": False}, bypass)


@path
def update_set(c, v, bypass):
    seed(c)
    command(c, {"update": c.name, "updates": [{"q": {}, "u": {"$set": {"ssn": v}}}]}, bypass)


@path
def update_set_in_place(c, v, bypass):
    seed(c, ssn=cipher(), pad=0)
    command(c, {"update": c.name, "updates": [{"q": {}, "u": {"$set": {"ssn": v, "pad": 1}}}]}, bypass)


@path
def update_replace(c, v, bypass):
    seed(c)
    command(c, {"update": c.name, "updates": [{"q": {}, "u": {"ssn": v}}]}, bypass)


@path
def update_pipeline(c, v, bypass):
    seed(c)
    command(c, {"update": c.name, "updates": [{"q": {}, "u": [{"$set": {"ssn": {"$literal": v}}}]}]}, bypass)


@path
def update_rename_field(c, v, bypass):
    seed(c, other=v)
    command(c, {"update": c.name, "updates": [{"q": {}, "u": {"$rename": {"other": "ssn"}}}]}, bypass)


@path
def update_many(c, v, bypass):
    seed(c, 3)
    command(c, {"update": c.name, "updates": [{"q": {"n": 1}, "u": {"$set": {"ssn": v}}, "multi": True}]}, bypass)


@path
def upsert_set(c, v, bypass):
    command(c, {"update": c.name, "updates": [{"q": {"_id": 9}, "u": {"$set": {"ssn": v}}, "upsert": True}]}, bypass)


@path
def upsert_replace(c, v, bypass):
    command(c, {"update": c.name, "updates": [{"q": {"_id": 9}, "u": {"ssn": v}, "upsert": True}]}, bypass)


@path
def upsert_set_on_insert(c, v, bypass):
    command(c, {"update": c.name, "updates": [{"q": {"_id": 9}, "u": {"$setOnInsert": {"ssn": v}}, "upsert": True}]}, bypass)


@path
def upsert_from_query(c, v, bypass):
    command(c, {"update": c.name, "updates": [{"q": {"_id": 9, "ssn": v}, "u": {"$set": {"a": 1}}, "upsert": True}]}, bypass)


@path
def find_and_modify_update(c, v, bypass):
    seed(c)
    command(c, {"findAndModify": c.name, "query": {}, "update": {"$set": {"ssn": v}}}, bypass)


@path
def find_and_modify_replace(c, v, bypass):
    seed(c)
    command(c, {"findAndModify": c.name, "query": {}, "update": {"ssn": v}, "new": True}, bypass)


@path
def find_and_modify_upsert(c, v, bypass):
    command(c, {"findAndModify": c.name, "query": {"_id": 9}, "update": {"$set": {"ssn": v}}, "upsert": True}, bypass)


@path
def bulk_write(c, v, bypass):
    c.bulk_write([InsertOne({"_id": 1}), UpdateOne({"_id": 1}, {"$set": {"a": 1}}), ReplaceOne({"_id": 1}, {"ssn": v})], bypass_document_validation=bypass)


def source(c, v):
    c.database["source"].insert_one({"_id": 5, "ssn": v})


@path
def aggregate_out(c, v, bypass):
    source(c, v)
    command(c, {"aggregate": "source", "pipeline": [{"$out": c.name}], "cursor": {}}, bypass)


def merge(c, v, bypass, **how):
    source(c, v)
    command(c, {"aggregate": "source", "pipeline": [{"$merge": dict({"into": c.name}, **how)}], "cursor": {}}, bypass)


@path
def merge_insert(c, v, bypass):
    merge(c, v, bypass)


@path
def merge_replace(c, v, bypass):
    c.insert_one({"_id": 5})
    merge(c, v, bypass, whenMatched="replace")


@path
def merge_merge(c, v, bypass):
    c.insert_one({"_id": 5})
    merge(c, v, bypass, whenMatched="merge")


@path
def merge_pipeline(c, v, bypass):
    c.insert_one({"_id": 5})
    merge(c, v, bypass, whenMatched=[{"$set": {"ssn": "$$new.ssn"}}])


def apply_ops(c, v, bypass, op="i", entry=None, **more):
    ops = [dict({"op": op, "ns": c.full_name, "o": {"_id": 7, "ssn": v}}, **(entry or {}))]
    if op == "u":
        c.insert_one({"_id": 7})
        ops = [{"op": "u", "ns": c.full_name, "o2": {"_id": 7}, "o": {"$set": {"ssn": v}}}]
    args = dict({"applyOps": ops}, **more)
    if bypass:
        args["bypassDocumentValidation"] = True
    try:
        reply = c.database.client.admin.command(args)
    except OperationFailure as e:
        if e.details and e.details.get("results") == [False] and e.code in (None, 8):  # not atomic: the server keeps the reason to itself
            raise OperationFailure(e.details.get("errmsg", "applyOps"), 121, e.details)
        raise
    if not all(reply["results"]):
        raise OperationFailure("applyOps", 121, reply)


@path
def apply_ops_insert(c, v, bypass):
    apply_ops(c, v, bypass)


@path
def apply_ops_insert_not_atomic(c, v, bypass):
    apply_ops(c, v, bypass, allowAtomic=False)


@path
def apply_ops_marked_as_migration(c, v, bypass):
    """A client cannot borrow the mark under which a migration's writes are never refused."""
    apply_ops(c, v, bypass, entry={"fromMigrate": True})


@path
def apply_ops_update(c, v, bypass):
    apply_ops(c, v, bypass, op="u")


@path
def transaction(c, v, bypass):
    if bypass:
        raise Skip("a transaction's commands carry the flag each; insert_one has it")
    client = c.database.client
    with client.start_session() as s:
        with s.start_transaction():
            c.insert_one({"_id": 1}, session=s)
            c.update_one({"_id": 1}, {"$set": {"ssn": v}}, session=s)


transaction.needs_replica_set = True


# ---- running them ------------------------------------------------------------------------------------------------------------------


class Host:
    def __init__(self, client, module, replica_set, skip=()):
        self.client, self.module, self.replica_set, self.skip = client, module, replica_set, skip
        self.db = client["fgtest"]
        self.other = client["fgother"]

    def fresh(self, name="t", **options):
        self.db["source"].drop()
        self.db[name].drop()
        self.db.create_collection(name, **dict({"validator": VALIDATOR}, **options))
        return self.db[name]

    def mode(self, value):
        self.client.admin.command({"setParameter": 1, "fieldguard.mode": value})

    def setting(self, name, value):
        self.client.admin.command({"setParameter": 1, "fieldguard." + name: value})

    def counters(self):
        return self.client.admin.command("serverStatus")["fieldguard"]


def code_of(error):
    if isinstance(error, BulkWriteError):
        return error.details["writeErrors"][0]["code"]
    return error.code


def refused(path, c, value, bypass=False, code=121):
    try:
        path(c, value, bypass)
    except (OperationFailure, BulkWriteError) as e:
        if code_of(e) in NOT_THERE:
            raise
        assert code_of(e) == code, f"code {code_of(e)} instead of {code}: {e}"
        return e
    raise AssertionError("was accepted")


def offenders(c):
    return c.count_documents({"ssn": {"$type": "string"}})


def accepted(path, c, value, bypass=False):
    path(c, value, bypass)


def check_path(host, path):
    if getattr(path, "needs_replica_set", False) and not host.replica_set:
        raise Skip("needs a replica set")
    host.mode("enforce")
    refused(path, host.fresh(), PLAIN)
    assert offenders(host.db["t"]) == 0, "plaintext was stored although the write was refused"
    try:
        refused(path, host.fresh(), PLAIN, bypass=True)
        assert offenders(host.db["t"]) == 0, "plaintext was stored through bypassDocumentValidation"
    except Skip:
        pass
    for options in ({"validationLevel": "off"}, {"validationLevel": "moderate"}, {"validationAction": "warn"}):
        try:
            c = host.fresh(**options)
        except OperationFailure as e:
            assert e.code == NOT_ALLOWED, e
            continue
        refused(path, c, PLAIN)
        assert offenders(c) == 0, f"plaintext was stored under {options}"
    accepted(path, host.fresh(), cipher())
    c = host.fresh(validationLevel="off")
    host.mode("audit")
    before = host.counters()
    accepted(path, c, PLAIN)
    after = host.counters()
    host.mode("enforce")
    assert offenders(host.db["t"]) == 1, "audit mode did not store"
    assert after["auditRecords"] > before["auditRecords"], "nothing was put on record in audit mode"
    assert after["refused"] == before["refused"], "audit mode refused"


def store_plain(host, name="t", **options):
    c = host.fresh(name, **dict({"validationLevel": "off"}, **options))
    host.mode("audit")
    c.insert_many([{"_id": i, "ssn": PLAIN} for i in range(3)])
    host.mode("enforce")
    return c


def case_moderate_offender_stays_refused(host):
    """Native 'moderate' lets an already invalid document be updated; the module does not, and lets it be mended."""
    c = store_plain(host)
    try:
        host.db.command({"collMod": "t", "validationLevel": "moderate"})
    except OperationFailure as e:
        assert e.code == NOT_ALLOWED, e
        raise Skip("this server bans encrypt beside moderate") from None
    refused(lambda c, v, b: c.update_one({"_id": 0}, {"$set": {"ssn": v}}), c, "078-05-1121")
    c.update_one({"_id": 0}, {"$set": {"ssn": cipher()}})


def case_rename_across_databases(host):
    c = store_plain(host)
    host.client.drop_database("fgother")
    refused(lambda c, v, b: host.client.admin.command({"renameCollection": c.full_name, "to": "fgother.t"}), c, None)
    assert host.other["t"].count_documents({}) == 0
    clean = host.fresh("clean").full_name
    removal_in_audit(host, lambda: host.client.admin.command({"renameCollection": clean, "to": "fgother.clean"}))
    refused(insert_one, host.other["clean"], PLAIN)


def removal_in_audit(host, function):
    host.setting("ruleRemoval", "audit")
    try:
        return function()
    finally:
        host.setting("ruleRemoval", "refuse")


def case_rename_away_is_refused(host):
    c = host.fresh()
    host.db["renamed"].drop()
    refused(lambda c, v, b: c.rename("renamed"), c, None, code=72)
    refused(insert_one, c, PLAIN)


def case_rename_keeps_rules(host):
    c = host.fresh()
    host.db["renamed"].drop()
    removal_in_audit(host, lambda: c.rename("renamed"))
    refused(insert_one, host.db["renamed"], PLAIN)
    insert_one(host.db["renamed"], cipher(), False)


def case_rename_over_protected_is_refused(host):
    host.fresh()
    host.db["bare"].drop()
    host.db["bare"].insert_one({"ssn": PLAIN})
    try:
        host.db["bare"].rename("t", dropTarget=True)
    except OperationFailure as e:
        assert e.code == 72, e
        refused(insert_one, host.db["t"], PLAIN)
        return
    raise AssertionError("a collection without rules took a protected one's place")


def case_rename_over_with_same_rules(host):
    host.fresh("from")
    c = host.fresh()
    removal_in_audit(host, lambda: host.db["from"].rename("t", dropTarget=True))
    refused(insert_one, c, PLAIN)


def case_coll_mod_removal_is_refused(host):
    c = host.fresh()
    for change in ({"validator": {}}, {"validator": {"$jsonSchema": {"properties": {"ssn": {"bsonType": "string"}}}}}):
        try:
            host.db.command(dict({"collMod": "t"}, **change))
        except OperationFailure as e:
            assert e.code == 72, e
        else:
            raise AssertionError("collMod took the rule away")
        refused(insert_one, c, PLAIN)


def case_coll_mod_removal_in_audit(host):
    c = host.fresh()
    before = host.counters()["auditRecords"]
    removal_in_audit(host, lambda: host.db.command({"collMod": "t", "validator": {}}))
    assert host.counters()["auditRecords"] > before
    insert_one(c, PLAIN, False)


def case_coll_mod_adds_rules(host):
    c = host.fresh(validator={})
    insert_one(c, PLAIN, False)
    host.db.command({"collMod": "t", "validator": VALIDATOR})
    refused(lambda c, v, b: c.update_one({"_id": 1}, {"$set": {"ssn": v}}), c, "078-05-1121")
    refused(lambda c, v, b: c.update_one({"_id": 1}, {"$set": {"x": 1}}), c, None)
    c.update_one({"_id": 1}, {"$set": {"ssn": cipher()}})


def stored_counts(host):
    with open(host.audit, encoding="utf-8") as f:
        return [line for line in map(json.loads, f) if line["atype"] == "fieldguard.stored"]


def case_coll_mod_counts_what_was_stored(host):
    """The rule holds at once; how many documents broke it already is counted beside the writers, and put on record."""
    if not getattr(host, "audit", None):
        raise Skip("the host's audit file is not known")
    c = host.fresh(validator={})
    c.insert_many([{"ssn": PLAIN if i % 3 == 0 else cipher()} for i in range(3000)])
    before = len(stored_counts(host))
    host.db.command({"collMod": "t", "validator": VALIDATOR})
    refused(insert_one, c, PLAIN)
    end = time.monotonic() + 30
    while len(stored_counts(host)) == before:
        assert time.monotonic() < end, "no count on record"
        time.sleep(0.1)
    found = stored_counts(host)[-1]["param"]
    assert (found["ns"], found["checked"], found["violating"], found["complete"]) == (c.full_name, 3000, 1000, True), found
    assert found["paths"] == [{"path": "ssn", "documents": 1000}], found
    host.db.command({"collMod": "t", "validator": {"$and": [VALIDATOR, {"n": {"$ne": 7}}]}})
    insert_one(c, cipher(), False)


def case_create_with_bad_rule(host):
    host.db["bad"].drop()
    try:
        host.db.create_collection("bad", validator={"$jsonSchema": {"properties": {"ssn": {"encrypt": {"keyId": []}}}}}, validationLevel="off")
    except OperationFailure:
        assert "bad" not in host.db.list_collection_names()


def case_drop_and_recreate(host):
    host.fresh()
    before = host.counters()["auditRecords"]
    host.db["t"].drop()
    assert host.counters()["auditRecords"] > before, "dropping a protected collection leaves no record"
    refused(insert_one, host.fresh(), PLAIN)


def case_drop_database(host):
    host.fresh()
    host.client.drop_database("fgtest")
    assert host.client["fgtest"].list_collection_names() == []
    refused(insert_one, host.fresh(), PLAIN)


def case_convert_to_capped(host):
    c = host.fresh()
    insert_one(c, cipher(), False)
    try:
        host.db.command({"convertToCapped": "t", "size": 100000})
    except OperationFailure as e:
        if e.code in NOT_THERE:
            raise
        assert e.code == 72, e  # a server whose conversion leaves the rules behind must not get away with it
        assert not c.options().get("capped")
    refused(lambda c, v, b: c.insert_one({"_id": 2, "ssn": v}), c, PLAIN)


def case_out_keeps_rules(host):
    c = host.fresh()
    aggregate_out(c, cipher(), False)
    refused(insert_one, c, PLAIN)


def case_bypass_audit(host):
    c = host.fresh()
    host.setting("bypass", "audit")
    try:
        before = host.counters()
        insert_one(c, PLAIN, True)
        after = host.counters()
        assert after["auditRecords"] > before["auditRecords"]
        assert "bypassAttempts" not in after or after["bypassAttempts"] > before["bypassAttempts"]
        refused(insert_one, host.fresh(), PLAIN)
    finally:
        host.setting("bypass", "refuse")


def case_other_predicates_are_the_servers(host):
    c = host.fresh(validator={"$and": [VALIDATOR, {"n": {"$lt": 10}}]})
    refused(lambda c, v, b: c.insert_one({"n": 11, "ssn": v}), c, cipher())
    c.insert_one({"n": 1, "ssn": cipher()})
    refused(lambda c, v, b: c.insert_one({"n": 1, "ssn": v}), c, PLAIN)


def case_policy_file(host):
    """Rules of the operator's on a collection that declares none: nothing a client does takes them away, and updates in place, which mongod
    makes only where there is no validator, are judged too."""
    if not getattr(host, "audit", None):
        raise Skip("the host was not started with a policy file")
    c = host.client["fglocal"]["t"]
    for again in range(2):
        c.drop()
        refused(insert_one, c, PLAIN)
        c.insert_one({"_id": 0, "ssn": cipher(), "n": 1})
        c.update_one({"_id": 0}, {"$set": {"n": 2}})
    host.mode("audit")
    c.insert_one({"_id": 2, "ssn": PLAIN})
    host.mode("enforce")
    refused(lambda c, v, b: c.update_one({"_id": 2}, {"$set": {"ssn": v}}), c, PLAIN[:-1] + "9")
    assert c.find_one({"_id": 2})["ssn"] == PLAIN
    c.update_one({"_id": 2}, {"$set": {"ssn": cipher()}})


def case_rename_to_local_rules(host):
    """Whether the host looks at the documents (121) or cannot (72): plaintext does not come under the operator's rules by another name."""
    if not getattr(host, "audit", None):
        raise Skip("the host was not started with a policy file")
    for name in ("bare", "local"):
        host.db[name].drop()
    host.db["bare"].insert_one({"_id": 1, "ssn": PLAIN})
    try:
        host.db["bare"].rename("local")
    except OperationFailure as e:
        assert e.code in (72, 121), e
    else:
        raise AssertionError("plaintext came under local rules")
    assert host.db["bare"].count_documents({}) == 1 and host.db["local"].count_documents({}) == 0
    refused(insert_one, host.db["local"], PLAIN)
    insert_one(host.db["local"], cipher(), False)


def case_transaction_records(host):
    """Records of an aborted transaction are dropped, those of a committed one are written."""
    if not host.replica_set:
        raise Skip("needs a replica set")
    c = host.fresh(validationLevel="off")
    host.mode("audit")
    try:
        for commit in (False, True):
            before = host.counters()["auditRecords"]
            with host.client.start_session() as s:
                s.start_transaction()
                c.insert_one({"_id": 1, "ssn": PLAIN}, session=s)
                s.commit_transaction() if commit else s.abort_transaction()
            grew = host.counters()["auditRecords"] - before
            assert grew == (1 if commit else 0), f"{grew} records, committed: {commit}"
    finally:
        host.mode("enforce")


def case_status(host):
    status = host.counters()
    if "modules" not in status:
        raise Skip("not mongod's section")
    assert status["modules"][0]["name"] == "fieldguard" and status["mode"] == "enforce", status
    for name in ("checked", "refused", "auditRecords", "protectedCollections", "bypassAttempts", "collections", "checkMicros"):
        assert name in status, name


def case_start_up_settings_cannot_change(host):
    for name in ("fieldguardModules", "fieldguard.auditPath", "fieldguard.allowLoosening"):
        try:
            host.client.admin.command({"setParameter": 1, name: "x"})
        except OperationFailure:
            continue
        raise AssertionError(name)
    try:
        host.client.admin.command({"setParameter": 1, "fieldguard.mode": "perhaps"})
    except OperationFailure:
        return
    raise AssertionError("a mode that does not exist")


def case_audit_lines(host):
    if not getattr(host, "audit", None):
        raise Skip("the host's audit file is not known")
    with open(host.audit, encoding="utf-8") as f:
        text = f.read()
    assert PLAIN not in text, "a value stands in the audit file"
    lines = [json.loads(line) for line in text.splitlines()]
    assert any(line.get("remote", {}).get("ip") == "127.0.0.1" for line in lines), "remote is missing"


def run(name, function, *args):
    try:
        function(*args)
        print(f"ok {name}", flush=True)
        return 0
    except Skip as why:
        print(f"skip {name} - {why}", flush=True)
        return 0
    except Exception as e:  # one case must not end the run
        if isinstance(e, OperationFailure) and e.code in NOT_THERE:
            print(f"skip {name} - the host has no such write path", flush=True)
            return 0
        print(f"not ok {name} - {type(e).__name__}: {e}", flush=True)
        if os.environ.get("FG_TRACE"):
            traceback.print_exc()
        return 1


def run_all(host, prefix):
    failed = 0
    for path in PATHS:
        if path.__name__ not in host.skip:
            failed += run(f"{prefix}.{path.__name__}", check_path, host, path)
    for name, case in list(globals().items()):
        if name.startswith("case_") and name[5:] not in host.skip:
            failed += run(f"{prefix}.{name[5:]}", case, host)
    return failed


# ---- a replica set, beyond what its primary answers ------------------------------------------------------------------------------------


def hashes_agree(cluster, wait=60):
    names = ("fgtest", "fgother", "fglocal")
    end = time.monotonic() + wait
    while True:
        seen = [[n.client().get_database(d).command("dbHash")["md5"] for d in names] for n in cluster.nodes]
        if all(s == seen[0] for s in seen):
            return
        assert time.monotonic() < end, f"members differ: {seen}"
        time.sleep(0.5)


def resync(cluster, host):
    """A member is killed, loses its data and comes back by initial sync, over collections that hold plaintext."""
    c = store_plain(host, "resync")
    victim = next(n for n in cluster.nodes if not n.client().admin.command("isMaster")["ismaster"])
    victim.stop(signal.SIGKILL)
    insert_one(host.fresh("while_down"), cipher(), False)
    shutil.rmtree(victim.db)
    victim.start()
    cluster.wait_for_secondaries(180)
    hashes_agree(cluster)
    assert victim.client()["fgtest"]["resync"].count_documents({}) == 3
    assert "Fatal assertion" not in victim.log_text()
    status = victim.client().admin.command("serverStatus")["fieldguard"]
    assert status["auditRecords"] > 0, "what the initial sync copied was not put on record"
    assert c.count_documents({}) == 3


def restart(cluster, host):
    """A member is killed and comes back over its own data; a new primary refuses like the old one."""
    for node in cluster.nodes[1:]:
        node.stop(signal.SIGKILL)
        node.start()
    cluster.wait_for_secondaries(180)
    try:
        cluster.wait_for_primary().client().admin.command({"replSetStepDown": 30})
    except pymongo.errors.PyMongoError:
        pass
    end = time.monotonic() + 60
    while True:
        try:
            c = host.fresh()
            break
        except pymongo.errors.PyMongoError:
            assert time.monotonic() < end, "no new primary takes writes"
            time.sleep(0.5)
    refused(insert_one, c, PLAIN)
    insert_one(host.fresh(), cipher(), False)
    hashes_agree(cluster)


def no_fassert(cluster):
    for node in cluster.nodes:
        text = node.log_text()
        assert "Fatal assertion" not in text and "Invariant failure" not in text and "Got signal" not in text, node.log
        # The server itself logs documents where validationAction is warn, and commands that are slow or fail; nothing of ours may.
        ours = [line for line in text.splitlines() if "fieldguard" in line and "Document would fail validation" not in line]
        assert not any(PLAIN in line for line in ours if " COMMAND " not in line), f"a value stands in {node.log}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mongod")
    parser.add_argument("--module")
    parser.add_argument("--uri")
    parser.add_argument("--audit")
    parser.add_argument("--print-policies", action="store_true")
    parser.add_argument("--replica-set", action="store_true")
    parser.add_argument("--pre-write", action="store_true")
    parser.add_argument("--skip", default="")
    args = parser.parse_args()
    if args.print_policies:
        print(json.dumps(POLICIES))
        return 0
    skip = set(args.skip.split(","))
    if args.uri:
        client = pymongo.MongoClient(args.uri)
        host = Host(client, args.module, "setName" in client.admin.command("isMaster"), skip)
        host.audit = args.audit
        return 1 if run_all(host, "host") else 0
    settings = {"fieldguard.allowLoosening": "true"}
    policy = tempfile.NamedTemporaryFile("w", suffix=".json")
    json.dump(POLICIES, policy)
    policy.flush()
    settings["fieldguard.policyFile"] = policy.name
    if args.pre_write:
        settings["fieldguardPreWrite"] = "true"
    with Cluster(args.mongod, args.module, settings, 3 if args.replica_set else 0) as cluster:
        prefix = ("replica-set" if args.replica_set else "standalone") + ("-pre-write" if args.pre_write else "")
        host = Host(cluster.client(), args.module, args.replica_set, skip)
        host.audit = cluster.nodes[0].audit
        failed = run_all(host, prefix)
        if args.replica_set:
            failed += run(prefix + ".members_agree", hashes_agree, cluster)
            failed += run(prefix + ".resync_from_scratch", resync, cluster, host)
            failed += run(prefix + ".restart_and_step_down", restart, cluster, host)
        failed += run(prefix + ".no_fassert", no_fassert, cluster)
        statuses = [node.stop() for node in cluster.nodes]
        failed += run(prefix + ".orderly_end", lambda: None if not any(statuses) else (_ for _ in ()).throw(AssertionError(statuses)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
