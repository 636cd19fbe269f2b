#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes own.ndjson: records in the form that replay.c reads, with answers that follow from plain rules.

The rules are simple enough to check by hand, and this program works them out in Python on plain dicts, sharing nothing with
the code under test: documents {_id, n, s, tags, o}, where n is an int, s a string, tags an array of ints, o an object {x: int}.
"""
import copy
import json
import random

rnd = random.Random(20260101)


def encode(value):
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return {"$numberInt": str(value)} if -2**31 <= value < 2**31 else {"$numberLong": str(value)}
    if isinstance(value, float):
        return {"$numberDouble": repr(value)}
    if isinstance(value, list):
        return [encode(v) for v in value]
    return {k: encode(v) for k, v in value.items()}


def collection():
    docs = []
    for i in range(rnd.randint(4, 8)):
        doc = {"_id": i, "n": rnd.randint(0, 9)}
        if rnd.random() < 0.8:
            doc["s"] = rnd.choice(["ant", "bee", "cat", "dog"])
        if rnd.random() < 0.8:
            doc["tags"] = [rnd.randint(0, 5) for _ in range(rnd.randint(0, 4))]
        if rnd.random() < 0.8:
            doc["o"] = {"x": rnd.randint(0, 9), "y": rnd.randint(0, 9)}
        docs.append(doc)
    return docs


# --- finds: (filter, what it means) ------------------------------------------------------------------------------------

def filters():
    n = rnd.randint(0, 9)
    s = rnd.choice(["ant", "bee", "cat", "dog"])
    t = rnd.randint(0, 5)
    return rnd.choice([
        ({}, lambda d: True),
        ({"n": n}, lambda d: d["n"] == n),
        ({"n": {"$gt": n}}, lambda d: d["n"] > n),
        ({"n": {"$lte": n}}, lambda d: d["n"] <= n),
        ({"n": {"$ne": n}}, lambda d: d["n"] != n),
        ({"n": {"$in": [n, n + 1]}}, lambda d: d["n"] in (n, n + 1)),
        ({"s": s}, lambda d: d.get("s") == s),
        ({"s": {"$exists": False}}, lambda d: "s" not in d),
        ({"s": None}, lambda d: "s" not in d),
        ({"tags": t}, lambda d: t in d.get("tags", [])),
        ({"tags": {"$size": 2}}, lambda d: len(d.get("tags", [])) == 2),
        ({"tags": {"$all": [t]}}, lambda d: t in d.get("tags", [])),
        ({"tags.0": t}, lambda d: d.get("tags", [])[:1] == [t]),
        ({"o.x": {"$gte": n}}, lambda d: "o" in d and d["o"]["x"] >= n),
        ({"$or": [{"n": n}, {"s": s}]}, lambda d: d["n"] == n or d.get("s") == s),
        ({"$nor": [{"n": n}, {"s": s}]}, lambda d: not (d["n"] == n or d.get("s") == s)),
        ({"n": {"$mod": [3, 1]}}, lambda d: d["n"] % 3 == 1),
        ({"n": {"$not": {"$lt": n}}}, lambda d: d["n"] >= n),
    ])


def sort_key(doc, spec):
    """Missing sorts before any value; an array by its smallest (1) or largest (-1) element, [] before missing."""
    key = []
    for path, way in spec.items():
        value = doc
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        rank = (1, 0, "")
        if isinstance(value, list):
            if value:
                pick = min(value) if way == 1 else max(value)
                rank = (2, pick, "")
            else:
                rank = (0, 0, "")
        elif isinstance(value, int):
            rank = (2, value, "")
        elif isinstance(value, str):
            rank = (3, 0, value)
        key.append((rank, way))
    return key


class Ordered:
    def __init__(self, key):
        self.key = key

    def __lt__(self, other):
        for (a, way), (b, _) in zip(self.key, other.key):
            if a != b:
                return a < b if way == 1 else a > b
        return False


def project(doc, spec):
    if not spec:
        return doc
    keep_id = spec.get("_id", 1)
    rest = {k: v for k, v in spec.items() if k != "_id"}
    include = any(rest.values()) if rest else bool(keep_id)
    out = {}
    for name, value in doc.items():
        if name == "_id":
            if keep_id:
                out[name] = value
        elif include:
            if name in rest:
                out[name] = value
            elif name == "o" and "o.x" in rest:
                out[name] = {"x": value["x"]}
        elif name not in rest:
            out[name] = {"y": value["y"]} if name == "o" and "o.x" in rest else value
    return out


def find(docs):
    spec, meaning = filters()
    sort = rnd.choice([{}, {"n": 1}, {"n": -1}, {"s": 1}, {"s": -1}, {"tags": 1}, {"tags": -1}, {"o.x": -1}, {"n": 1, "s": -1}])
    sort = dict(sort, _id=1)
    projection = rnd.choice([None, {"n": 1}, {"n": 0}, {"n": 1, "_id": 0}, {"s": 1, "o.x": 1}, {"o.x": 0}, {"_id": 0}, {"_id": 1}])
    cmd = {"filter": spec, "sort": sort}
    rows = sorted((d for d in docs if meaning(d)), key=lambda d: Ordered(sort_key(d, sort)))
    if rnd.random() < 0.3:
        cmd["skip"] = rnd.randint(0, 3)
        rows = rows[cmd["skip"]:]
    if rnd.random() < 0.3:
        cmd["limit"] = rnd.randint(1, 3)
        rows = rows[:cmd["limit"]]
    if projection is not None:
        cmd["projection"] = projection
        rows = [project(d, projection) for d in rows]
    return {"cmd": encode(cmd), "code": 0, "result": encode(rows)}


# --- updates: each a change of one document, or an error's code -----------------------------------------------------------

class Refused(Exception):
    pass


def need_array(doc, name):
    if name in doc and not isinstance(doc[name], list):
        raise Refused(2)
    return doc.setdefault(name, [])


def updates():
    v = rnd.randint(0, 9)
    t = rnd.randint(0, 5)

    def setter(d):
        d["n"] = v

    def nested(d):
        d.setdefault("o", {})["z"] = v

    def bad_nested(d):
        raise Refused(28)

    def unset(d):
        d.pop("s", None)

    def inc(d):
        d["n"] += v

    def mul(d):
        d["n"] *= v

    def new_mul(d):
        d["fresh"] = 0

    def low(d):
        d["n"] = min(d["n"], v)

    def high(d):
        d["n"] = max(d["n"], v)

    def push(d):
        need_array(d, "tags").append(t)

    def push_many(d):
        tags = need_array(d, "tags")
        tags[0:0] = [t, v]
        tags.sort()
        del tags[3:]

    def pull(d):
        if "tags" in d:
            d["tags"] = [x for x in d["tags"] if x != t]

    def pull_above(d):
        if "tags" in d:
            d["tags"] = [x for x in d["tags"] if not x > t]

    def add(d):
        tags = need_array(d, "tags")
        if t not in tags:
            tags.append(t)

    def pop(d):
        if d.get("tags"):
            d["tags"].pop()

    def pop_first(d):
        if d.get("tags"):
            d["tags"].pop(0)

    def rename(d):
        if "s" in d:
            d["w"] = d.pop("s")

    def replace(d):
        keep = d["_id"]
        d.clear()
        d.update({"_id": keep, "n": v})

    def bit(d):
        d["n"] ^= v

    def pipeline(d):
        d["sum"] = d["n"] + v

    def refuse(code):
        def go(d):
            raise Refused(code)
        return go

    return rnd.choice([
        ({"$set": {"n": v}}, setter, 0), ({"$set": {"o.z": v}}, nested, 0), ({"$set": {"n.z": v}}, bad_nested, 0),
        ({"$unset": {"s": ""}}, unset, 0), ({"$inc": {"n": v}}, inc, 0), ({"$mul": {"n": v}}, mul, 0),
        ({"$mul": {"fresh": v}}, new_mul, 0), ({"$min": {"n": v}}, low, 0), ({"$max": {"n": v}}, high, 0),
        ({"$push": {"tags": t}}, push, 0),
        ({"$push": {"tags": {"$each": [t, v], "$position": 0, "$sort": 1, "$slice": 3}}}, push_many, 0),
        ({"$pull": {"tags": t}}, pull, 0), ({"$pull": {"tags": {"$gt": t}}}, pull_above, 0),
        ({"$pullAll": {"tags": [t]}}, pull, 0), ({"$addToSet": {"tags": t}}, add, 0), ({"$pop": {"tags": 1}}, pop, 0),
        ({"$pop": {"tags": -1}}, pop_first, 0), ({"$rename": {"s": "w"}}, rename, 0), ({"n": v}, replace, 0),
        ({"$bit": {"n": {"xor": v}}}, bit, 0), ([{"$set": {"sum": {"$add": ["$n", v]}}}], pipeline, 0),
        ({"$set": {"n": 1}, "$inc": {"n": 1}}, None, 40), ({"$foo": {"n": 1}}, None, 9), ({"$inc": {"n": "x"}}, None, 14),
        ({"$set": {"_id": 99}}, refuse(66), 0), ({"$push": {"n": 1}}, refuse(2), 0), ({"$pop": {"tags": 2}}, None, 9),
        ([{"$match": {}}], None, 72), ({"$set": {"": 1}}, None, 56),
    ])


def update(docs):
    spec, meaning = filters()
    u, change, code = updates()
    multi = rnd.random() < 0.3 and not (isinstance(u, dict) and not next(iter(u)).startswith("$"))
    request = {"q": spec, "u": u}
    if multi:
        request["multi"] = True
    after = copy.deepcopy(docs)
    n = modified = 0
    try:
        if code:
            raise Refused(code)
        for doc in after:
            if not meaning(doc) or (n and not multi):
                continue
            before = json.dumps(doc)
            change(doc)
            n += 1
            replaced = isinstance(u, dict) and not next(iter(u)).startswith("$")
            sorted_push = isinstance(u, dict) and "$push" in u and isinstance(u["$push"].get("tags"), dict)
            modified += json.dumps(doc) != before or replaced or sorted_push
    except Refused as refused:
        return {"update": encode(request), "code": refused.args[0], "after": None}
    return {"update": encode(request), "code": 0, "n": n, "nModified": modified, "after": encode(after) if after != docs else None}


def main():
    with open(__file__.replace("generate.py", "own.ndjson"), "w", encoding="utf-8") as out:
        for _ in range(40):
            docs = collection()
            record = {"docs": encode(docs), "finds": [find(docs) for _ in range(6)], "updates": [update(docs) for _ in range(6)]}
            out.write(json.dumps(record) + "\n")


main()
