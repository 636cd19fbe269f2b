// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The version shim: every difference between the server versions that this module is compiled in, and nothing else. Two shapes are
 * known: FG_SERVER_8 (8.x and the sources after it) and the 4.2 line. README.md says which were built and which were run.
 */

#if __has_include("mongo/db/op_observer/op_observer_noop.h")
#define FG_SERVER_8 1
#else
#define FG_SERVER_8 0
#endif

#include "mongo/base/init.h"
#include "mongo/db/auth/authorization_session.h"
#include "mongo/client/dbclient_cursor.h"
#include "mongo/db/client.h"
#include "mongo/db/curop.h"
#include "mongo/db/dbdirectclient.h"
#include "mongo/db/operation_context.h"
#include "mongo/db/service_context.h"
#include "mongo/transport/session.h"
#include "mongo/util/exit.h"
#include "mongo/util/options_parser/environment.h"
#include "mongo/util/options_parser/startup_options.h"
#include "mongo/util/quick_exit.h"
#include "mongo/util/str.h"
#include "mongo/util/version.h"

#if FG_SERVER_8
#include "mongo/db/audit.h"
#include "mongo/db/commands/server_status/server_status.h"
#include "mongo/db/matcher/doc_validation/doc_validation_error.h"
#include "mongo/db/op_observer/op_observer_noop.h"
#include "mongo/db/op_observer/op_observer_registry.h"
#include "mongo/db/server_parameter.h"
#include "mongo/db/shard_role/shard_catalog/collection.h"
#include "mongo/db/shard_role/shard_catalog/collection_catalog.h"
#include "mongo/db/shard_role/shard_catalog/document_validation.h"
#include "mongo/db/shard_role/transaction_resources.h"
#include "mongo/logv2/log_util.h"
#include "mongo/rpc/metadata/client_metadata.h"
#else
#include "mongo/db/catalog/collection.h"
#include "mongo/db/catalog/collection_catalog.h"
#include "mongo/db/catalog/document_validation.h"
#include "mongo/db/commands/server_status.h"
#include "mongo/db/op_observer_noop.h"
#include "mongo/db/op_observer_registry.h"
#include "mongo/db/storage/durable_catalog.h"
#include "mongo/idl/server_parameter.h"
#include "mongo/rpc/metadata/client_metadata_ismaster.h"
#endif

