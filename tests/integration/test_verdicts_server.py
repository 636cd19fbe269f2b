#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recorded verdicts of a real mongod, through a running fieldguardd: the code of each create, and the code of each document's insert.

A sample by default; FG_VERDICTS_EVERY=1 takes every record. What is left out is listed: mongod 4.3 threw 33118 below a negation, where 8.0 evaluates.
"""

import gzip
import json
import os

from extjson import Client
from fgtest import TOP, Server, Skip, expect, main

VECTORS = os.environ.get("FG_VECTORS") or os.path.join(TOP, "..", "shared", "vectors")
RECORDING = os.path.join(VECTORS, "mongod-verdicts.ndjson.gz")
EVERY = int(os.environ.get("FG_VERDICTS_EVERY", "10"))
THREW = 33118


def below_negation(value, inside=False):
    """Whether some `encrypt` stands below not, $nor or oneOf."""
    if isinstance(value, dict):
        if inside and "encrypt" in value:
            return True
        return any(below_negation(v, inside or k in ("not", "$nor", "$not", "oneOf")) for k, v in value.items())
    if isinstance(value, list):
        return any(below_negation(v, inside) for v in value)
    return False


def codes(client, documents):
    """The code of each document's insert."""
    reply = client.command({"insert": "c", "documents": documents, "ordered": False})
    expect(reply["ok"], f"insert: {reply}")
    found = [0] * len(documents)
    for index, code in reply["errors"]:
        found[index] = code
    return found


def case_create_and_insert_codes():
    if not os.path.exists(RECORDING):
        raise Skip("no recording at hand (mongod-verdicts.ndjson.gz)")
    wrong = []
    left_out = []
    creates = inserts = refused = 0
    with Server(module=False) as server, gzip.open(RECORDING, "rt", encoding="utf-8") as recording:
        client = Client(server.port)
        for number, line in enumerate(recording):
            record = json.loads(line)
            threw = [d for d in record.get("docs", ()) if d["code"] == THREW]
            if number % EVERY and not threw:
                continue
            client.command({"drop": "c"})
            code = client.command({"create": "c", "validator": record["validator"]})["code"]
            creates += 1
            if code != record["create"]:
                wrong.append(f"record {number}: create {code}, mongod {record['create']}")
            if code or record["create"]:
                refused += 1
                continue
            for doc, answered in zip(record["docs"], codes(client, [d["doc"] for d in record["docs"]])):
                inserts += 1
                if (answered == 0) == (doc["code"] == 0):
                    continue
                what = f"record {number}, _id {doc['doc']['_id']}: insert {answered}, mongod {doc['code']}"
                if doc["code"] == THREW and below_negation(record["validator"]):
                    left_out.append(what)
                else:
                    wrong.append(what)
        client.close()
    print(f"# {creates} creates ({refused} refused), {inserts} inserts; left out: {left_out}")
    expect(creates > 100 and inserts > 500, "the sample is too small to mean anything")
    expect(not wrong, f"{len(wrong)} differ: " + "; ".join(wrong[:5]))
    expect(len(left_out) <= 1, f"left out: {left_out}")


if __name__ == "__main__":
    main(globals(), "verdicts_server")
