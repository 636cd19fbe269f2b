#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start-up and disk faults: mongod does not start unprotected, and with a full audit disk refuses writes to protected collections.

   faults.py --mongod BINARY --module fieldguard.so
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from pymongo.errors import AutoReconnect, OperationFailure

from cluster import Cluster, Node
from regress import PLAIN, VALIDATOR, Skip, cipher, run

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(HERE))), "include")
BAD_MODULE = r"""
#include <fieldguard/module.h>
const fg_module_magic *fieldguard_module_magic (void);
bool fieldguard_module_init (const fg_host *host, fg_error *err);
static const fg_module_magic magic = {sizeof (fg_module_magic), FG_ABI_MAJOR + ABI_OFF, FG_ABI_MINOR, 0, "bad", "1"};
const fg_module_magic *fieldguard_module_magic (void) { return &magic; }
bool fieldguard_module_init (const fg_host *host, fg_error *err)
{
   (void) host;
   err->domain = FG_ERROR_MODULE;
   err->code = FG_E_INTERNAL;
   const char text[] = "this module never initialises";
   __builtin_memcpy (err->message, text, sizeof text);
   return false;
}
"""

FAILING_SYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* Fails for audit files while the file $FG_FAIL_SYNC is there. */
int fdatasync (int fd)
{
   char link[64], name[4096] = "";
   snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
   ssize_t n = readlink (link, name, sizeof name - 1);
   if (n > 0 && strstr (name, "audit") && access (getenv ("FG_FAIL_SYNC"), F_OK) == 0) {
      errno = EIO;
      return -1;
   }
   return ((int (*) (int)) dlsym (RTLD_NEXT, "fdatasync")) (fd);
}
"""


def compile_bad(folder, name, abi_off):
    source, target = os.path.join(folder, name + ".c"), os.path.join(folder, name + ".so")
    with open(source, "w", encoding="ascii") as f:
        f.write(BAD_MODULE)
    subprocess.run(["cc", "-shared", "-fPIC", f"-DABI_OFF={abi_off}", "-I", INCLUDE, "-o", target, source], check=True)
    return target


def must_not_start(binary, folder, module, settings, *expected):
    node = Node(binary, module, os.path.join(folder, "node"), settings)
    try:
        code = node.start(expect_failure=True, wait=60)
    finally:
        node.stop()
    output = node.output + (node.log_text() if os.path.exists(node.log) else "")
    shutil.rmtree(node.folder, ignore_errors=True)
    assert code != 0, "exit status 0"
    if "Unknown --setParameter 'fieldguard.policyFile'" in output:
        raise Skip("this module has no policyFile setting")
    for text in expected:
        assert text in output, f"exit status {code}, but no {text!r} in: {output[-1500:]}"


def small_disk(folder, size):
    mount = os.path.join(folder, "small")
    os.makedirs(mount, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", mount], capture_output=True).returncode:
        raise Skip("needs the right to mount a tmpfs")
    return mount


def full_disk(binary, module, folder, failure):
    mount = small_disk(folder, "256k")
    try:
        settings = {"fieldguard.auditPath": os.path.join(mount, "audit.log"), "fieldguard.auditFailure": failure, "fieldguard.allowLoosening": "true"}
        with Cluster(binary, module, settings) as cluster:
            client = cluster.client()
            db = client["fgfault"]
            db.create_collection("t", validator=VALIDATOR, validationLevel="off")
            db.create_collection("bare")
            client.admin.command({"setParameter": 1, "fieldguard.mode": "audit"})
            filler = os.open(os.path.join(mount, "filler"), os.O_CREAT | os.O_WRONLY)
            try:
                while True:
                    os.write(filler, b"x" * 4096)
            except OSError:
                os.close(filler)
            errors = 0
            for i in range(2000):
                try:
                    db["t"].insert_one({"_id": i, "ssn": PLAIN})
                except (OperationFailure, AutoReconnect) as e:
                    errors, last = errors + 1, e
                    if errors > 20:
                        break
            db["bare"].insert_one({"ssn": PLAIN})
            if failure == "closed":
                assert errors > 0, "plaintext was accepted without a record"
                print(f"# refused with: {last}")
            else:
                assert errors == 0, f"{errors} writes failed with auditFailure open, the last: {last}"
            os.unlink(os.path.join(mount, "filler"))
            if failure == "closed":
                recovered = False
                for i in range(50):
                    try:
                        db["t"].insert_one({"ssn": cipher()})
                        recovered = True
                        break
                    except (OperationFailure, AutoReconnect):
                        pass
                assert recovered, "writes stay refused after room was made"
    finally:
        subprocess.run(["umount", "-l", mount], check=False)


def failing_sync(binary, module, folder):
    """A record that is not durable: the connection ends instead of a reply, and protected collections take no write until a restart."""
    source, library, trigger = (os.path.join(folder, n) for n in ("sync.c", "sync.so", "fail"))
    with open(source, "w", encoding="ascii") as f:
        f.write(FAILING_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    node = Node(binary, module, os.path.join(folder, "sync-node"), {"fieldguard.allowLoosening": "true", "fieldguard.mode": "audit"},
                env={"LD_PRELOAD": library, "FG_FAIL_SYNC": trigger})
    try:
        node.start()
        c = node.client(retryWrites=False)["fgfault"].create_collection("t", validator=VALIDATOR, validationLevel="off")
        c.insert_one({"_id": 0, "ssn": PLAIN})
        with open(trigger, "w", encoding="ascii"):
            pass
        try:
            c.insert_one({"_id": 1, "ssn": PLAIN})
        except (OperationFailure, AutoReconnect) as e:
            print(f"# answered with: {type(e).__name__}")
        else:
            raise AssertionError("a write was acknowledged whose record is not durable")
        os.unlink(trigger)
        try:
            c.insert_one({"_id": 2, "ssn": PLAIN})
        except (OperationFailure, AutoReconnect):
            pass
        else:
            raise AssertionError("the file that could not be synced takes records again, and nobody knows what the disk holds")
        assert node.stop() == 0, "no orderly end"
        node.start()
        c.insert_one({"_id": 3, "ssn": PLAIN})
    finally:
        node.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mongod", required=True)
    parser.add_argument("--module", required=True)
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="fieldguard-fault-")
    truncated = os.path.join(folder, "truncated.so")
    with open(args.module, "rb") as f, open(truncated, "wb") as out:
        out.write(f.read()[:3000])
    group_writable = os.path.join(folder, "policy.json")
    with open(group_writable, "w", encoding="ascii") as f:
        f.write("{}")
    os.chmod(group_writable, 0o666)
    failed = 0

    def case(name, module, settings, *expected):
        nonlocal failed
        failed += run("fault." + name, must_not_start, args.mongod, folder, module, settings, *expected)

    case("missing", os.path.join(folder, "absent.so"), {}, "absent.so")
    case("truncated", truncated, {}, "truncated.so")
    case("wrong_abi", compile_bad(folder, "wrong_abi", 1), {"fieldguard.auditDestination": "none"}, "abi_major")
    case("init_fails", compile_bad(folder, "init_fails", 0), {"fieldguard.auditDestination": "none"}, "never initialises")
    case("second_module_missing", args.module + "," + os.path.join(folder, "absent.so"), {}, "absent.so")
    case("unknown_setting", args.module, {"fieldguard.nonsense": "1"}, "fieldguard.nonsense")
    case("bad_value", args.module, {"fieldguard.mode": "perhaps"}, "fieldguard.mode")
    case("audit_path_not_writable", args.module, {"fieldguard.auditPath": "/nonexistent/audit.log"}, "/nonexistent/audit.log")
    case("policy_file_missing", args.module, {"fieldguard.policyFile": os.path.join(folder, "absent.json"), "fieldguard.auditDestination": "none"}, "policyFile")
    case("policy_file_writable_by_others", args.module, {"fieldguard.policyFile": group_writable, "fieldguard.auditDestination": "none"}, "policy")
    case("no_module_for_setting", None, {"fieldguard.mode": "enforce"}, "fieldguard.mode")
    for failure in ("closed", "open"):
        failed += run(f"fault.audit_disk_full_{failure}", full_disk, args.mongod, args.module, folder, failure)
    failed += run("fault.sync_fails", failing_sync, args.mongod, args.module, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
