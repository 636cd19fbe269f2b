# SPDX-License-Identifier: Apache-2.0
"""pymongo_transactions.py URI: with_transaction and retryable writes, through a proxy that cuts the connection between a write and its reply; prints result lines."""

import socket
import struct
import sys
import threading
from urllib.parse import urlsplit

from bson import Binary
from pymongo import MongoClient, ReturnDocument, UpdateOne, errors
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

failures = 0
uri = sys.argv[1]
client = MongoClient(uri, serverSelectionTimeoutMS=10000)
db = client.get_database("pymongo_txn")


def case(function):
    global failures
    try:
        function()
        print(f"ok pymongo_txn.{function.__name__}", flush=True)
    except Exception as error:
        print(f"not ok pymongo_txn.{function.__name__} - {type(error).__name__}: {str(error)[:300]}", flush=True)
        failures += 1
    return function


class Proxy:
    """Passes bytes on; once armed, it closes the connection of the next message that holds the marker when its reply has come."""

    def __init__(self, target):
        self.target, self.marker, self.cuts = target, None, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(near, socket.create_connection(self.target)), daemon=True).start()

    def serve(self, near, far):
        try:
            while True:
                message = self.message(near)
                far.sendall(message)
                reply = self.message(far)
                if self.marker and self.marker in message:
                    self.marker = None
                    self.cuts += 1
                    break
                near.sendall(reply)
        except OSError:
            pass
        near.close()
        far.close()

    def message(self, sock):
        data = b""
        while len(data) < 4 or len(data) < struct.unpack_from("<i", data)[0]:
            part = sock.recv(65536)
            if not part:
                raise ConnectionError
            data += part
        return data


@case
def topology():
    hello = client.admin.command("hello")
    assert hello["setName"] and client.primary == tuple([hello["me"].rsplit(":", 1)[0], int(hello["me"].rsplit(":", 1)[1])]), (client.primary, hello)
    named = MongoClient(uri, replicaSet=hello["setName"], serverSelectionTimeoutMS=10000)
    assert named.admin.command("ping")["ok"] == 1
    assert named.admin.command("replSetGetStatus")["myState"] == 1


@case
def with_transaction():
    db.a.drop()
    db.a.insert_one({"_id": 1, "n": 1})

    def move(session):
        db.a.update_one({"_id": 1}, {"$inc": {"n": -1}}, session=session)
        db.b.insert_one({"_id": 1}, session=session)
        assert db.a.find_one({"_id": 1}, session=session) == {"_id": 1, "n": 0}
        assert db.a.count_documents({}, session=session) == 1
        assert db.a.find_one({"_id": 1}) == {"_id": 1, "n": 1}
        return "moved"

    db.b.drop()
    with client.start_session() as session:
        assert session.with_transaction(move, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")) == "moved"
    assert (db.a.find_one(), db.b.find_one()) == ({"_id": 1, "n": 0}, {"_id": 1})


@case
def abort():
    with client.start_session() as session:
        with session.start_transaction():
            db.a.insert_one({"_id": "gone"}, session=session)
            session.abort_transaction()
        try:
            with session.start_transaction():
                db.a.insert_one({"_id": "gone"}, session=session)
                raise KeyError
        except KeyError:
            pass
    assert db.a.find_one({"_id": "gone"}) is None


@case
def conflicts_are_tried_again():
    db.n.drop()
    db.n.insert_one({"_id": 1, "n": 0})

    def add(session):
        n = db.n.find_one({"_id": 1}, session=session)["n"]
        db.n.update_one({"_id": 1}, {"$set": {"n": n + 1}}, session=session)

    def work():
        for _ in range(20):
            with client.start_session() as session:
                session.with_transaction(add)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert db.n.find_one() == {"_id": 1, "n": 80}, db.n.find_one()


@case
def plaintext_aborts():
    db.secret.drop()
    db.create_collection("secret", validator={"$jsonSchema": {"properties": {"ssn": {"encrypt": {"bsonType": "string"}}}}})
    db.notes.drop()
    with client.start_session() as session:
        try:
            with session.start_transaction():
                db.notes.insert_one({"_id": 1}, session=session)
                db.secret.insert_one({"_id": 1, "ssn": "123-45-6789"}, session=session)
            raise AssertionError("plaintext was accepted")
        except errors.WriteError as error:
            assert error.code == 121, error
    assert (db.notes.find_one(), db.secret.find_one()) == (None, None)
    with client.start_session() as session, session.start_transaction():
        db.secret.insert_one({"_id": 1, "ssn": Binary(bytes([2]) + bytes(16) + bytes([2]) + bytes(range(100, 164)), 6)}, session=session)
    assert db.secret.count_documents({}) == 1


@case
def retryable_writes_over_a_cut():
    parts = urlsplit(uri)
    proxy = Proxy((parts.hostname, parts.port))
    through = MongoClient(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", serverSelectionTimeoutMS=10000)
    coll = through.get_database("pymongo_txn").cut
    coll.drop()
    coll.insert_one({"_id": 1, "n": 0})

    def cut(marker, write):
        proxy.marker = marker
        before = proxy.cuts
        result = write()
        assert proxy.cuts == before + 1, "no connection was cut"
        return result

    assert cut(b"$inc", lambda: coll.update_one({"_id": 1}, {"$inc": {"n": 1}})).modified_count == 1
    assert cut(b"findAndModify", lambda: coll.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}}, return_document=ReturnDocument.AFTER)) == {"_id": 1, "n": 2}
    assert cut(b"marker-1", lambda: coll.insert_one({"_id": "marker-1"})).inserted_id == "marker-1"
    assert cut(b"delete\0", lambda: coll.delete_one({"_id": "marker-1"})).deleted_count == 1
    result = cut(b"$inc", lambda: coll.bulk_write([UpdateOne({"_id": 1}, {"$inc": {"n": 1}}), UpdateOne({"_id": 2}, {"$inc": {"n": 1}}, upsert=True)]))
    assert (result.modified_count, result.upserted_ids) == (1, {1: 2}), result
    assert list(coll.find()) == [{"_id": 1, "n": 3}, {"_id": 2, "n": 1}], list(coll.find())
    with through.start_session() as session:
        with session.start_transaction():
            coll.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
            proxy.marker = b"commitTransaction"
    assert proxy.marker is None and coll.find_one({"_id": 1})["n"] == 4


sys.exit(1 if failures else 0)
