#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a real mongod answered, replayed through the command: `lint --json` for a validator's create code and text, `check` for its documents' verdicts.

Two processes a validator: all 3,000 take minutes, so every fourth is replayed; all of them with FG_REPLAY_ALL=1. (test_verdicts.sh replays all through the library.)
"""
import concurrent.futures
import gzip
import json
import os
import subprocess
import sys
import tempfile

TOP = os.environ.get("FG_TOP", os.path.join(os.path.dirname(__file__), "..", ".."))
COMMAND = os.path.join(os.environ.get("FG_BUILD", os.path.join(TOP, "build")), "bin", "fieldguard")
VECTORS = os.environ.get("FG_VECTORS", os.path.join(TOP, "..", "shared", "vectors"))
RECORDING = os.path.join(VECTORS, "mongod-verdicts.ndjson.gz")
# Later servers word these otherwise (PCRE2 for PCRE1, "non-negative" for "positive").
OTHER_WORDS = ("Invalid regular expression", "Expected a positive number in", "Regular expression is invalid")
# Documents whose 33118 arose below a negation: 4.3 threw there, 8.0 evaluates. How many the recording has.
THROWN_BELOW_NEGATION = 1


def run(*arguments, data=b""):
    return subprocess.run([COMMAND, *arguments], input=data, capture_output=True, timeout=120, check=False)


class Replay:
    def __init__(self, folder):
        self.folder = folder
        self.wrong = {"create-code": [], "create-text": [], "verdict": [], "exit-status": []}
        self.count = dict.fromkeys(self.wrong, 0)
        self.thrown = []

    def judge(self, family, right, what):
        self.count[family] += 1
        if not right:
            self.wrong[family].append(what)

    def lint(self, line, record, path):
        done = run("lint", "--json", "--options", path)
        answer = json.loads(done.stdout)["parse"]
        code = 0 if answer["ok"] else answer["code"]
        self.judge("create-code", code == record["create"], f"line {line}: {code}, mongod {record['create']}")
        self.judge("exit-status", (done.returncode == 2) == (not answer["ok"]), f"line {line}: lint {done.returncode}")
        if code and code == record["create"] and not record["errmsg"].startswith(OTHER_WORDS):
            self.judge("create-text", answer["errmsg"] == record["errmsg"], f"line {line}: {answer['errmsg']}")
        return answer["ok"]

    def check(self, line, docs, path):
        text = "".join(json.dumps(d["doc"], ensure_ascii=False) + "\n" for d in docs)
        done = run("check", "--options", path, data=text.encode())
        findings = [json.loads(each) for each in done.stdout.splitlines()]
        refused = {f["index"] for f in findings}
        self.judge("exit-status", done.returncode == (1 if refused else 0), f"line {line}: check {done.returncode}")
        for i, doc in enumerate(docs):
            if doc["code"] == 33118 and i not in refused:
                self.thrown.append((line, i))
                continue
            self.judge("verdict", (i in refused) == (doc["code"] != 0), f"line {line}, document {i}: mongod {doc['code']}")
        shaped = all(f["code"] == 121 and f["errInfo"]["details"] and f["errInfo"]["failingDocumentId"] == f["_id"] for f in findings)
        self.judge("verdict", shaped, f"line {line}: shape of the lines")

    def record(self, line, text):
        record = json.loads(text)
        path = os.path.join(self.folder, f"{line}.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"validator": record["validator"]}, f, ensure_ascii=False)
        if self.lint(line, record, path) and record["create"] == 0:
            self.check(line, record["docs"], path)
        os.unlink(path)


def main():
    if not os.access(RECORDING, os.R_OK):
        print("skip check-command - no recording at hand (mongod-verdicts.ndjson.gz)")
        return 0
    step = 1 if os.environ.get("FG_REPLAY_ALL") else 20 if os.environ.get("SANITIZE") else 4
    with tempfile.TemporaryDirectory() as folder, gzip.open(RECORDING, "rt", encoding="utf-8") as lines:
        replay = Replay(folder)
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda job: replay.record(*job), ((i, l) for i, l in enumerate(lines, 1) if i % step == 0)))
    status = 0
    for family, wrong in replay.wrong.items():
        if wrong or not replay.count[family]:
            status = 1
            print(f"not ok check-command.{family} - {len(wrong)} of {replay.count[family]} differ")
            for each in wrong[:10]:
                print(f"#   {each}")
        else:
            print(f"ok check-command.{family} ({replay.count[family]})")
    for line, i in replay.thrown:
        print(f"# line {line}, document {i}: 33118 arose below a negation; 8.0 evaluates and accepts")
    if step > 1:
        print(f"# every record whose number {step} divides; all with FG_REPLAY_ALL=1")
    if step == 1 and len(replay.thrown) != THROWN_BELOW_NEGATION:
        status = 1
        print(f"not ok check-command.thrown-below-negation - {len(replay.thrown)}, not {THROWN_BELOW_NEGATION}")
    else:
        print("ok check-command.thrown-below-negation")
    return status


if __name__ == "__main__":
    sys.exit(main())
