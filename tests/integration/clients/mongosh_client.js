// SPDX-License-Identifier: Apache-2.0
// mongosh URI --file mongosh_client.js: what a person types into the shell; prints result lines.
let failures = 0;

function run(name, body) {
   try {
      body();
      print(`ok mongosh.${name}`);
   } catch (error) {
      print(`not ok mongosh.${name} - ${error.name}: ${String(error.message).slice(0, 300)}`);
      failures++;
   }
}

function equal(actual, wanted) {
   const a = EJSON.stringify(actual);
   const b = EJSON.stringify(wanted);
   if (a !== b) {
      throw new Error(`${a} is not ${b}`);
   }
}

function errorOf(body) {
   try {
      body();
   } catch (error) {
      return error;
   }
   throw new Error('no error');
}

db.dropDatabase();

run('version', () => {
   if (!db.version().startsWith('8.0')) {
      throw new Error(db.version());
   }
});
run('crud', () => {
   db.people.insertOne({ _id: 1, name: 'ann' });
   db.people.insertMany([{ _id: 2 }, { _id: 3 }]);
   equal(db.people.updateOne({ _id: 1 }, { $set: { n: 1 } }).modifiedCount, 1);
   equal(db.people.findOne({ _id: 1 }), { _id: 1, name: 'ann', n: 1 });
   equal(db.people.updateOne({ _id: 9 }, { $set: { n: 1 } }, { upsert: true }).upsertedCount, 1);
   equal(db.people.findOneAndDelete({ _id: 9 })._id, 9);
   equal(db.people.countDocuments(), 3);
   equal(db.people.deleteMany({}).deletedCount, 3);
});
run('cursor_three_batches', () => {
   db.many.insertMany(Array.from({ length: 250 }, (_, i) => ({ _id: i })));
   equal(db.many.find().sort({ _id: 1 }).batchSize(100).toArray().length, 250);
});
run('bulk_ordered', () => {
   const error = errorOf(() => db.bulk.bulkWrite([{ insertOne: { document: { _id: 1 } } }, { insertOne: { document: { _id: 1 } } }, { insertOne: { document: { _id: 2 } } }]));
   equal(error.code, 11000);
   equal(db.bulk.countDocuments(), 1);
});
run('bulk_unordered', () => {
   errorOf(() => db.bulk2.insertMany([{ _id: 1 }, { _id: 1 }, { _id: 2 }], { ordered: false }));
   equal(db.bulk2.countDocuments(), 2);
});
run('unique_index', () => {
   db.unique.createIndex({ email: 1 }, { unique: true });
   db.unique.insertOne({ email: 'a' });
   equal(errorOf(() => db.unique.insertOne({ email: 'a' })).code, 11000);
   equal(db.unique.getIndexes().length, 2);
});
run('plaintext_refused', () => {
   db.createCollection('secret', { validator: { $jsonSchema: { properties: { ssn: { encrypt: { bsonType: 'string' } } } } } });
   const error = errorOf(() => db.secret.insertOne({ ssn: '123-45-6789' }));
   equal(error.code, 121);
   equal(error.errInfo.details.operatorName, '$jsonSchema');
   equal(db.secret.countDocuments(), 0);
});
run('server_status', () => {
   if (db.serverStatus().fieldguard === undefined) {
      throw new Error('no fieldguard section in serverStatus');
   }
   equal(db.adminCommand({ getParameter: 1, 'fieldguard.mode': 1 })['fieldguard.mode'], 'enforce');
});
run('show_collections', () => {
   equal(db.getCollectionNames().includes('secret'), true);
   equal(db.getCollectionInfos({ name: 'secret' })[0].options.validator.$jsonSchema.properties.ssn.encrypt.bsonType, 'string');
});

quit(failures ? 1 : 0);
