// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What mongod's hooks call. The core knows fieldguard's C interface (libfieldguard-host) and asks fieldguard_shim.h for
 * everything that differs between server versions; the observer translates mongod's events into these calls.
 *
 * With no module asked for (fieldguardModules absent) loader() is null and every call returns at once: mongod is then stock.
 *
 * Who may be refused: see Gate. A write that is being applied (oplog, initial sync, rollback, migration, resharding) is judged
 * and put on record, and nothing is ever thrown for it: an exception there would take the node down or fail the migration.
 *
 * Threads: everything here may be called from any thread that holds an operation context, under the locks that mongod holds when it
 * calls its observers. Writes take no lock of ours; the first write into a collection after start-up takes one mutex, once.
 */

#include "fieldguard_shim.h"

#include <fieldguard/host.h>

namespace mongo::fieldguard {

fg_loader *loader () noexcept;
void logHost (fg_severity severity, int32_t id, const std::string &message);

/* Who asks, as records show it. */
struct ClientInfo {
   std::string remote, local, user, userDb, app;
   fg_client_info view;
};

/* True when the source carries the added lines of README.md's pre-write route and fieldguardPreWrite asks for it. */
bool preWriteRoute () noexcept;

/* At shutdown the modules are stopped when the last of these has gone. */
struct InUse {
   InUse () noexcept;
   InUse (const InUse &) noexcept : InUse () {}
   ~InUse ();
};

/* One collection's slots, options and life towards the modules. Lives as long as mongod's own object for the collection. */
class CollectionState {
   InUse _inUse;

public:
   CollectionState (const NamespaceString &nss, const UUID &id, BSONObj collectionOptions);
   ~CollectionState (); /* tells the modules UNLOAD where they still hold a slot */

   const UUID uuid;
   fg_collection *handle;
   BSONObj options;
   bool live = false; /* LOAD or CREATE was applied, DROP was not */

   /* mongod evaluates a validator of its own here, and then updates nothing in place behind checkValidation's back. */
   bool hasValidator () const {
      return !options.getObjectField ("validator").isEmpty () || options.hasField ("encryptedFields");
   }
};

/* What decorates mongod's collection object: the write path reads `fast`, without a lock. */
struct Slot {
   std::atomic<CollectionState *> fast{nullptr};
   std::shared_ptr<CollectionState> owner;

   void set (std::shared_ptr<CollectionState> state);
};

Slot &slotOf (const Collection *collection);

/* The state of a collection; read from the catalog at its first use (LOAD). Throws when it cannot be had. */
CollectionState *stateOf (OperationContext *opCtx, const Collection *collection);

/* Whether a write may be refused, and with which flags it is judged. */
struct Gate {
   Gate (OperationContext *opCtx, const NamespaceString &nss, bool fromMigrate);

   bool user;
   bool refusable;
   bool copy;
   uint32_t flags;
};

/* Judges the documents of one event and ends in one unit of work that commits or rolls back with mongod's. */
class Judge {
public:
   Judge (OperationContext *opCtx, CollectionState *state, const Gate &gate, fg_op op);
   ~Judge ();

   void document (const BSONObj &post, const BSONObj *pre); /* throws a refusal */
   void done (); /* throws when no room is left for the records */

private:
   OperationContext *_opCtx;
   CollectionState *_state;
   const Gate &_gate;
   fg_op _op;
   std::shared_ptr<const ClientInfo> _client;
   fg_unit _unit;
};

/* One change of a collection: announced to the modules at once (throws a veto where the gate allows it), applied when mongod's unit
 * of work commits, abandoned when it rolls back. */
struct Change {
   fg_ddl kind;
   std::shared_ptr<CollectionState> collection = nullptr;
   boost::optional<BSONObj> newOptions = boost::none;
   boost::optional<NamespaceString> targetNs = boost::none;
   std::shared_ptr<CollectionState> target = nullptr;
   Slot *slot = nullptr; /* where collection hangs: emptied when a change had to pass a veto */
};
void announce (OperationContext *opCtx, const Gate &gate, Change change);

/* A collection that came to be in this unit of work: its rules hold for the very next write. */
void created (OperationContext *opCtx, const Gate &gate, const Collection *collection);

/* Counts, on a thread of its own, what was stored before the rules that a change has just brought into force. Called where mongod still holds the
 * collection; never blocks there. */
void surveyStored (OperationContext *opCtx, const CollectionState &state,
                   std::shared_ptr<const ClientInfo> who) noexcept;

/* Makes records durable before the reply goes out; a reply that must not go out is withheld by closing the connection. */
void endOfOperation (OperationContext *opCtx) noexcept;

/* Logs why, also on stderr, and ends the process with the server's exit code for bad options. */
[[noreturn]] void refuseToStart (const std::string &why);

/* Once, on the start-up thread, when the data directory is locked and before any write. Does not return when a module fails. */
void start ();

} // namespace mongo::fieldguard
