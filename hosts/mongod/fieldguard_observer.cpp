// SPDX-License-Identifier: Apache-2.0

/*
 * mongod's events, translated. The observer runs inside mongod's unit of work, after the record was written and before anything is
 * visible: an exception undoes the write and reaches the client as its error. Nothing is thrown for an event that the gate says is applied.
 */

#include "fieldguard_core.h"

#include <thread>

namespace mongo::fieldguard {
namespace {

class Observer final : public OpObserverNoop {
public:
#if FG_SERVER_8
   void onInserts (OperationContext *opCtx, const CollectionPtr &coll,
                   std::vector<InsertStatement>::const_iterator begin, std::vector<InsertStatement>::const_iterator end,
                   const std::vector<RecordId> &, std::vector<bool> fromMigrate, bool defaultFromMigrate,
                   OpStateAccumulator *) override {
      const bool migrated =
         defaultFromMigrate || std::find (fromMigrate.begin (), fromMigrate.end (), true) != fromMigrate.end ();
      inserts (opCtx, coll.get (), begin, end, migrated);
   }
   void onUpdate (OperationContext *opCtx, const OplogUpdateEntryArgs &args, OpStateAccumulator *) override {
      update (opCtx, args.coll.get (), args.updateArgs->updatedDoc, &args.updateArgs->preImageDoc,
              args.updateArgs->source == OperationSource::kFromMigrate);
   }
   void onCreateCollection (OperationContext *opCtx, const NamespaceString &nss, const CollectionOptions &,
                            const BSONObj &, const OplogSlot &, const boost::optional<CreateCollCatalogIdentifier> &,
                            bool fromMigrate, bool, bool) override {
      create (opCtx, CollectionCatalog::get (opCtx)->lookupCollectionByNamespace (opCtx, nss), fromMigrate);
   }
   void onCollMod (OperationContext *opCtx, const NamespaceString &, const UUID &uuid, const BSONObj &,
                   const CollectionOptions &, boost::optional<IndexCollModInfo>, bool) override {
      collMod (opCtx, uuid);
   }
   repl::OpTime onDropCollection (OperationContext *opCtx, const NamespaceString &, const UUID &uuid, std::uint64_t,
                                  bool markFromMigrate, bool) override {
      return drop (opCtx, uuid, markFromMigrate);
   }
   repl::OpTime preRenameCollection (OperationContext *opCtx, const NamespaceString &, const NamespaceString &to,
                                     const UUID &uuid, const boost::optional<UUID> &dropped, std::uint64_t, bool,
                                     bool markFromMigrate, bool) override {
      return rename (opCtx, uuid, to, dropped, markFromMigrate);
   }
   void onRenameCollection (OperationContext *opCtx, const NamespaceString &, const NamespaceString &to,
                            const UUID &uuid, const boost::optional<UUID> &dropped, std::uint64_t, bool,
                            bool markFromMigrate, bool) override {
      rename (opCtx, uuid, to, dropped, markFromMigrate);
   }
#else
   void onInserts (OperationContext *opCtx, const NamespaceString &, OptionalCollectionUUID uuid,
                   std::vector<InsertStatement>::const_iterator begin, std::vector<InsertStatement>::const_iterator end,
                   bool fromMigrate) override {
      inserts (opCtx, uuid ? shim::find (opCtx, *uuid) : nullptr, begin, end, fromMigrate);
   }
   void onUpdate (OperationContext *opCtx, const OplogUpdateEntryArgs &args) override {
      const auto &pre = args.updateArgs.preImageDoc;
      update (opCtx, shim::find (opCtx, args.uuid), args.updateArgs.updatedDoc, pre ? &*pre : nullptr,
              args.updateArgs.fromMigrate);
   }
   void onCreateCollection (OperationContext *opCtx, Collection *coll, const NamespaceString &,
                            const CollectionOptions &, const BSONObj &, const OplogSlot &) override {
      create (opCtx, coll, false);
   }
   void onCollMod (OperationContext *opCtx, const NamespaceString &, OptionalCollectionUUID uuid, const BSONObj &,
                   const CollectionOptions &, boost::optional<TTLCollModInfo>) override {
      collMod (opCtx, *uuid);
   }
   repl::OpTime onDropCollection (OperationContext *opCtx, const NamespaceString &, OptionalCollectionUUID uuid,
                                  std::uint64_t, CollectionDropType) override {
      return drop (opCtx, *uuid, false);
   }
   repl::OpTime preRenameCollection (OperationContext *opCtx, const NamespaceString &, const NamespaceString &to,
                                     OptionalCollectionUUID uuid, OptionalCollectionUUID dropped, std::uint64_t,
                                     bool) override {
      return rename (opCtx, *uuid, to, dropped, false);
   }
   void onRenameCollection (OperationContext *opCtx, const NamespaceString &, const NamespaceString &to,
                            OptionalCollectionUUID uuid, OptionalCollectionUUID dropped, std::uint64_t, bool) override {
      rename (opCtx, *uuid, to, dropped, false);
   }
#endif

private:
   void inserts (OperationContext *opCtx, const Collection *coll, std::vector<InsertStatement>::const_iterator begin,
                 std::vector<InsertStatement>::const_iterator end, bool fromMigrate) {
      uassert (ErrorCodes::NamespaceNotFound, "fieldguard: an insert into a collection that the catalog does not know",
               coll);
      const Gate gate (opCtx, coll->ns (), fromMigrate);
      if (preWriteRoute () && gate.user) {
         return;
      }
      Judge judge (opCtx, stateOf (opCtx, coll), gate, FG_OP_INSERT);
      for (; begin != end; ++begin) {
         judge.document (begin->doc, nullptr);
      }
      judge.done ();
   }

