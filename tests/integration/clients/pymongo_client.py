# SPDX-License-Identifier: Apache-2.0
"""pymongo_client.py URI: an ordinary day of a pymongo program, default options; prints result lines."""

import sys

import pymongo
from bson import Int64
from pymongo import InsertOne, MongoClient, UpdateOne, errors

failures = 0
client = MongoClient(sys.argv[1])
db = client.get_database("pymongo")


def case(function):
    global failures
    try:
        function()
        print(f"ok pymongo.{function.__name__}", flush=True)
    except Exception as error:
        print(f"not ok pymongo.{function.__name__} - {type(error).__name__}: {str(error)[:300]}", flush=True)
        failures += 1
    return function


@case
def server_info():
    assert client.server_info()["version"].startswith("8.0"), client.server_info()
    assert client.admin.command("hello")["maxWireVersion"] == 25


@case
def crud():
    people = db.people
    people.drop()
    one = people.insert_one({"name": "ann", "n": 1}).inserted_id
    assert people.insert_many([{"name": f"p{i}"} for i in range(10)]).acknowledged
    result = people.update_one({"_id": one}, {"$set": {"name": "anna"}, "$inc": {"n": Int64(2)}, "$push": {"tags": "x"}})
    assert (result.matched_count, result.modified_count) == (1, 1)
    assert people.update_one({"_id": one}, {"$set": {"name": "anna"}}).modified_count == 0
    assert people.find_one({"_id": one}) == {"_id": one, "name": "anna", "n": 3, "tags": ["x"]}
    assert people.update_many({"name": {"$regex": "^p"}}, {"$set": {"seen": True}}).modified_count == 10
    assert people.update_many({"seen": True}, {"$unset": {"seen": ""}}).modified_count == 10
    assert people.update_one({"name": "new"}, {"$set": {"n": 1}}, upsert=True).upserted_id is not None
    assert people.replace_one({"name": "new"}, {"name": "newer"}).modified_count == 1
    before = people.find_one_and_update({"name": "newer"}, {"$set": {"name": "newest"}})
    assert before["name"] == "newer"
    assert people.find_one_and_delete({"name": "newest"})["name"] == "newest"
    assert people.find_one_and_replace({"name": "p0"}, {"name": "zero"}, return_document=pymongo.ReturnDocument.AFTER)["name"] == "zero"
    assert people.count_documents({}) == 11
    assert people.estimated_document_count() == 11
    assert people.delete_one({"name": "zero"}).deleted_count == 1
    assert people.delete_many({}).deleted_count == 10


@case
def sort_limit_projection():
    numbers = db.sorted
    numbers.drop()
    numbers.insert_many([{"_id": i, "k": i % 3, "sub": {"a": i, "b": -i}} for i in range(30)])
    found = list(numbers.find({"k": 1}, {"sub.a": 1}).sort([("_id", -1)]).skip(1).limit(2))
    assert found == [{"_id": 25, "sub": {"a": 25}}, {"_id": 22, "sub": {"a": 22}}], found
    groups = list(numbers.aggregate([{"$match": {"_id": {"$gte": 3}}}, {"$group": {"_id": "$k", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]))
    assert groups == [{"_id": 0, "n": 9}, {"_id": 1, "n": 9}, {"_id": 2, "n": 9}], groups


@case
def cursor_three_batches():
    many = db.many
    many.drop()
    many.insert_many([{"_id": i} for i in range(250)])
    assert [d["_id"] for d in many.find().sort("_id").batch_size(100)] == list(range(250))
    cursor = many.find().batch_size(100)
    next(cursor)
    cursor.close()
    assert [d["_id"] for d in many.aggregate([{"$sort": {"_id": 1}}], batchSize=100)] == list(range(250))


def bulk(ordered):
    coll = db.get_collection("bulk")
    coll.drop()
    coll.create_index("u", unique=True)
    try:
        coll.bulk_write([InsertOne({"u": 1}), InsertOne({"u": 1}), UpdateOne({"u": 2}, {"$set": {"x": 1}}, upsert=True)], ordered=ordered)
    except errors.BulkWriteError as error:
        return error.details
    raise AssertionError("no BulkWriteError")


@case
def bulk_ordered():
    details = bulk(True)
    assert (details["nInserted"], details["nUpserted"]) == (1, 0), details
    assert details["writeErrors"][0]["index"] == 1 and details["writeErrors"][0]["code"] == 11000


@case
def bulk_unordered():
    details = bulk(False)
    assert (details["nInserted"], details["nUpserted"]) == (1, 1), details
    assert [e["index"] for e in details["writeErrors"]] == [1]


@case
def client_bulk_write():
    names = ["pymongo.cb1", "pymongo.cb2"]
    for name in names:
        client.get_database("pymongo").drop_collection(name.split(".")[1])
    result = client.bulk_write([InsertOne({"_id": i}, namespace=n) for n in names for i in range(3)])
    assert result.inserted_count == 6


@case
def unique_index():
    unique = db.unique
    unique.drop()
    name = unique.create_index([("email", 1)], unique=True, partialFilterExpression={"email": {"$exists": True}})
    assert name in unique.index_information()
    unique.insert_many([{}, {}, {"email": "a"}])
    try:
        unique.insert_one({"email": "a"})
    except errors.DuplicateKeyError as error:
        assert error.details["keyPattern"] == {"email": 1} and error.details["keyValue"] == {"email": "a"}, error.details
        return
    raise AssertionError("no DuplicateKeyError")


@case
def collections():
    db.drop_collection("opts")
    db.create_collection("opts", validator={"$jsonSchema": {"required": ["x"]}})
    info = next(db.list_collections(filter={"name": "opts"}))
    assert info["options"] == {"validator": {"$jsonSchema": {"required": ["x"]}}, "validationLevel": "strict", "validationAction": "error"} or info["options"] == {
        "validator": {"$jsonSchema": {"required": ["x"]}}
    }, info
    assert len(info["info"]["uuid"].bytes if hasattr(info["info"]["uuid"], "bytes") else info["info"]["uuid"]) == 16
    assert "pymongo" in client.list_database_names()
    assert "opts" in db.list_collection_names()
    db.drop_collection("opts")
    assert "opts" not in db.list_collection_names()


@case
def plaintext_refused():
    secret = db.secret
    secret.drop()
    db.create_collection("secret", validator={"$jsonSchema": {"properties": {"ssn": {"encrypt": {"bsonType": "string"}}}}})
    writes = [
        lambda: secret.insert_one({"ssn": "123-45-6789"}),
        lambda: secret.update_one({"_id": 1}, {"$set": {"ssn": "123-45-6789"}}, upsert=True),
        lambda: secret.replace_one({"_id": 1}, {"ssn": "123-45-6789"}, upsert=True),
        lambda: secret.find_one_and_update({"_id": 1}, {"$set": {"ssn": "123-45-6789"}}, upsert=True),
        lambda: secret.insert_many([{"ssn": "123-45-6789"}], bypass_document_validation=True),
    ]
    for index, write in enumerate(writes):
        try:
            write()
        except (errors.WriteError, errors.OperationFailure, errors.BulkWriteError) as error:
            details = error.details["writeErrors"][0] if "writeErrors" in (error.details or {}) else error.details
            assert details["code"] == 121, (index, details)
            assert details["errInfo"]["details"]["operatorName"] == "$jsonSchema", (index, details)
            continue
        raise AssertionError(f"plaintext write {index} was accepted")
    assert secret.count_documents({}) == 0


client.close()
sys.exit(1 if failures else 0)
