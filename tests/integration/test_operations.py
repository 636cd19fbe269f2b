#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator does: start with good and bad modules and flags, change settings, rotate and verify the audit log, run out of disk."""

import glob
import os
import re
import signal
import subprocess
import tempfile
import time

import fgtest
from fgtest import BUILD, MODULE, Server, Skip, Tmpfs, binary, encrypt_rule, expect, expect_equal, write_error

FIELDGUARD = os.path.join(BUILD, "bin", "fieldguard")
FIELDGUARDD = os.path.join(BUILD, "bin", "fieldguardd")
PLAIN = {"ssn": "123-45-6789"}
SCHEMA = {"$jsonSchema": {"properties": {"ssn": encrypt_rule()}}}


def refused_start(*args):
    """Runs fieldguardd with arguments that must keep it from starting; returns what it said."""
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run([FIELDGUARDD, "--port", "0", "--dbpath", folder, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    text = (result.stdout + result.stderr).decode(errors="replace")
    expect(result.returncode != 0, f"started and ended with 0: {args}")
    expect(result.returncode > 0, f"died of signal {-result.returncode}: {args}: {text}")
    return text


def verify(*args):
    result = subprocess.run([FIELDGUARD, "audit", "verify", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


def refuse_one(server, coll="people"):
    code, _, _ = write_error(server.run({"insert": coll, "documents": [PLAIN]}))
    expect_equal(code, 121, "plaintext insert")


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds} s")


def case_module_path_that_does_not_exist():
    text = refused_start("--loadModule", "/nonexistent/fieldguard.so")
    expect("/nonexistent/fieldguard.so" in text, text)


def case_module_that_is_not_a_shared_object():
    text = refused_start("--loadModule", os.path.abspath(__file__))
    expect(os.path.basename(__file__) in text, text)


def case_bad_modules_are_refused_by_name():
    modules = sorted(glob.glob(os.path.join(BUILD, "tests", "modules", "bad_*.so")))
    expect(len(modules) >= 5, f"only {len(modules)} deliberately bad modules were built")
    for path in modules:
        text = refused_start("--loadModule", path)
        expect(os.path.basename(path) in text, f"{path}: {text}")


def case_a_module_cut_short_is_refused():
    with open(MODULE, "rb") as f:
        whole = f.read()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cut.so")
        for length in (0, 10, 64, 500, 4096, len(whole) // 3, len(whole) // 2, len(whole) * 9 // 10, len(whole) - 1):
            with open(path, "wb") as f:
                f.write(whole[:length])
            expect("cut.so" in refused_start("--loadModule", path), f"{length} bytes: the module is not named")


def case_unknown_flags_and_settings():
    expect("nosuchflag" in refused_start("--nosuchflag"), "the flag is not named")
    expect("fieldguard.nosuch" in refused_start("--loadModule", MODULE, "--setParameter", "fieldguard.nosuch=1"), "the setting is not named")
    expect("fieldguard.mode" in refused_start("--loadModule", MODULE, "--setParameter", "fieldguard.mode=perhaps"), "the setting is not named")
    expect("fieldguard.mode" in refused_start("--setParameter", "fieldguard.mode=audit"), "a setting without its module is not refused")


def case_non_loopback_addresses_are_refused():
    for address in ("0.0.0.0", "::", "192.0.2.1"):
        expect(address in refused_start("--bind_ip", address), f"{address} is not named")


def case_settings_only_move_towards_stricter():
    with Server() as server:
        get = lambda: server.run({"getParameter": 1, "fieldguard.mode": 1}, "admin")["fieldguard.mode"]
        expect_equal(get(), "enforce", "mode")
        for value in ("audit", "off"):
            reply = server.run({"setParameter": 1, "fieldguard.mode": value}, "admin")
            expect_equal(reply["ok"], 0, f"loosening to {value}")
            expect("fieldguard.mode" in reply["errmsg"], reply["errmsg"])
        expect_equal(server.run({"setParameter": 1, "fieldguard.strict": False}, "admin")["ok"], 0, "strict off")
        expect_equal(server.run({"setParameter": 1, "fieldguard.auditPath": "/tmp/x"}, "admin")["ok"], 0, "a startup setting at run time")
        expect_equal(server.run({"setParameter": 1, "fieldguard.nosuch": 1}, "admin")["ok"], 0, "an unknown setting")
        expect_equal(get(), "enforce", "mode")


def case_a_raised_mode_takes_effect_and_is_recorded():
    server = Server()
    server.settings = {"fieldguard.mode": "audit", "fieldguard.auditPath": server.audit}
    with server:
        server.run({"create": "people", "validator": SCHEMA})
        reply = server.run({"insert": "people", "documents": [PLAIN], "bypassDocumentValidation": True})
        expect_equal(write_error(reply)[0], 0, "audit mode")
        reply = server.run({"setParameter": 1, "fieldguard.mode": "enforce"}, "admin")
        expect_equal((reply["ok"], reply.get("was")), (1, "audit"), f"{reply}")
        reply = server.run({"insert": "people", "documents": [PLAIN], "bypassDocumentValidation": True})
        expect_equal(write_error(reply)[0], 121, "enforce mode")
        changes = [r["param"] for r in server.audit_records() if r["atype"] == "fieldguard.setting"]
        expect(any("fieldguard.mode" in str(c) and "enforce" in str(c) for c in changes), f"{changes}")


def case_allow_loosening():
    with Server(settings=None, args=["--setParameter", "fieldguard.allowLoosening=true"]) as server:
        expect_equal(server.run({"setParameter": 1, "fieldguard.mode": "audit"}, "admin")["ok"], 1, "loosening")


def case_core_dumps_are_off():
    with Server() as server:
        with open(f"/proc/{server.process.pid}/limits", encoding="ascii") as f:
            limits = f.read()
        expect(re.search(r"Max core file size +0 +0 ", limits), limits)


def case_server_status_counts():
    with Server() as server:
        server.run({"create": "people", "validator": SCHEMA})
        before = server.run({"serverStatus": 1}, "admin")["fieldguard"]
        refuse_one(server)
        after = server.run({"serverStatus": 1}, "admin")["fieldguard"]
        expect_equal(after["refused"], before["refused"] + 1, "refused")
        expect(after["checked"] > before["checked"], f"{before} {after}")


def keyed_server(folder):
    key = os.path.join(folder, "key")
    with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
        f.write(os.urandom(64))
    server = Server(folder=folder)
    server.settings = {"fieldguard.auditPath": server.audit, "fieldguard.auditKeyFile": key}
    return server, key


def case_audit_chain_across_rotation_and_restart():
    with tempfile.TemporaryDirectory() as folder:
        server, key = keyed_server(folder)
        with server:
            server.run({"create": "people", "validator": SCHEMA})
            refuse_one(server)
            server.process.send_signal(signal.SIGUSR1)
            wait_for(lambda: glob.glob(server.audit + ".2*"), "rotation")
            refuse_one(server)
        server.start()
        refuse_one(server)
        server.stop()
        files = sorted(glob.glob(server.audit + ".2*")) + [server.audit]
        for path in files:
            expect_equal(os.stat(path).st_mode & 0o777, 0o600, path)
        code, text = verify(*files, "--key", key)
        expect_equal(code, 0, text)
        expect_equal(len(server.violations()), 3, "violations on record")
        # one byte changed in the middle of the first file
        with open(files[0], "rb") as f:
            lines = f.read().split(b"\n")
        target = next(i for i, line in enumerate(lines) if b"fieldguard.violation" in line)
        lines[target] = lines[target].replace(b'"result":121', b'"result":122')
        with open(files[0], "wb") as f:
            f.write(b"\n".join(lines))
        code, text = verify(*files, "--key", key)
        expect_equal(code, 1, text)
        expect(f"{target + 1}" in text, f"line {target + 1} is not named: {text}")


def case_audit_after_a_crash():
    with tempfile.TemporaryDirectory() as folder:
        server, key = keyed_server(folder)
        server.start()
        server.run({"create": "people", "validator": SCHEMA})
        refuse_one(server)
        server.kill()
        with open(server.audit, "ab") as f:
            f.write(b'{"atype":"fieldguard.viol')  # a torn write
        server.start()
        refuse_one(server)
        server.stop()
        files = sorted(glob.glob(server.audit + ".2*")) + [server.audit]
        code, text = verify(*files, "--key", key)
        expect_equal(code, 0, text)
        expect_equal(len(server.violations()), 2, "violations on record")


def case_full_audit_disk_refuses():
    with Tmpfs("4m") as disk:
        server = Server()
        server.audit = os.path.join(disk, "audit.log")
        server.settings = {"fieldguard.auditPath": server.audit}
        with server:
            server.run({"create": "people", "validator": SCHEMA})
            server.run({"create": "free"})
            refuse_one(server)
            Tmpfs.fill(disk)
            for _ in range(20):
                code = write_error(server.run({"insert": "people", "documents": [PLAIN]}))[0]
                expect(code != 0, "plaintext was accepted on a full audit disk")
            good = {"ssn": fgtest.ciphertext()}
            code = write_error(server.run({"insert": "people", "documents": [good]}))[0]
            expect(code != 0, "a protected collection takes writes while its audit log cannot be written")
            expect_equal(write_error(server.run({"insert": "free", "documents": [{"x": 1}]}))[0], 0, "an unprotected collection")
            expect(server.alive(), "the server died")
            os.unlink(os.path.join(disk, "filler"))
            wait_for(lambda: write_error(server.run({"insert": "people", "documents": [good]}))[0] == 0, "recovery")
            refuse_one(server)
        code, text = verify(server.audit) if os.path.exists(server.audit) else (0, "")
        expect_equal(code, 0, text)


def case_full_store_disk_loses_nothing():
    with Tmpfs("24m") as disk:
        server = Server(folder=disk)
        with server:
            acknowledged, code = [], 0
            blob = binary(b"x" * 200000, 0)
            for i in range(400):
                reply = server.run({"insert": "fill", "documents": [{"_id": i, "b": blob}]})
                code, errmsg, _ = write_error(reply)
                if code:
                    expect(errmsg, f"no message: {reply}")
                    break
                acknowledged.append(i)
            expect(code, "the disk did not fill up")
            expect(server.alive(), "the server died")
            ids = [d["_id"] for d in server.run({"find": "fill", "projection": {"_id": 1}, "batchSize": 1000})["cursor"]["firstBatch"]]
            expect_equal(ids, acknowledged, "documents on a full disk")
            reply = server.run({"delete": "fill", "deletes": [{"q": {"_id": {"$gte": 5}}, "limit": 0}]})
            if write_error(reply)[0] == 0:
                expect_equal(write_error(server.run({"insert": "fill", "documents": [{"_id": 1000}]}))[0], 0, "insert after making room")


def case_validator_that_does_not_parse():
    with Server() as server:
        reply = server.run({"create": "bad", "validator": {"$jsonSchema": {"properties": {"a": {"encrypt": {"algorithm": "rot13"}}}}}})
        expect_equal((reply["ok"], reply["code"]), (0, 2), f"{reply}")
        reply = server.run({"create": "bad", "validator": {"$jsonSchema": {"propperties": {}}}})
        expect_equal((reply["ok"], reply["code"]), (0, 9), f"{reply}")
        expect("propperties" in reply["errmsg"], reply["errmsg"])
        server.run({"create": "good", "validator": SCHEMA})
        reply = server.run({"collMod": "good", "validator": {"$jsonSchema": 5}})
        expect_equal((reply["ok"], reply["code"]), (0, 14), f"{reply}")
        refuse_one(server, "good")


def case_rule_removal_is_refused():
    with Server() as server:
        server.run({"create": "people", "validator": SCHEMA})
        for validator in ({}, {"$jsonSchema": {"properties": {"ssn": {"encrypt": {}}}}}):
            before = server.run({"listCollections": 1})["cursor"]["firstBatch"]
            reply = server.run({"collMod": "people", "validator": validator})
            expect_equal(reply["ok"], 0, f"{validator}")
            expect("ssn" in reply["errmsg"] and "ruleRemoval" in reply["errmsg"], reply["errmsg"])
            expect_equal(server.run({"listCollections": 1})["cursor"]["firstBatch"], before, f"{validator}")
            refuse_one(server)
        refused = [r for r in server.audit_records() if r["atype"] == "fieldguard.ddl" and r["result"] != 0]
        expect_equal(len(refused), 2, "records of refused rule removals")
        # mongod would let plaintext through the second branch; the rule stands all the same, so nothing is taken away.
        expect_equal(server.run({"collMod": "people", "validator": {"$or": [SCHEMA, {"ssn": {"$exists": True}}]}})["ok"], 1, "a weaker reading")
        refuse_one(server)
        stricter = {"$jsonSchema": {"properties": {"ssn": encrypt_rule(), "phone": encrypt_rule()}}}
        expect_equal(server.run({"collMod": "people", "validator": stricter})["ok"], 1, "adding a rule")
        expect_equal(write_error(server.run({"insert": "people", "documents": [{"phone": "555"}]}))[0], 121, "the added rule")


def case_rename_away_from_rules():
    for attitude, ok in (("refuse", 0), ("audit", 1), ("allow", 1)):
        server = Server()
        server.settings = {"fieldguard.auditPath": server.audit, "fieldguard.ruleRemoval": attitude}
        with server:
            server.run({"create": "people", "validator": SCHEMA})
            reply = server.run({"renameCollection": "test.people", "to": "test.aside"}, "admin")
            expect_equal((reply["ok"], reply.get("code")), (ok, None if ok else 72), f"{attitude}: {reply}")
            names = [c["name"] for c in server.run({"listCollections": 1})["cursor"]["firstBatch"]]
            expect_equal(names, ["aside" if ok else "people"], attitude)
            refuse_one(server, names[0])
            actions = [r["param"]["action"] for r in server.audit_records() if r["atype"] == "fieldguard.ddl" and r["param"]["op"] == "renameCollection"]
            expect_equal(actions, ["rulesMoved" if ok else "ruleRemovalRefused"], attitude)


def case_restart_keeps_rules():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder=folder)
        with server:
            server.run({"create": "people", "validator": SCHEMA})
        server.start()
        refuse_one(server)
        server.stop()


fgtest.main(globals(), "operations")
