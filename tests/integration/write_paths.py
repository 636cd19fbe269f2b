# SPDX-License-Identifier: Apache-2.0
"""Every way of bringing a value into a declared field over the wire: each command that writes × each operator that can put a value somewhere.

A path says what is stored before the rules are there (seed), and which commands bring the value; all but the last must succeed, the last one is the one that is judged.
PATHS is the list that test_write_paths.py runs; a file that knows more of them (transactions, say) appends its own.
"""

from collections import namedtuple

COLL = "paths"
SOURCE = "paths_source"

# seed(value) -> documents of COLL; source(value) -> documents of SOURCE, or None
# commands(value) -> [(command, db), ...]
# violations: how many documents with the value it writes; control: whether it can bring ciphertext as well
Path = namedtuple("Path", "name seed source commands violations control")

PATHS = []


def none(_):
    return []


def one(value):
    """A document that holds the value where no rule is."""
    return [{"_id": 1, "n": 1, "other": value, "free": [1, 2], "p": {"x": 1}, "list": []}]


def holder(value):
    """A document that has had the value since before the rules."""
    return [{"_id": 1, "n": 1, "other": 2, "free": [1, 2, 3], "ssn": value}]


def list_holder(_):
    return [{"_id": 1, "list": ["$$GOOD", "$$GOOD"], "rows": [{"k": 1}, {"k": 2}]}]


def add(name, commands, seed=none, source=None, violations=1, control=True):
    PATHS.append(Path(name, seed, source, commands, violations, control))


# --- inserts ----------------------------------------------------------------------------------------------------------


def inserts():
    shapes = {
        "field": lambda v: {"_id": 2, "ssn": v},
        "nested": lambda v: {"_id": 2, "p": {"ssn": v}},
        "in_array": lambda v: {"_id": 2, "list": [v]},
        "behind_array": lambda v: {"_id": 2, "rows": [{"k": 1}, {"ssn": v}]},
    }
    for shape, make in shapes.items():
        add(f"insert/{shape}", lambda v, make=make: [({"insert": COLL, "documents": [make(v)]}, "test")])
        add(f"insert_unordered/{shape}", lambda v, make=make: [({"insert": COLL, "documents": [make(v)], "ordered": False}, "test")])
        add(f"bulk_insert/{shape}", lambda v, make=make: [(bulk([{"insert": 0, "document": make(v)}]), "admin")])


def bulk(ops):
    return {"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": f"test.{COLL}"}]}


# --- updates ----------------------------------------------------------------------------------------------------------

# name -> (update(value), seed, can bring ciphertext)
BRINGING = {
    "$set": (lambda v: {"$set": {"ssn": v}}, one, True),
    "$set_nested": (lambda v: {"$set": {"p.ssn": v}}, one, True),
    "$set_parent": (lambda v: {"$set": {"p": {"ssn": v}}}, one, True),
    "$set_beside": (lambda v: {"$inc": {"n": 1}, "$set": {"z": 1, "ssn": v}}, one, True),
    "$min": (lambda v: {"$min": {"ssn": v}}, one, True),
    "$max": (lambda v: {"$max": {"ssn": v}}, one, True),
    "$inc": (lambda v: {"$inc": {"ssn": 41}}, one, False),
    "$mul": (lambda v: {"$mul": {"ssn": 2}}, one, False),
    "$bit": (lambda v: {"$bit": {"ssn": {"or": 5}}}, one, False),
    "$currentDate": (lambda v: {"$currentDate": {"ssn": True}}, one, False),
    "$currentDate_timestamp": (lambda v: {"$currentDate": {"p.ssn": {"$type": "timestamp"}}}, one, False),
    "$rename": (lambda v: {"$rename": {"other": "ssn"}}, one, True),
    "$rename_nested": (lambda v: {"$rename": {"other": "p.ssn"}}, one, True),
    "$push_scalar_path": (lambda v: {"$push": {"ssn": v}}, one, False),
    "$addToSet_scalar_path": (lambda v: {"$addToSet": {"ssn": v}}, one, False),
    "$push": (lambda v: {"$push": {"list": v}}, one, True),
    "$push_each": (lambda v: {"$push": {"list": {"$each": [v]}}}, one, True),
    "$push_position_slice_sort": (lambda v: {"$push": {"list": {"$each": [v], "$position": 0, "$slice": 5}}}, one, True),
    "$push_row": (lambda v: {"$push": {"rows": {"ssn": v}}}, one, True),
    "$push_sort": (lambda v: {"$push": {"rows": {"$each": [{"ssn": v, "k": 1}], "$sort": {"k": -1}}}}, one, True),
    "$addToSet": (lambda v: {"$addToSet": {"list": v}}, one, True),
    "$addToSet_each": (lambda v: {"$addToSet": {"list": {"$each": [v]}}}, one, True),
    "$set_index": (lambda v: {"$set": {"list.0": v}}, list_holder, True),
    "$set_all_positional": (lambda v: {"$set": {"list.$[]": v}}, list_holder, True),
    "$set_row_all_positional": (lambda v: {"$set": {"rows.$[].ssn": v}}, list_holder, True),
    "replacement": (lambda v: {"ssn": v, "n": 2}, one, True),
    "pipeline_$set": (lambda v: [{"$set": {"ssn": {"$literal": v}}}], one, True),
    "pipeline_$addFields": (lambda v: [{"$addFields": {"p.ssn": {"$literal": v}}}], one, True),
    "pipeline_$set_from_field": (lambda v: [{"$set": {"ssn": "$other"}}], one, True),
    "pipeline_$project": (lambda v: [{"$project": {"ssn": "$other"}}], one, True),
    "pipeline_$replaceWith": (lambda v: [{"$replaceWith": {"_id": 1, "ssn": "$other"}}], one, True),
    "pipeline_$replaceRoot": (lambda v: [{"$replaceRoot": {"newRoot": {"$mergeObjects": ["$$ROOT", {"ssn": "$other"}]}}}], one, True),
    "pipeline_list": (lambda v: [{"$set": {"list": {"$concatArrays": ["$list", [{"$literal": v}]]}}}], one, True),
}

