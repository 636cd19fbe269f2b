#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A shredding from its first key to the end of the old master key, at services that somebody else wrote: PyKMIP's server (plain and delegated), Vault's Transit engine, and AWS KMS as moto
has it. moto takes DisableKey and ScheduleKeyDeletion, says that it has done them, and goes on unwrapping: a KMS that lies, under which nothing may be certified."""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import test_client_kms as kms
import test_client_real_kms as real

failures = 0
# What the certificate must say at the roll and at the end.
STATES = {"aws-moto": ("disabled", None), "kmip-pykmip": ("enabled", "destroyed"), "kmip-pykmip-delegated": ("enabled", "destroyed"), "vault-transit": ("disabled", "destroyed")}


def report(name, ok, why=""):
    global failures
    print(f"ok shred-real-kms.{name}" if ok else f"not ok shred-real-kms.{name} - {' '.join(str(why).split())}", flush=True)
    failures += not ok


def certificates(folder):
    found = []
    for path in sorted(glob.glob(f"{folder}/certificates.log.2*")) + [f"{folder}/certificates.log"]:
        with open(path, encoding="utf-8") as f:
            found += [json.loads(line) for line in f]
    return [line["param"] for line in found if line["atype"] == "fieldguard.shredding"]


def shred(name, provider, config, tls, master, other, absent=None):
    if name not in STATES:
        return None
    kms.write("kms.json", {provider: config, "tlsOptions": {provider: tls}})
    kms.write("master.json", master)
    vault, folder = f"{name}.json", f"{name}-certificates"
    common = ("--key-vault", vault, "--kms-providers", "kms.json")
    # One master key for both: KMIP makes one at the first create.
    for key in ("user:41", "user:42"):
        status, _, err, _ = kms.run("keys", "create", *common, "--provider", provider, "--master-key", "master.json", "--key-alt-name", key)
        if status:
            return report(f"{name}-create", False, err)
        stored = real.keys_of(vault)[0]["masterKey"]
        kms.write("master.json", {k: v for k, v in stored.items() if k != "provider"})
    kms.write("other.json", other)
    sealed = {key: kms.run("encrypt", *common, "--key-alt-name", key, "--algorithm", "Random", stdin='{"v": 1}\n')[1] for key in ("user:41", "user:42")}
    shutil.copy(vault, "before.json")
    begin = ("keys", "shred", *common, "--certificate-dir", folder, "--key-alt-name", "user:42", "--to", provider, "--master-key")
    status, _, err, _ = kms.run(*begin, "master.json", "--backup", f"{name}-backup.json", "--grace", "1h")
    report(f"{name}-same-master-key-refused", status == 2 and "is the old one" in err, err)
    status, out, err, _ = kms.run(*begin, "other.json", "--backup", f"{name}-backup.json", "--grace", "1h")
    report(f"{name}-roll", status == 0, err + out)
    status, _, err, _ = kms.run("decrypt", *common, stdin=sealed["user:41"])
    report(f"{name}-survivor-opens", status == 0, err)
    status, _, err, _ = kms.run("decrypt", "--key-vault", "before.json", "--kms-providers", "kms.json", stdin=sealed["user:42"])
    undone = STATES[name][0] == "enabled" or name == "aws-moto"
    report(f"{name}-old-backup-in-grace", (status == 0) == undone, err)
    for path in glob.glob(f"{folder}/roll-*.json"):
        with open(path, encoding="utf-8") as f:
            journal = json.load(f)
        journal["graceUntil"] = {"$date": {"$numberLong": "1000"}}
        kms.write(path, journal)
    status, out, err, _ = kms.run("keys", "shred", *common, "--certificate-dir", folder, "--finish")
    said = {c["stage"]: c["kms"]["state"] for c in certificates(folder)}
    report(f"{name}-certificate", (said.get("rolled"), said.get("ended")) == STATES[name], said)
    if name == "aws-moto":
        report(f"{name}-lie-is-seen", status == 2 and "is scheduled, and still unwraps under it: nothing is certified" in err, err + out)
        return None
    report(f"{name}-finish", status == 0, err + out)
    status, _, err, _ = kms.run("decrypt", "--key-vault", "before.json", "--kms-providers", "kms.json", stdin=sealed["user:42"])
    report(f"{name}-old-backup-opens-nothing", status == 2, err)
    status, _, err, _ = kms.run("decrypt", *common, stdin=sealed["user:41"])
    report(f"{name}-survivor-opens-after", status == 0, err)
    doctor = subprocess.run([kms.FIELDGUARD, "keys", "doctor", *common, "--certificates", folder, "--json"], capture_output=True, text=True, check=False)
    ids = {json.loads(line)["id"] for line in doctor.stdout.splitlines()}
    report(f"{name}-doctor", not ids & {"key-not-opened", "destruction-undone", "epoch-marker-missing", "key-under-closed-epoch", "master-key-state"}, ids)
    return None


def main():
    real.exercise = shred
    real.report = lambda name, ok, why="": None if name.startswith("vault-approle") else report(name, ok, why)
    real.skip = lambda name, why: print(f"skip shred-real-kms.{name} - {why}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        kms.certificate("ca", None)
        kms.certificate("server", "IP:127.0.0.1", ca="ca")
        kms.certificate("client", "DNS:client", ca="ca")
        for part in (real.aws, real.kmip, real.vault):
            try:
                part()
            except Exception as e:  # a test reports whatever went wrong
                report(part.__name__, False, f"{type(e).__name__}: {e}")
        os.chdir("/")
    sys.exit(1 if failures else 0)


main()
