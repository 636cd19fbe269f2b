# SPDX-License-Identifier: Apache-2.0
"""bench_check.sh's other half: makes the file, runs both programs by turns, prints the ratios as JSON lines."""
import json
import os
import random
import resource
import statistics
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("FG_BUILD", os.path.join(TOP, "build"))
SIZE = (1000 if os.environ.get("BENCH_FULL") else 200) * 1000 * 1000
ROUNDS = 5

# Two levels, 23 elements, 6 encrypted fields: the reference document of bench_policy, as a dump has it.
ALGORITHM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
KEY = {"$binary": {"base64": "AAECAwQFRgeICQoLDA0ODw==", "subType": "04"}}


def encrypt(kind):
    return {"encrypt": {"bsonType": kind, "algorithm": ALGORITHM, "keyId": [KEY]}}


OPTIONS = {"validator": {"$jsonSchema": {
    "bsonType": "object", "required": ["name", "ssn"],
    "properties": {
        "name": {"bsonType": "string", "minLength": 1}, "age": encrypt("int"), "ssn": encrypt("string"), "salary": encrypt("long"),
        "contact": {"bsonType": "object", "properties": {"phone": encrypt("string"), "mail": encrypt("string"), "city": {"bsonType": "string"}}},
        "insurance": {"bsonType": "object", "properties": {"policy": encrypt("string")}}}}}}


def element(kind, name, data):
    return bytes([kind]) + name.encode() + b"\0" + data


def string(name, value):
    return element(2, name, struct.pack("<i", len(value) + 1) + value.encode() + b"\0")


def document(*elements):
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def blob(name, kind, length, rng):
    key = bytes([0, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15])
    data = b"\2" + key + bytes([kind]) + rng.randbytes(length - 18)
    return element(5, name, struct.pack("<iB", len(data), 6) + data)


def int32(name, value):
    return element(16, name, struct.pack("<i", value))


def one(i, rng):
    contact = document(blob("phone", 2, 82, rng), blob("mail", 2, 98, rng), string("city", "Springfield"), string("street", "Evergreen Terrace 742"))
    insurance = document(blob("policy", 2, 98, rng), string("provider", "Mutual of Somewhere"), int32("since", 2011))
    tags = document(*(string(str(n), "tag-%d" % n) for n in range(4)))
    return document(int32("_id", i), string("name", "Person Number %d" % i), blob("age", 16, 82, rng), blob("ssn", 2, 82, rng), blob("salary", 18, 82, rng),
                    element(3, "contact", contact), element(3, "insurance", insurance), element(4, "tags", tags), element(8, "active", b"\1"),
                    element(9, "hired", struct.pack("<q", 1577836800000 + i)), element(1, "score", struct.pack("<d", i / 7)), string("department", "Research"))


def write(path):
    rng = random.Random(4)
    block = b"".join(one(i, rng) for i in range(5000))
    with open(path, "wb") as f:
        while f.tell() < SIZE:
            f.write(block)
    with open(path, "rb") as f:
        while f.read(1 << 24):
            pass


def cpu_seconds(*command):
    """Processor time of one run, which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit status {done.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    with tempfile.TemporaryDirectory() as folder:
        data, options = os.path.join(folder, "large.bson"), os.path.join(folder, "options.json")
        write(data)
        with open(options, "w", encoding="utf-8") as f:
            json.dump(OPTIONS, f)
        check = [os.path.join(BUILD, "bin", "fieldguard"), "check", "--options", options, data]
        programs = {"walk": [os.path.join(BUILD, "bench", "bson_walk"), data], "check": check, "check --strict": [*check[:2], "--strict", *check[2:]]}
        times = {name: [] for name in programs}
        for _ in range(ROUNDS):
            for name, command in programs.items():
                times[name].append(cpu_seconds(*command))
        medians = {name: statistics.median(each) for name, each in times.items()}
        for name, goal in (("check", 0.5), ("check --strict", None)):
            ratio = medians[name] / medians["walk"]
            print(json.dumps({"name": f"fieldguard {name}, {SIZE // 1000000} MB of .bson", "peer": "libbson recursive walk of the file", "ratio": round(ratio, 4),
                              "goal": goal, "ok": goal is None or ratio <= goal}))


if __name__ == "__main__":
    main()
