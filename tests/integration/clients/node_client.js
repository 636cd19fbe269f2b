// SPDX-License-Identifier: Apache-2.0
// node_client.js URI: an ordinary day of a Node program, default options; prints result lines.
'use strict';
const assert = require('node:assert');
const { MongoClient } = require('mongodb');

const uri = process.argv[2];
let failures = 0;

async function run(name, body) {
   try {
      await body();
      console.log(`ok node.${name}`);
   } catch (error) {
      console.log(`not ok node.${name} - ${error.name}: ${String(error.message).slice(0, 300)}`);
      failures++;
   }
}

async function bulk(db, ordered) {
   const coll = db.collection('bulk');
   await coll.drop().catch(() => {});
   await coll.createIndex({ u: 1 }, { unique: true });
   try {
      await coll.bulkWrite([{ insertOne: { document: { u: 1 } } }, { insertOne: { document: { u: 1 } } }, { insertOne: { document: { u: 2 } } }], { ordered });
   } catch (error) {
      return error;
   }
   throw new Error('no bulk write error');
}

async function main() {
   const client = new MongoClient(uri);
   await client.connect();
   const db = client.db('node');
   await db.dropDatabase();

   await run('crud', async () => {
      const people = db.collection('people');
      const { insertedId } = await people.insertOne({ name: 'ann', n: 1 });
      await people.insertMany([{ name: 'bob' }, { name: 'cid' }]);
      const updated = await people.updateOne({ _id: insertedId }, { $inc: { n: 2 }, $push: { tags: 'x' }, $unset: { gone: '' } });
      assert.deepStrictEqual([updated.matchedCount, updated.modifiedCount], [1, 1]);
      assert.deepStrictEqual(await people.findOne({ _id: insertedId }), { _id: insertedId, name: 'ann', n: 3, tags: ['x'] });
      assert.strictEqual((await people.updateMany({}, { $set: { seen: true } })).modifiedCount, 3);
      assert.ok((await people.updateOne({ name: 'new' }, { $set: { n: 1 } }, { upsert: true })).upsertedId);
      assert.strictEqual((await people.findOneAndUpdate({ name: 'new' }, { $set: { name: 'newer' } }, { returnDocument: 'after' })).name, 'newer');
      assert.strictEqual(await people.countDocuments(), 4);
      assert.strictEqual((await people.deleteMany({ seen: true })).deletedCount, 3);
   });
   await run('cursor_three_batches', async () => {
      const many = db.collection('many');
      await many.insertMany(Array.from({ length: 250 }, (_, i) => ({ _id: i })));
      const found = await many.find().sort({ _id: 1 }).batchSize(100).toArray();
      assert.deepStrictEqual(found.map((d) => d._id), Array.from({ length: 250 }, (_, i) => i));
   });
   await run('aggregate', async () => {
      const groups = await db.collection('many').aggregate([{ $match: { _id: { $lt: 10 } } }, { $group: { _id: null, n: { $sum: 1 } } }]).toArray();
      assert.deepStrictEqual(groups, [{ _id: null, n: 10 }]);
   });
   await run('bulk_ordered', async () => {
      const error = await bulk(db, true);
      assert.strictEqual(error.code, 11000);
      assert.strictEqual(error.result.insertedCount, 1);
      assert.strictEqual(error.writeErrors[0].index, 1);
   });
   await run('bulk_unordered', async () => {
      const error = await bulk(db, false);
      assert.strictEqual(error.result.insertedCount, 2);
   });
   await run('unique_index', async () => {
      const unique = db.collection('unique');
      await unique.createIndex({ email: 1 }, { unique: true });
      await unique.insertOne({ email: 'a' });
      await assert.rejects(unique.insertOne({ email: 'a' }), (error) => error.code === 11000 && error.keyPattern.email === 1);
   });
   await run('plaintext_refused', async () => {
      await db.createCollection('secret', { validator: { $jsonSchema: { properties: { ssn: { encrypt: { bsonType: 'string' } } } } } });
      const secret = db.collection('secret');
      const refused = (error) => error.code === 121 && error.errInfo.details.operatorName === '$jsonSchema';
      await assert.rejects(secret.insertOne({ ssn: '123-45-6789' }), refused);
      await assert.rejects(secret.insertOne({ ssn: '123-45-6789' }, { bypassDocumentValidation: true }), refused);
      await assert.rejects(secret.updateOne({ _id: 1 }, { $set: { ssn: '123-45-6789' } }, { upsert: true }), refused);
      assert.strictEqual(await secret.countDocuments(), 0);
   });
   await client.close();
   process.exit(failures ? 1 : 0);
}

main().catch((error) => {
   console.log(`not ok node.main - ${error.message}`);
   process.exit(1);
});