# The value is there already, from before the rules: whatever else changes, the document is written again with it.
TOUCHING = {
    "$set": {"$set": {"other": 3}},
    "$inc": {"$inc": {"n": 1}},
    "$mul": {"$mul": {"n": 3}},
    "$min": {"$min": {"n": 0}},
    "$max": {"$max": {"n": 9}},
    "$bit": {"$bit": {"other": {"or": 1}}},
    "$currentDate": {"$currentDate": {"when": True}},
    "$unset": {"$unset": {"other": ""}},
    "$rename": {"$rename": {"other": "another"}},
    "$push": {"$push": {"free": 4}},
    "$pull": {"$pull": {"free": 1}},
    "$pullAll": {"$pullAll": {"free": [1, 2]}},
    "$pop": {"$pop": {"free": 1}},
    "$addToSet": {"$addToSet": {"free": 9}},
    "pipeline_$unset": [{"$unset": "other"}],
    "pipeline_$set": [{"$set": {"n": {"$add": ["$n", 1]}}}],
}


def carriers(update, query, single_only):
    """(name, command, db): the commands that carry an update; a replacement cannot be multi."""
    yield "update", {"update": COLL, "updates": [{"q": query, "u": update}]}, "test"
    if not single_only:
        yield "update_multi", {"update": COLL, "updates": [{"q": query, "u": update, "multi": True}]}, "test"
    yield "findAndModify", {"findAndModify": COLL, "query": query, "update": update, "new": True}, "test"
    yield "bulk_update", bulk([{"update": 0, "filter": query, "updateMods": update}]), "admin"
    if not single_only:
        yield "bulk_update_multi", bulk([{"update": 0, "filter": query, "updateMods": update, "multi": True}]), "admin"


def carrier_names(single_only):
    return [name for name, _, _ in carriers({}, {}, single_only)]


def carried(index, single_only, make, query):
    def commands(value):
        _, command, db = list(carriers(make(value), query, single_only))[index]
        return [(command, db)]

    return commands


def updates():
    for name, (make, seed, control) in BRINGING.items():
        single = name == "replacement"
        for i, carrier in enumerate(carrier_names(single)):
            add(f"{carrier}/{name}", carried(i, single, make, {"_id": 1}), seed, control=control)
    for name, update in TOUCHING.items():
        for i, carrier in enumerate(carrier_names(False)):
            add(f"{carrier}/touch_{name}", carried(i, False, lambda v, update=update: update, {"_id": 1}), holder)
    for i, carrier in enumerate(carrier_names(True)):
        add(f"{carrier}/$set_positional", carried(i, True, lambda v: {"$set": {"rows.$.ssn": v}}, {"_id": 1, "rows.k": 2}), list_holder)
    add("update_multi/two_documents", lambda v: [({"update": COLL, "updates": [{"q": {}, "u": {"$set": {"ssn": v}}, "multi": True}]}, "test")], lambda v: [{"_id": 1}, {"_id": 2}], violations=2)
    add("update/two_statements", lambda v: [({"update": COLL, "updates": [{"q": {"_id": 1}, "u": {"$set": {"ssn": v}}}, {"q": {"_id": 1}, "u": {"$set": {"n": 7}}}]}, "test")], one, violations=2)


def array_filters():
    filters = {"arrayFilters": [{"e.k": 2}]}

    def update(v):
        return {"$set": {"rows.$[e].ssn": v}}

    add("update/arrayFilters", lambda v: [({"update": COLL, "updates": [{"q": {"_id": 1}, "u": update(v), **filters}]}, "test")], list_holder)
    add("update_multi/arrayFilters", lambda v: [({"update": COLL, "updates": [{"q": {"_id": 1}, "u": update(v), "multi": True, **filters}]}, "test")], list_holder)
    add("findAndModify/arrayFilters", lambda v: [({"findAndModify": COLL, "query": {"_id": 1}, "update": update(v), **filters}, "test")], list_holder)
    add("bulk_update/arrayFilters", lambda v: [(bulk([{"update": 0, "filter": {"_id": 1}, "updateMods": update(v), **filters}]), "admin")], list_holder)


