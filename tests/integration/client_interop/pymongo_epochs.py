# SPDX-License-Identifier: Apache-2.0
"""pymongo's ClientEncryption on a vault that has rolled from one epoch to the next: the marker is a key like any other to it. Run by test_shred_drivers.py: pymongo_epochs.py URI VAULT."""

import base64
import json
import os
import subprocess
import sys

from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.encryption import ClientEncryption

FIELDGUARD = os.path.join(os.environ["FG_BUILD"], "bin", "fieldguard")
RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
failures = 0


def report(name, ok, why=""):
    global failures
    print(f"ok shred-drivers.{name}" if ok else f"not ok shred-drivers.{name} - {why}", flush=True)
    failures += not ok


def command(*args):
    return subprocess.run([FIELDGUARD, *args], capture_output=True, text=True, check=False)


def main(uri, vault):
    with open("kms.json", encoding="utf-8") as f:
        config = json.load(f)
    providers = {name: {"key": base64.b64decode(value["key"])} for name, value in config.items()}
    common = ["--key-vault", vault, "--kms-providers", "kms.json"]
    with MongoClient(uri) as client:
        driver = ClientEncryption(providers, "keys.vault", client, CodecOptions())
        client.keys.vault.create_index("keyAltNames", unique=True, partialFilterExpression={"keyAltNames": {"$exists": True}})
        kept = driver.create_data_key("local:e1", key_alt_names=["user:41"])
        driver.create_data_key("local:e1", key_alt_names=["user:42"])
        sealed = driver.encrypt("still here", RANDOM, key_id=kept)
        done = command("keys", "shred", *common, "--certificate-dir", "certs", "--key-alt-name", "user:42", "--to", "local:e2", "--backup", "backup.json", "--grace", "0s")
        report("keys_of_a_driver", done.returncode == 0, done.stderr)
        documents = list(driver.get_keys())
        marker = [d for d in documents if "fieldguard.epochs" in d.get("keyAltNames", [])]
        report("get_keys", len(documents) == 2 and len(marker) == 1, f"{len(documents)} keys")
        report("get_key_by_alt_name", driver.get_key_by_alt_name("user:41")["_id"] == kept and driver.get_key_by_alt_name("user:42") is None)
        report("decrypt", driver.decrypt(sealed) == "still here")
        result = driver.rewrap_many_data_key({})
        report("rewrap_all", result.bulk_write_result is not None and result.bulk_write_result.modified_count == 2, str(result))
        result = driver.rewrap_many_data_key({}, provider="local:e2")
        report("rewrap_to", result.bulk_write_result.modified_count == 2, str(result))
        report("marker_outlives_it", "closed" in command("keys", "create", *common, "--provider", "local:e1").stderr or "destroyed" in command("keys", "create", *common, "--provider", "local:e1").stderr)
        driver.add_key_alt_name(marker[0]["_id"], "note")
        driver.remove_key_alt_name(marker[0]["_id"], "note")
        report("alt_names_of_the_marker", command("keys", "create", *common, "--provider", "local:e1").returncode == 2)
        late = driver.create_data_key("local:e1", key_alt_names=["late"])
        found = command("keys", "doctor", *common, "--json")
        report("late_key_is_reported", '"key-under-closed-epoch"' in found.stdout, found.stdout)
        report("late_key_opens", driver.decrypt(driver.encrypt(1, RANDOM, key_id=late)) == 1)
        driver.close()
    return 1 if failures else 0


sys.exit(main(*sys.argv[1:]))
