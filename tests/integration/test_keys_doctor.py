#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `keys doctor` asks a server: the unique index, whether the vault is with the data, who reads both. The rest is in tests/regress/keys/doctor.sh."""

import base64
import json
import os
import subprocess
import tempfile

from fgtest import BUILD, Server, expect, expect_equal, main

FIELDGUARD = os.path.join(BUILD, "bin", "fieldguard")


class Place:
    """A vault in one server, the data in the same one or another."""

    def __init__(self, folder, server):
        self.providers = os.path.join(folder, "kms.json")
        self.vault = f"{server.uri}/?ns=keys.vault"
        with open(self.providers, "w", encoding="utf-8") as f:
            json.dump({"local": {"key": base64.b64encode(bytes(96)).decode()}}, f)

    def doctor(self, *args, status=1):
        done = subprocess.run([FIELDGUARD, "keys", "doctor", "--key-vault", self.vault, "--kms-providers", self.providers, "--json", *args], capture_output=True, text=True, check=False)
        expect_equal(done.returncode, status, f"{done.stderr}{done.stdout}")
        return {f["id"]: f for f in map(json.loads, done.stdout.splitlines())}

    def create(self):
        subprocess.run([FIELDGUARD, "keys", "create", "--key-vault", self.vault, "--kms-providers", self.providers, "--provider", "local", "--key-alt-name", "a"], check=True, capture_output=True)


def case_index():
    with tempfile.TemporaryDirectory() as folder, Server(module=False) as server:
        place = Place(folder, server)
        server.run({"insert": "other", "documents": [{"_id": 1}]}, "keys")
        found = place.doctor()
        expect("no-unique-index" in found, "a vault without an index is not reported")
        place.create()
        expect("no-unique-index" not in place.doctor(), "the index that `keys create` made is not seen")
        server.run({"dropIndexes": "vault", "index": "keyAltNames_1"}, "keys")
        server.run({"createIndexes": "vault", "indexes": [{"name": "n", "key": {"keyAltNames": 1}}]}, "keys")
        expect("no-unique-index" in place.doctor(), "an index that is not unique passes")


def case_place():
    with tempfile.TemporaryDirectory() as folder, Server(module=False) as server, Server(module=False) as other:
        place = Place(folder, server)
        place.create()
        for s in (server, other):
            s.run({"insert": "people", "documents": [{"_id": 1}]}, "app")
        same = place.doctor("--data", f"{server.uri}/?ns=app.people")
        expect("vault-with-data" in same, "the same server is not seen")
        expect("separation-of-duties" in same, "who unwraps and reads is not seen")
        apart = place.doctor("--data", f"{other.uri}/?ns=app.people")
        expect("vault-with-data" not in apart and "vault-place-unknown" not in apart, "another server is taken for the same")
        nowhere = place.doctor("--data", "mongodb://127.0.0.1:1/?ns=app.people&serverSelectionTimeoutMS=300")
        expect("vault-place-unknown" in nowhere, "a server that is not there is no finding")


def case_server_gone():
    with tempfile.TemporaryDirectory() as folder:
        with Server(module=False) as server:
            place = Place(folder, server)
        place.vault += "&serverSelectionTimeoutMS=300"
        place.doctor(status=2)


main(globals(), "keys-doctor")
