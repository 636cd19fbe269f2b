// SPDX-License-Identifier: Apache-2.0
// mongosh URI --file mongosh_transactions.js: a transaction by hand; prints result lines.
let failures = 0;

function run(name, body) {
   try {
      body();
      print(`ok mongosh_txn.${name}`);
   } catch (error) {
      print(`not ok mongosh_txn.${name} - ${error.name}: ${String(error.message).slice(0, 300)}`);
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

db.dropDatabase();

run('status', () => {
   equal([rs.status().myState, rs.conf().members.length, db.hello().isWritablePrimary], [1, 1, true]);
});
run('commit_and_abort', () => {
   db.a.insertOne({ _id: 1, n: 0 });
   const session = db.getMongo().startSession();
   const inside = session.getDatabase(db.getName());
   session.startTransaction();
   inside.a.updateOne({ _id: 1 }, { $inc: { n: 1 } });
   inside.b.insertOne({ _id: 1 });
   equal([inside.a.findOne().n, db.a.findOne().n, db.b.countDocuments()], [1, 0, 0]);
   session.commitTransaction();
   equal([db.a.findOne().n, db.b.countDocuments()], [1, 1]);
   session.startTransaction();
   inside.a.deleteOne({ _id: 1 });
   session.abortTransaction();
   equal(db.a.findOne().n, 1);
   session.endSession();
});

quit(failures ? 1 : 0);