namespace mongo::fieldguard::shim {

#if FG_SERVER_8
#define FG_INIT_DONE return
using CollectionOwner = SharedCollectionDecorations;

inline CollectionOwner &ownerOf (const Collection *collection) { return *collection->getSharedDecorations (); }

inline BSONObj optionsOf (OperationContext *, const Collection *collection) {
   return collection->getCollectionOptions ().toBSON ();
}

inline const Collection *find (OperationContext *opCtx, const UUID &uuid) {
   return CollectionCatalog::get (opCtx)->lookupCollectionByUUID (opCtx, uuid);
}

/* Replicated or recovered: constraints were enforced where the write came from. */
inline bool isApplying (OperationContext *opCtx) { return !opCtx->isEnforcingConstraints (); }

inline bool skipsValidation (OperationContext *opCtx) {
   return DocumentValidationSettings::get (opCtx).isSchemaValidationDisabled ();
}

/* Copied by the server on a client's behalf, or resharding's own writes. */
inline bool isServersCopy (OperationContext *opCtx) {
   return DocumentValidationSettings::get (opCtx).isSchemaValidationDisabledForInternalOp ();
}

inline bool isResharding (const NamespaceString &nss) { return nss.isTemporaryReshardingCollection (); }

inline std::string nameOf (const NamespaceString &nss) {
   return NamespaceStringUtil::serialize (nss, SerializationContext::stateDefault ());
}

inline bool inUnitOfWork (OperationContext *opCtx) {
   return shard_role_details::getRecoveryUnit (opCtx)->inUnitOfWork ();
}

template <class Commit, class Rollback> void atEnd (OperationContext *opCtx, Commit commit, Rollback rollback) {
   shard_role_details::getRecoveryUnit (opCtx)->registerChange (
      [commit] (OperationContext *, boost::optional<Timestamp>) noexcept { commit (); },
      [rollback] (OperationContext *) noexcept { rollback (); });
}

[[noreturn]] inline void refuse (int32_t code, const char *message, const BSONObj &errInfo) {
   if (code == ErrorCodes::DocumentValidationFailure && !errInfo.isEmpty ()) {
      uassertStatusOK (Status (doc_validation_error::DocumentValidationFailureInfo (errInfo), message));
   }
   const bool plain = code > 0 && !ErrorCodes::mustHaveExtraInfo (ErrorCodes::Error (code));
   uasserted (plain ? code : int32_t (ErrorCodes::BadValue), message);
}

template <class Rotate> void onLogRotation (Rotate rotate) {
   logv2::addLogRotator ("fieldguard", [rotate] (bool, StringData, std::function<void (Status)>) {
      rotate ();
      return Status::OK ();
   });
}

inline std::string applicationName (Client *client) {
   const auto *metadata = ClientMetadata::getForClient (client);
   return metadata ? std::string (metadata->getApplicationName ()) : std::string ();
}

inline boost::optional<std::pair<std::string, std::string>> userOf (Client *client) {
   if (AuthorizationSession::exists (client)) {
      if (auto user = AuthorizationSession::get (client)->getAuthenticatedUserName ()) {
         return std::pair (std::string (user->getUser ()), std::string (user->getDB ()));
      }
   }
   return boost::none;
}
/* Runs on a thread that is nobody's client yet. Throws what interrupts it. */
template <class Visit>
void eachDocument (ServiceContext *service, const std::string &db, const UUID &uuid, Visit visit) {
   ThreadClient thread ("fieldguardSurvey", service->getService ());
   const auto opCtx = thread->makeOperationContext ();
   AuthorizationSession::get (thread.get ())->grantInternalAuthorization ();
   DBDirectClient client (opCtx.get ());
   const auto name = DatabaseNameUtil::deserialize (boost::none, db, SerializationContext::stateDefault ());
   client.find (FindCommandRequest (NamespaceStringOrUUID (name, uuid)), visit);
}
#else
#define FG_INIT_DONE return Status::OK ()
using CollectionOwner = Collection;

inline CollectionOwner &ownerOf (const Collection *collection) { return *const_cast<Collection *> (collection); }

inline BSONObj optionsOf (OperationContext *opCtx, const Collection *collection) {
   return DurableCatalog::get (opCtx)->getCollectionOptions (opCtx, collection->ns ()).toBSON ();
}

inline const Collection *find (OperationContext *opCtx, const UUID &uuid) {
   return CollectionCatalog::get (opCtx).lookupCollectionByUUID (uuid);
}

/* Applying the oplog has both marks; an atomic applyOps command on a primary has only the first. */
inline bool isApplying (OperationContext *opCtx) {
   return !opCtx->writesAreReplicated () && documentValidationDisabled (opCtx);
}

inline bool skipsValidation (OperationContext *opCtx) { return documentValidationDisabled (opCtx); }

/* This version has one mark for "the client asked" and "the command copies what is stored already". */
inline bool isServersCopy (OperationContext *opCtx) {
   for (auto *op = CurOp::get (opCtx); op; op = op->parent ()) {
      const auto *command = op->getCommand ();
      const StringData name = command ? StringData (command->getName ()) : StringData ();
      if (name == "renameCollection" || name == "convertToCapped" || name == "cloneCollectionAsCapped") {
         return true;
      }
   }
   return false;
}

inline bool isResharding (const NamespaceString &) { return false; }
inline std::string nameOf (const NamespaceString &nss) { return nss.ns (); }

inline bool inUnitOfWork (OperationContext *opCtx) { return opCtx->lockState ()->inAWriteUnitOfWork (); }

template <class Commit, class Rollback> void atEnd (OperationContext *opCtx, Commit commit, Rollback rollback) {
   struct End final : RecoveryUnit::Change {
      End (Commit c, Rollback r) : onCommit (std::move (c)), onRollback (std::move (r)) {}
      void commit (boost::optional<Timestamp>) final { onCommit (); }
      void rollback () final { onRollback (); }
      Commit onCommit;
      Rollback onRollback;
   };
   opCtx->recoveryUnit ()->registerChange (std::make_unique<End> (std::move (commit), std::move (rollback)));
}

/* No errInfo in this version. */
[[noreturn]] inline void refuse (int32_t code, const char *message, const BSONObj &) {
   const bool plain = code > 0 && !ErrorCodes::shouldHaveExtraInfo (ErrorCodes::Error (code));
   uasserted (plain ? code : int32_t (ErrorCodes::DocumentValidationFailure), message);
}

/* This version tells nobody when it rotates its log. */
template <class Rotate> void onLogRotation (Rotate) {}

inline std::string applicationName (Client *client) {
   const auto &metadata = ClientMetadataIsMasterState::get (client).getClientMetadata ();
   return metadata ? metadata->getApplicationName ().toString () : std::string ();
}

inline boost::optional<std::pair<std::string, std::string>> userOf (Client *client) {
   if (AuthorizationSession::exists (client)) {
      auto users = AuthorizationSession::get (client)->getAuthenticatedUserNames ();
      if (users.more ()) {
         return std::pair (users->getUser ().toString (), users->getDB ().toString ());
      }
   }
   return boost::none;
}

template <class Visit>
void eachDocument (ServiceContext *service, const std::string &db, const UUID &uuid, Visit visit) {
   ThreadClient thread ("fieldguardSurvey", service);
   const auto opCtx = thread->makeOperationContext ();
   AuthorizationSession::get (thread.get ())->grantInternalAuthorization (opCtx.get ());
   DBDirectClient client (opCtx.get ());
   client.query (visit, NamespaceStringOrUUID (db, uuid), Query ());
}
#endif

/* A server parameter whose text fieldguard keeps. */
class Parameter : public ServerParameter {
public:
#if FG_SERVER_8
   Parameter (const std::string &name, bool runtime)
       : ServerParameter (name, runtime ? ServerParameterType::kStartupAndRuntime : ServerParameterType::kStartupOnly) {
   }
   void append (OperationContext *, BSONObjBuilder *b, StringData name, const boost::optional<TenantId> &) final {
      b->append (name, value ());
   }
   Status set (const BSONElement &element, const boost::optional<TenantId> &) final {
      return change (textOf (element), false);
   }
   Status setFromString (StringData text, const boost::optional<TenantId> &) final {
      return change (std::string (text), true);
   }
#else
   Parameter (const std::string &name, bool runtime)
       : ServerParameter (ServerParameterSet::getGlobal (), name, true, runtime) {}
   void append (OperationContext *, BSONObjBuilder &b, const std::string &name) final { b.append (name, value ()); }
   Status set (const BSONElement &element) final { return change (textOf (element), false); }
   Status setFromString (const std::string &text) final { return change (text, true); }
#endif

   virtual std::string value () const = 0;
   virtual Status change (const std::string &text, bool atStartup) = 0;

private:
   static std::string textOf (const BSONElement &element) {
      return element.type () == BSONType (2) ? element.str () : element.toString (false);
   }
};

/* Parameters live as long as the process. */
inline void registerParameter (std::unique_ptr<Parameter> parameter) {
#if FG_SERVER_8
   registerServerParameter (std::move (parameter));
#else
   parameter.release (); /* the base class's constructor has put it into the global set */
#endif
}

} // namespace mongo::fieldguard::shim
