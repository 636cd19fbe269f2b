# SPDX-License-Identifier: Apache-2.0
"""pymongo's ClientEncryption and the fieldguard command over one key vault, both ways. Run by test_client_interop.py with the virtual environment's Python:
pymongo_client.py URI; the working folder holds kms.json, ca.crt and client.pem."""

import base64
import datetime
import json
import os
import subprocess
import sys
import uuid

from bson import Binary, Code, Decimal128, Int64, ObjectId, Regex, Timestamp, json_util
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.encryption import ClientEncryption

FIELDGUARD = os.path.join(os.environ["FG_BUILD"], "bin", "fieldguard")
DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
CANONICAL = json_util.JSONOptions(json_mode=json_util.JSONMode.CANONICAL)
failures = 0


def report(name, ok, why=""):
    global failures
    print(f"ok client-interop.{name}" if ok else f"not ok client-interop.{name} - {why}", flush=True)
    failures += not ok


def values():
    """(name, value, deterministic too)"""
    return [
        ("double", 1.5, False),
        ("string", "text", True),
        ("unicode", "\u00fc\u4e2d\U0001f600", True),
        ("object", {"a": 1, "b": [True]}, False),
        ("array", [1, "two"], False),
        ("binary", Binary(b"\x01\x02\x03\x04", 0), True),
        ("binary2", Binary(b"\x01\x02\x03\x04", 2), True),
        ("uuid", Binary(bytes(16), 4), True),
        ("oid", ObjectId("0123456789abcdef01234567"), True),
        ("bool", True, False),
        ("date", datetime.datetime(2020, 1, 1), True),
        ("regex", Regex("a.b", "im"), True),
        ("code", Code("f()"), True),
        ("codeScope", Code("g()", {"x": 1}), False),
        ("int", -7, True),
        ("timestamp", Timestamp(42, 1), True),
        ("long", Int64(9007199254740993), True),
        ("decimal", Decimal128("1.10"), False),
    ]


def plain(value):
    """One text for a value, whoever wrote it."""
    return json.dumps(json.loads(json_util.dumps({"v": value}, json_options=CANONICAL)), sort_keys=True)


def command(uri, *args, lines=()):
    vault = uri.rstrip("/") + "/?ns=encryption.__keyVault"
    line = [FIELDGUARD, *args, "--key-vault", vault, "--kms-providers", "kms.json"]
    done = subprocess.run(line, input="".join(x + "\n" for x in lines), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"{args}: {done.stderr}")
    return [x for x in done.stdout.split("\n") if x]


def compare(uri, client, name, alt_name):
    """Every type, both algorithms, both ways, and the deterministic bytes."""
    for algorithm in (DETERMINISTIC, RANDOM):
        todo = [(n, v) for n, v, both in values() if both or algorithm == RANDOM]
        theirs = [client.encrypt(v, algorithm, key_alt_name=alt_name) for _, v in todo]
        lines = [json_util.dumps({"v": b}, json_options=CANONICAL) for b in theirs]
        opened = command(uri, "decrypt", lines=lines)
        wrong = [n for (n, v), text in zip(todo, opened) if json.dumps(json.loads(text), sort_keys=True) != plain(v)]
        report(f"{name}-{algorithm[30:].lower()}-theirs-opens-here", len(opened) == len(todo) and not wrong, str(wrong))
        sealed = command(uri, "encrypt", "--key-alt-name", alt_name, "--algorithm", algorithm, lines=[json_util.dumps({"v": v}, json_options=CANONICAL) for _, v in todo])
        ours = [json_util.loads(text, json_options=CANONICAL)["v"] for text in sealed]
        wrong = [n for (n, v), b in zip(todo, ours) if plain(client.decrypt(Binary(b, 6))) != plain(v)]
        report(f"{name}-{algorithm[30:].lower()}-ours-opens-there", len(ours) == len(todo) and not wrong, str(wrong))
        if algorithm == DETERMINISTIC:
            report(f"{name}-same-bytes", [bytes(b) for b in ours] == [bytes(b) for b in theirs])


def main():
    uri = sys.argv[1]
    with open("kms.json", encoding="utf-8") as f:
        kms = json_util.loads(f.read())
    tls = kms.pop("tlsOptions", {})
    with open("master-keys.json", encoding="utf-8") as f:
        master_keys = json.load(f)
    kms["local"]["key"] = base64.b64decode(kms["local"]["key"])
    mongo = MongoClient(uri, serverSelectionTimeoutMS=10000)
    client = ClientEncryption(kms, "encryption.__keyVault", mongo, CodecOptions(), kms_tls_options=tls)
    for provider, master_key in master_keys.items():
        theirs, ours = f"{provider}-theirs", f"{provider}-ours"
        client.create_data_key(provider, master_key=master_key, key_alt_names=[theirs])
        with open("master.json", "w", encoding="utf-8") as f:
            json.dump(master_key or {}, f)
        made = command(uri, "keys", "create", "--provider", provider, "--master-key", "master.json", "--key-alt-name", ours)[0]
        compare(uri, client, f"{provider}-key-made-there", theirs)
        compare(uri, client, f"{provider}-key-made-here", ours)
        found = client.get_key_by_alt_name(ours)
        report(f"{provider}-found-by-alt-name", found is not None and uuid.UUID(bytes=bytes(found["_id"])) == uuid.UUID(made))
    # Rewrapped by one side, opened by the other.
    blob = client.encrypt("stays", RANDOM, key_alt_name="local-theirs")
    line = [json_util.dumps({"v": blob}, json_options=CANONICAL)]
    command(uri, "keys", "rewrap", "--filter", '{"keyAltNames": "local-theirs"}', "--provider", "aws", "--master-key", "aws.json")
    fresh = ClientEncryption(kms, "encryption.__keyVault", mongo, CodecOptions(), kms_tls_options=tls)
    report("rewrapped-here-opens-there", fresh.decrypt(blob) == "stays")
    fresh.rewrap_many_data_key({"keyAltNames": "local-theirs"}, provider="local")
    report("rewrapped-there-opens-here", [json.loads(x) for x in command(uri, "decrypt", lines=line)] == [{"v": "stays"}])
    sys.exit(1 if failures else 0)


main()