# --- upserts ----------------------------------------------------------------------------------------------------------

UPSERTING = {
    "$set": (lambda v: {"_id": 2}, lambda v: {"$set": {"ssn": v}}),
    "$setOnInsert": (lambda v: {"_id": 2}, lambda v: {"$setOnInsert": {"ssn": v}}),
    "$setOnInsert_nested": (lambda v: {"_id": 2}, lambda v: {"$setOnInsert": {"p.ssn": v}}),
    "filter": (lambda v: {"_id": 2, "ssn": v}, lambda v: {"$set": {"n": 1}}),
    "filter_dotted": (lambda v: {"_id": 2, "p.ssn": v}, lambda v: {"$set": {"n": 1}}),
    "filter_$eq": (lambda v: {"_id": 2, "ssn": {"$eq": v}}, lambda v: {"$inc": {"n": 1}}),
    "filter_$and": (lambda v: {"$and": [{"_id": 2}, {"ssn": v}]}, lambda v: {"$set": {"n": 1}}),
    "replacement": (lambda v: {"_id": 2}, lambda v: {"ssn": v}),
    "$push": (lambda v: {"_id": 2}, lambda v: {"$push": {"list": v}}),
    "pipeline_$set": (lambda v: {"_id": 2}, lambda v: [{"$set": {"ssn": {"$literal": v}}}]),
    "pipeline_$replaceWith": (lambda v: {"_id": 2}, lambda v: [{"$replaceWith": {"_id": 2, "ssn": {"$literal": v}}}]),
    "pipeline_filter": (lambda v: {"_id": 2, "ssn": v}, lambda v: [{"$set": {"n": 1}}]),
}


def upserts():
    for name, (query, update) in UPSERTING.items():
        add(f"upsert/{name}", lambda v, q=query, u=update: [({"update": COLL, "updates": [{"q": q(v), "u": u(v), "upsert": True}]}, "test")])
        add(f"findAndModify_upsert/{name}", lambda v, q=query, u=update: [({"findAndModify": COLL, "query": q(v), "update": u(v), "upsert": True}, "test")])
        add(f"bulk_upsert/{name}", lambda v, q=query, u=update: [(bulk([{"update": 0, "filter": q(v), "updateMods": u(v), "upsert": True}]), "admin")])
        add(f"delete_then_upsert/{name}", lambda v, q=query, u=update: [({"delete": COLL, "deletes": [{"q": {"_id": 2}, "limit": 1}]}, "test"), ({"update": COLL, "updates": [{"q": q(v), "u": u(v), "upsert": True}]}, "test")], lambda v: [{"_id": 2, "gone": 1}])


# --- aggregations that write ------------------------------------------------------------------------------------------


def aggregate(*stages):
    return [({"aggregate": SOURCE, "pipeline": list(stages), "cursor": {}}, "test")]


def aggregations():
    def source(v):
        return [{"_id": 5, "ssn": v}]

    def renamed_source(v):
        return [{"_id": 5, "other": v}]

    def existing(v):
        return [{"_id": 5, "n": 1}]

    add("$out", lambda v: aggregate({"$out": COLL}), existing, source)
    add("$out_onto_nothing", lambda v: aggregate({"$out": COLL}), none, source)
    add("$out_with_db", lambda v: aggregate({"$out": {"db": "test", "coll": COLL}}), existing, source)
    add("$out_computed", lambda v: aggregate({"$project": {"ssn": "$other"}}, {"$out": COLL}), existing, renamed_source)
    add("$out_grouped", lambda v: aggregate({"$group": {"_id": 1, "ssn": {"$first": "$ssn"}}}, {"$out": COLL}), existing, source)
    for matched in ("replace", "merge", "keepExisting", "fail", [{"$set": {"ssn": "$$new.ssn"}}], [{"$replaceWith": "$$new"}]):
        label = matched if isinstance(matched, str) else "pipeline" + next(iter(matched[0]))
        for not_matched in ("insert", "discard", "fail"):
            if label in ("keepExisting", "fail") and not_matched != "insert":
                continue
            stage = {"$merge": {"into": COLL, "whenMatched": matched, "whenNotMatched": not_matched}}
            if label not in ("keepExisting", "fail"):
                add(f"$merge/{label}/{not_matched}/matched", lambda v, s=stage: aggregate(s), existing, source)
            if not_matched == "insert":
                add(f"$merge/{label}/{not_matched}/not_matched", lambda v, s=stage: aggregate(s), none, source)
    add("$merge/default", lambda v: aggregate({"$merge": COLL}), existing, source)
    add("$merge/let", lambda v: aggregate({"$merge": {"into": COLL, "let": {"x": "$ssn"}, "whenMatched": [{"$set": {"p.ssn": "$$x"}}], "whenNotMatched": "discard"}}), existing, source)
    add("$merge/touch", lambda v: aggregate({"$project": {"n": {"$literal": 8}}}, {"$merge": COLL}), lambda v: [{"_id": 5, "ssn": v}], lambda v: [{"_id": 5}])


inserts()
updates()
array_filters()
upserts()
aggregations()
