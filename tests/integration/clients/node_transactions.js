// SPDX-License-Identifier: Apache-2.0
// node_transactions.js URI: sessions and transactions of a Node program, default options; prints result lines.
'use strict';
const assert = require('node:assert');
const { MongoClient } = require('mongodb');

let failures = 0;

async function run(name, body) {
   try {
      await body();
      console.log(`ok node_txn.${name}`);
   } catch (error) {
      console.log(`not ok node_txn.${name} - ${error.name}: ${String(error.message).slice(0, 300)}`);
      failures++;
   }
}

async function main() {
   const client = new MongoClient(process.argv[2], { serverSelectionTimeoutMS: 10000 });
   await client.connect();
   const db = client.db('node_txn');
   await db.dropDatabase();

   await run('with_transaction', async () => {
      await db.collection('a').insertOne({ _id: 1, n: 0 });
      await client.withSession((session) =>
         session.withTransaction(async () => {
            await db.collection('a').updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session });
            await db.collection('b').insertMany([{ _id: 1 }, { _id: 2 }], { session });
            assert.strictEqual(await db.collection('b').countDocuments({}, { session }), 2);
            assert.strictEqual(await db.collection('b').countDocuments(), 0);
         })
      );
      assert.deepStrictEqual(await db.collection('a').findOne(), { _id: 1, n: 1 });
      assert.strictEqual(await db.collection('b').countDocuments(), 2);
   });
   await run('abort', async () => {
      const session = client.startSession();
      session.startTransaction({ readConcern: { level: 'snapshot' } });
      await db.collection('a').updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session });
      await session.abortTransaction();
      await session.endSession();
      assert.deepStrictEqual(await db.collection('a').findOne(), { _id: 1, n: 1 });
   });
   await run('conflicts_are_tried_again', async () => {
      await db.collection('n').insertOne({ _id: 1, n: 0 });
      const add = (session) =>
         session.withTransaction(async () => {
            const { n } = await db.collection('n').findOne({ _id: 1 }, { session });
            await db.collection('n').updateOne({ _id: 1 }, { $set: { n: n + 1 } }, { session });
         });
      await Promise.all(Array.from({ length: 8 }, () => client.withSession(add)));
      assert.strictEqual((await db.collection('n').findOne()).n, 8);
   });
   await run('plaintext_aborts', async () => {
      await db.createCollection('secret', { validator: { $jsonSchema: { properties: { ssn: { encrypt: { bsonType: 'string' } } } } } });
      await client.withSession(async (session) => {
         session.startTransaction();
         await db.collection('notes').insertOne({ _id: 1 }, { session });
         await assert.rejects(db.collection('secret').insertOne({ ssn: '123-45-6789' }, { session }), (error) => error.code === 121);
         await session.abortTransaction();
      });
      assert.strictEqual(await db.collection('notes').countDocuments(), 0);
      assert.strictEqual(await db.collection('secret').countDocuments(), 0);
   });
   await client.close();
   process.exit(failures ? 1 : 0);
}

main().catch((error) => {
   console.log(`not ok node_txn.main - ${error.message}`);
   process.exit(1);
});
