#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mixed load on a replica set while the mode is raised and lowered and unrelated rules come and go.

   load.py --mongod BINARY --module fieldguard.so [--seconds 3600] [--pause SECONDS] [--pre-write]

Held: no member ends, no ciphertext is refused, no plaintext is accepted by a write that began after setParameter to enforce had returned
(and ended before the next one was sent), and all members hash alike at the end.
"""

import argparse
import json
import random
import sys
import threading
import time

from pymongo.errors import OperationFailure, PyMongoError

from cluster import Cluster
from regress import ENCRYPT, PLAIN, VALIDATOR, cipher, hashes_agree, no_fassert

CLIENTS, PLAIN_SHARE, MODE_SECONDS, RULE_SECONDS = 8, 0.02, 10, 30


class Load:
    def __init__(self, cluster, pause):
        self.pause = pause  # seconds between two writes of one client: for a machine with other work to do
        self.cluster, self.lock, self.epoch, self.enforced, self.stop = cluster, threading.Lock(), 0, True, False
        self.count = dict.fromkeys(("cipher", "plain_refused", "plain_accepted", "changes", "rules", "retried"), 0)
        self.faults = []

    def add(self, name):
        with self.lock:
            self.count[name] += 1

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    def state(self):
        with self.lock:
            return self.epoch, self.enforced

    def write(self, c, rng, value):
        key = rng.randrange(5000)
        kind = rng.randrange(6)
        if kind == 0:
            c.insert_one({"n": key, "ssn": value})
        elif kind == 1:
            c.update_one({"_id": key}, {"$set": {"ssn": value}, "$inc": {"n": 1}}, upsert=True)
        elif kind == 2:
            c.replace_one({"_id": key}, {"n": key, "ssn": value}, upsert=True)
        elif kind == 3:
            c.find_one_and_update({"_id": key}, {"$set": {"ssn": value}}, upsert=True)
        elif kind == 4:
            c.insert_many([{"n": key}, {"n": key, "ssn": value}], ordered=False)
        else:
            with c.database.client.start_session() as s, s.start_transaction():
                c.insert_one({"n": key, "ssn": value}, session=s)

    def client(self, seed):
        rng = random.Random(seed)
        c = self.cluster.client(retryWrites=True)["fgtest"]["load"]
        while not self.stop:
            if self.pause:
                time.sleep(self.pause)
            plain = rng.random() < PLAIN_SHARE
            before = self.state()
            try:
                # never the same twice: setting what is there already writes nothing, so nothing is there to refuse
                self.write(c, rng, f"{PLAIN} {seed} {rng.getrandbits(64):016x}" if plain else cipher())
                refused = False
            except OperationFailure as e:
                code = e.details["writeErrors"][0]["code"] if e.details and e.details.get("writeErrors") else e.code
                if e.has_error_label("TransientTransactionError") or code in (112, 11000):  # conflicts are the client's to retry
                    self.add("retried")
                    continue
                refused = True
                if code != 121:
                    self.fault(f"code {code}: {e}")
            except PyMongoError as e:
                self.fault(f"{type(e).__name__}: {e}")
                continue
            after = self.state()
            if not plain and refused:
                self.fault("ciphertext was refused")
            elif plain and not refused and before == after and before[1]:
                self.fault("plaintext was accepted under enforce")
            self.add("cipher" if not plain else "plain_refused" if refused else "plain_accepted")

    def modes(self):
        clients = [n.client() for n in self.cluster.nodes]
        enforce = True
        while not self.stop:
            time.sleep(MODE_SECONDS)
            enforce = not enforce
            with self.lock:
                self.epoch, self.enforced = self.epoch + 1, False
            for client in clients:
                client.admin.command({"setParameter": 1, "fieldguard.mode": "enforce" if enforce else "audit"})
            with self.lock:
                self.epoch, self.enforced = self.epoch + 1, enforce
            self.add("changes")

    def rules(self):
        db = self.cluster.client()["fgtest"]
        more = {"$jsonSchema": {"bsonType": "object", "properties": {"ssn": ENCRYPT, "other": {"encrypt": {}}}}}
        ruled = False
        while not self.stop:
            time.sleep(RULE_SECONDS)
            ruled = not ruled
            db.command({"collMod": "load", "validator": more if ruled else VALIDATOR})
            self.add("rules")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mongod", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--pause", type=float, default=0)
    parser.add_argument("--pre-write", action="store_true")
    args = parser.parse_args()
    settings = {"fieldguard.allowLoosening": "true", "fieldguard.ruleRemoval": "audit"}
    if args.pre_write:
        settings["fieldguardPreWrite"] = "true"
    with Cluster(args.mongod, args.module, settings, 3) as cluster:
        # validationLevel off: what is refused is refused by the module
        cluster.client()["fgtest"].create_collection("load", validator=VALIDATOR, validationLevel="off")
        load = Load(cluster, args.pause)
        threads = [threading.Thread(target=load.client, args=(i,)) for i in range(CLIENTS)]
        threads += [threading.Thread(target=load.modes), threading.Thread(target=load.rules)]
        for t in threads:
            t.start()
        end = time.monotonic() + args.seconds
        while time.monotonic() < end and all(n.process.poll() is None for n in cluster.nodes):
            time.sleep(1)
        load.stop = True
        for t in threads:
            t.join()
        problems = list(dict.fromkeys(load.faults))[:20]
        try:
            cluster.wait_for_secondaries()
            hashes_agree(cluster, 180)
            no_fassert(cluster)
        except AssertionError as e:
            problems.append(str(e))
        status = [n.client().admin.command("serverStatus")["fieldguard"] for n in cluster.nodes]
        statuses = [n.stop() for n in cluster.nodes]
        if any(statuses):
            problems.append(f"exit statuses {statuses}")
        print(json.dumps({"seconds": args.seconds, "counts": load.count, "faults": len(load.faults),
                          "members": [{k: v for k, v in s.items() if isinstance(v, int)} for s in status]}))
        for problem in problems:
            print("not ok load -", problem)
        if not problems:
            print("ok load")
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