   void update (OperationContext *opCtx, const Collection *coll, const BSONObj &post, const BSONObj *pre,
                bool fromMigrate) {
      uassert (ErrorCodes::NamespaceNotFound, "fieldguard: an update of a collection that the catalog does not know",
               coll);
      const Gate gate (opCtx, coll->ns (), fromMigrate);
      auto *state = stateOf (opCtx, coll);
      if (preWriteRoute () && gate.user && state->hasValidator ()) {
         return;
      }
      Judge judge (opCtx, state, gate, FG_OP_UPDATE);
      judge.document (post, pre);
      judge.done ();
   }

   void create (OperationContext *opCtx, const Collection *coll, bool fromMigrate) {
      if (coll) {
         created (opCtx, Gate (opCtx, coll->ns (), fromMigrate), coll);
      }
   }

   void collMod (OperationContext *opCtx, const UUID &uuid) {
      const auto *coll = shim::find (opCtx, uuid);
      change (opCtx, coll, false,
              {FG_DDL_COLL_MOD, nullptr, coll ? shim::optionsOf (opCtx, coll).getOwned () : BSONObj ()});
   }

   repl::OpTime drop (OperationContext *opCtx, const UUID &uuid, bool fromMigrate) {
      return change (opCtx, shim::find (opCtx, uuid), fromMigrate, {FG_DDL_DROP});
   }

   repl::OpTime rename (OperationContext *opCtx, const UUID &uuid, const NamespaceString &to,
                        const boost::optional<UUID> &dropped, bool fromMigrate) {
      Change renamed{FG_DDL_RENAME, nullptr, boost::none, to};
      if (const auto *target = dropped ? shim::find (opCtx, *dropped) : nullptr) {
         stateOf (opCtx, target);
         renamed.target = slotOf (target).owner;
      }
      return change (opCtx, shim::find (opCtx, uuid), fromMigrate, std::move (renamed));
   }

   /* A null time: this observer writes nothing to the oplog. */
   repl::OpTime change (OperationContext *opCtx, const Collection *coll, bool fromMigrate, Change what) {
      if (coll) {
         stateOf (opCtx, coll);
         what.slot = &slotOf (coll);
         what.collection = what.slot->owner;
         announce (opCtx, Gate (opCtx, coll->ns (), fromMigrate), std::move (what));
      }
      return {};
   }
};

/* The observer must be in mongod's registry, whose list has no lock, before anybody uses it: on the start-up thread's first operation context
 * after mongod has set its own. Other threads (the journal flusher is one) have theirs sooner. By then, too, the data directory is locked, so that a
 * second server on it has gone before it opens our files. */
const std::thread::id startupThread = std::this_thread::get_id ();

class Installer final : public ServiceContext::ClientObserver {
public:
   void onCreateClient (Client *) override {}
   void onDestroyClient (Client *) override {}
   void onCreateOperationContext (OperationContext *opCtx) override {
      auto *service = opCtx->getServiceContext ();
      if (_installed || !loader () || std::this_thread::get_id () != startupThread || !service->getOpObserver ()) {
         return;
      }
      _installed = true;
#if !FG_SERVER_8
      auto *registry = dynamic_cast<OpObserverRegistry *> (service->getOpObserver ());
      if (!registry) {
         refuseToStart ("this server's op observer is no registry");
      }
      registry->addObserver (std::make_unique<Observer> ());
#endif
      start ();
   }
   void onDestroyOperationContext (OperationContext *opCtx) override {
      if (_installed) {
         endOfOperation (opCtx);
      }
   }

private:
   std::atomic<bool> _installed{false}; /* set by the start-up thread only */
};

ServiceContext::ConstructorActionRegisterer registerInstaller ("FieldguardInstaller", [] (ServiceContext *service) {
   service->registerClientObserver (std::make_unique<Installer> ());
});

#if FG_SERVER_8
MONGO_INITIALIZER (FieldguardObserver) (InitializerContext *) {
   audit::opObserverRegistrar = [previous = audit::opObserverRegistrar] (OpObserverRegistry *registry) {
      if (previous) {
         previous (registry);
      }
      if (loader ()) {
         registry->addObserver (std::make_unique<Observer> ());
      }
   };
}
#endif

} // namespace
} // namespace mongo::fieldguard

namespace mongo {

/* The pre-write route: called by the added lines of README.md before mongod's own validation, only for writes that a client's connection asks
 * for. The rest is left to the observer, which knows of migrations. */
void fieldguardBeforeWrite (OperationContext *opCtx, const Collection *coll, const BSONObj &post, const BSONObj *pre) {
   using namespace fieldguard;
   if (!preWriteRoute () || !loader ()) {
      return;
   }
   const Gate gate (opCtx, coll->ns (), false);
   if (gate.user) {
      Judge judge (opCtx, stateOf (opCtx, coll), gate, pre ? FG_OP_UPDATE : FG_OP_INSERT);
      judge.document (post, pre);
      judge.done ();
   }
}

} // namespace mongo
