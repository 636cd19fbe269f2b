#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each id of lint's advice, and each parse error of the dialect, has a regress case. Reads the sources: what is added there without a case fails here."""

import glob
import json
import os
import re
import subprocess

from fgtest import BUILD, TOP, expect, expect_equal, main

REGRESS = os.path.join(TOP, "tests", "regress", "lint")
# The grammar of $jsonSchema, encrypt, encryptMetadata and encryptedFields; messages of other query operators are not lint's to show.
GRAMMAR = ["parse_schema*.c", "parse_type.c", "encrypted_fields.c"]
CALLS = "fg_parse_error|fg_schema_bad_parse|fg_schema_wrong_type|wrong_type|refuse|missing|fg_error_set"
# Texts that no options document can bring about, each with its reason.
UNREACHABLE = {
    "out of memory": "allocation failure",
}


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def source_ids():
    return dict(re.findall(r'\{"([a-z-]+)", (true|false),', text(os.path.join(TOP, "cli", "lint_advice.c"))))


def case_every_id_has_a_case():
    ids = source_ids()
    expect(len(ids) > 20, f"{len(ids)} ids found")
    lacking = []
    for name in ids:
        try:
            out = text(os.path.join(REGRESS, f"{name}.out"))
        except FileNotFoundError:
            lacking.append(name)
            continue
        severity = "warning" if ids[name] == "true" else "info"
        if f" {severity} {name} at " not in out:
            lacking.append(name)
    expect(not lacking, f"no regress case shows {lacking}")


def case_manual_lists_every_id():
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (warning|info) \|", text(os.path.join(TOP, "docs", "lint.md")), re.M))
    expect_equal(listed, {k: "warning" if v == "true" else "info" for k, v in source_ids().items()}, "docs/lint.md")


def formats():
    """(file, format) of every message in the grammar's sources."""
    literal = r'"((?:[^"\\]|\\.)*)"'
    for pattern in GRAMMAR:
        for path in sorted(glob.glob(os.path.join(TOP, "schema", "match", pattern))):
            for call in re.finditer(r"\b(?:" + CALLS + r") \(([^;]*);", text(path)):
                joined = re.sub(r'"\s*"', "", call.group(1))
                for found in re.finditer(literal, joined):
                    message = found.group(1)
                    if " " in message:
                        yield os.path.basename(path), message.replace('\\"', '"').replace("\\\\", "\\")


def case_every_parse_error_has_a_case():
    shown = "\n".join(text(p) for p in glob.glob(os.path.join(REGRESS, "*.out")))
    lacking = set()
    n = 0
    for path, message in formats():
        n += 1
        pieces = re.split(r"%(?:-?\d*|\.\*|\.\d+)?(?:l|ll|z)?[a-zA-Z%]|%\" ?PRI\w+ ?\"", message)
        wanted = ".*".join(re.escape(p) for p in pieces)
        if not re.search(wanted, shown) and message not in UNREACHABLE:
            lacking.add(f"{path}: {message}")
    expect(n > 50, f"only {n} messages found: the sources have another shape")
    expect(not lacking, f"{len(lacking)} parse errors without a regress case:\n" + "\n".join(sorted(lacking)))


def lint(options):
    """Exit status and the text that --json prints."""
    done = subprocess.run([os.path.join(BUILD, "bin", "fieldguard"), "lint", "--json", "--options", "-"], input=json.dumps(options), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def case_json_shape():
    """One object: parse and advice; nothing else in either, and types as documented."""
    clean = {"validator": {"$jsonSchema": {"bsonType": "object"}}}
    advised = {"validator": {"$jsonSchema": {"properties": {"a.b": {"encrypt": {}}}}}}
    broken = {"validator": {"$jsonSchema": {"properties": {"a": {"bsonType": "integer"}}}}}
    lax = {"validator": {"$jsonSchema": {"encrpt": {}}}}
    for options, status in ((clean, 0), (advised, 1), (broken, 2), (lax, 2)):
        code, out = lint(options)
        expect_equal(code, status, f"{options}")
        expect(out.endswith("\n") and out.count("\n") == 1, f"one line: {out!r}")
        answer = json.loads(out)
        expect_equal(list(answer), ["parse", "advice"], "members")
        parse = answer["parse"]
        if status < 2:
            expect_equal(parse, {"ok": True})
        else:
            expect_equal(list(parse), ["ok", "code", "codeName", "errmsg", "path"])
            expect_equal([type(v) for v in parse.values()], [bool, int, str, str, str])
            expect(parse["ok"] is False and parse["errmsg"], f"{parse}")
        for advice in answer["advice"]:
            expect_equal(list(advice), ["id", "severity", "path", "reason", "remedy"])
            expect(all(isinstance(v, str) for v in advice.values()), f"{advice}")
            expect(advice["severity"] in ("warning", "info") and advice["id"] in source_ids(), f"{advice}")
        expect_equal(any(a["severity"] == "warning" for a in answer["advice"]), status == 1 or options is lax, "the exit status says whether there are warnings")


if __name__ == "__main__":
    main(globals(), "lint_cases")
