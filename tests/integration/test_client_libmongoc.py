#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Interoperability, live: libmongoc's ClientEncryption (Debian's, with Debian's libmongocrypt) and the command share one key vault in fieldguardd and KMSs on loopback. Every permitted
BSON type, both algorithms, keys that either side made, both directions, and rewrapping."""

import base64
import json
import os
import subprocess
import sys
import tempfile

import fgtest
import test_client_kms as kms

THEIRS = os.path.join(fgtest.BUILD, "tests", "clients", "libmongoc_encryption")
DETERMINISTIC, RANDOM = fgtest.DETERMINISTIC, fgtest.RANDOM
failures = 0


def report(name, ok, why=""):
    global failures
    print(f"ok client-libmongoc.{name}" if ok else f"not ok client-libmongoc.{name} - {' '.join(str(why).split())}", flush=True)
    failures += not ok


def binary(subtype):
    return {"$binary": {"base64": "AQIDBA==", "subType": subtype}}


# (name, canonical Extended JSON, deterministic too)
VALUES = [
    ("double", {"$numberDouble": "1.5"}, False),
    ("string", "text", True),
    ("unicode", "\u00fc\u4e2d\U0001f600", True),
    ("object", {"a": {"$numberInt": "1"}, "b": [True]}, False),
    ("array", [{"$numberInt": "1"}, "two"], False),
    ("binary", binary("00"), True),
    ("function", binary("01"), True),
    ("binary2", binary("02"), True),
    ("uuid", {"$binary": {"base64": base64.b64encode(bytes(range(16))).decode(), "subType": "04"}}, True),
    ("md5", {"$binary": {"base64": base64.b64encode(bytes(range(16))).decode(), "subType": "05"}}, True),
    ("user-defined", binary("80"), True),
    ("oid", {"$oid": "0123456789abcdef01234567"}, True),
    ("bool", True, False),
    ("date", {"$date": {"$numberLong": "1577836800000"}}, True),
    ("regex", {"$regularExpression": {"pattern": "a.b", "options": "im"}}, True),
    ("dbPointer", {"$dbPointer": {"$ref": "db.c", "$id": {"$oid": "0123456789abcdef01234567"}}}, True),
    ("code", {"$code": "f()"}, True),
    ("symbol", {"$symbol": "sym"}, True),
    ("codeScope", {"$code": "g()", "$scope": {"x": {"$numberInt": "1"}}}, False),
    ("int", {"$numberInt": "-7"}, True),
    ("timestamp", {"$timestamp": {"t": 42, "i": 1}}, True),
    ("long", {"$numberLong": "9007199254740993"}, True),
    ("decimal", {"$numberDecimal": "1.10"}, False),
]


def run(line, lines=()):
    done = subprocess.run(line, input="".join(x + "\n" for x in lines), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"{line[1:]}: {done.stderr}")
    return [json.loads(x) for x in done.stdout.split("\n") if x]


class Sides:
    def __init__(self, uri):
        self.uri = uri

    def theirs(self, *args, lines=()):
        return run([THEIRS, self.uri, "kms.json", *args], lines)

    def ours(self, *args, lines=()):
        line = [kms.FIELDGUARD, *args, "--key-vault", f"{self.uri}/?ns=encryption.__keyVault", "--kms-providers", "kms.json"]
        done = subprocess.run(line, input="".join(x + "\n" for x in lines), capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise AssertionError(f"{args}: {done.stderr}")
        return [json.loads(x) for x in done.stdout.split("\n") if x.startswith("{")]


def compare(sides, name, alt_name):
    for algorithm in (DETERMINISTIC, RANDOM):
        todo = [(n, v) for n, v, both in VALUES if both or algorithm == RANDOM]
        word = algorithm[30:].lower()
        plain = [json.dumps({"v": v}) for _, v in todo]
        theirs = sides.theirs("encrypt", alt_name, algorithm, lines=plain)
        ours = sides.ours("encrypt", "--key-alt-name", alt_name, "--algorithm", algorithm, lines=plain)
        opened = sides.ours("decrypt", lines=[json.dumps(x) for x in theirs])
        wrong = [n for (n, v), got in zip(todo, opened) if got != {"v": v}]
        report(f"{name}-{word}-theirs-opens-here", len(opened) == len(todo) and not wrong, wrong)
        opened = sides.theirs("decrypt", lines=[json.dumps(x) for x in ours])
        wrong = [n for (n, v), got in zip(todo, opened) if got != {"v": v}]
        report(f"{name}-{word}-ours-opens-there", len(opened) == len(todo) and not wrong, wrong)
        if algorithm == DETERMINISTIC:
            report(f"{name}-same-bytes", ours == theirs, [n for (n, _), a, b in zip(todo, ours, theirs) if a != b])


def configure(port, kmip):
    """kms.json; each provider's master key."""
    here = f"127.0.0.1:{port}"
    tls = {"tlsCAFile": os.path.abspath("ca.crt")}
    config = {"local": {"key": {"$binary": {"base64": base64.b64encode(bytes(range(96))).decode(), "subType": "00"}}}, "aws": kms.AWS, "kmip": {"endpoint": f"127.0.0.1:{kmip.port}"}}
    masters = {"local": {}, "aws": {"region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": here}, "kmip": {}}
    options = {"aws": tls, "kmip": dict(tls, tlsCertificateKeyFile=os.path.abspath("client.pem"))}
    for name, value, master in kms.provider_cases(port):
        if name != "vault":
            config[name], masters[name], options[name] = value, master, tls
    kms.write("kms.json", dict(config, tlsOptions=options))
    return masters


def main():
    if not os.path.exists(THEIRS):
        print("skip client-libmongoc - libmongoc without client-side encryption")
        return
    with tempfile.TemporaryDirectory() as folder, fgtest.Server(module=False) as server:
        os.chdir(folder)
        kms.certificate("ca", None)
        kms.certificate("server", "IP:127.0.0.1", ca="ca")
        kms.certificate("client", "DNS:client", ca="ca")
        kms.AZURE_SECRET = "secret"  # libmongocrypt does not escape it
        _, port = kms.serve("server.pem")
        kmip = kms.Kmip("ca")
        kmip.start()
        sides = Sides(server.uri)
        masters = configure(port, kmip)
        for provider, master in masters.items():
            kms.write(f"{provider}.json", master)
            try:
                sides.theirs("create", provider, f"{provider}.json", f"{provider}-theirs")
                sides.ours("keys", "create", "--provider", provider, "--master-key", f"{provider}.json", "--key-alt-name", f"{provider}-ours")
                compare(sides, f"{provider}-key-made-there", f"{provider}-theirs")
                compare(sides, f"{provider}-key-made-here", f"{provider}-ours")
            except AssertionError as e:
                report(provider, False, e)
        blob = json.dumps(sides.theirs("encrypt", "local-theirs", RANDOM, lines=['{"v": "stays"}'])[0])
        sides.ours("keys", "rewrap", "--filter", '{"keyAltNames": "local-theirs"}', "--provider", "aws", "--master-key", "aws.json")
        report("rewrapped-here-opens-there", sides.theirs("decrypt", lines=[blob]) == [{"v": "stays"}])
        sides.theirs("rewrap", "local-theirs", "azure", "azure.json")
        report("rewrapped-there-opens-here", sides.ours("decrypt", lines=[blob]) == [{"v": "stays"}])
        os.chdir("/")


main()
sys.exit(1 if failures else 0)
