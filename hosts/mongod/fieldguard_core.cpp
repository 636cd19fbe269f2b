// SPDX-License-Identifier: Apache-2.0
#include "fieldguard_core.h"

#if FG_SERVER_8
#define MONGO_LOGV2_DEFAULT_COMPONENT ::mongo::logv2::LogComponent::kDefault
#include "mongo/logv2/log.h"
#else
#define MONGO_LOG_DEFAULT_COMPONENT ::mongo::logger::LogComponent::kDefault
#include "mongo/util/log.h"
#endif

#include <chrono>
#include <iostream>
#include <mutex>

/* Defined by the added lines of the pre-write route (README.md), absent without them. */
namespace mongo {
extern bool fieldguardPreWriteLines __attribute__ ((weak));
}

namespace mongo::fieldguard {
namespace {

fg_loader *theLoader = nullptr; /* set before any thread but main's exists */
bool preWrite = false;
std::atomic<bool> stopping{false};
std::atomic<long> inUse{0};
std::atomic<long long> bypassAttempts{0};
std::array<std::atomic<long long>, 12> checkMicros{}; /* [i]: below 2^i microseconds */

/* attributes are JSON that the modules made; no document values (module.h). */
void logLine (void *, fg_severity severity, int32_t id, const char *message, const char *attributes) {
   const std::string text = std::string (message) + (attributes ? std::string (" ") + attributes : std::string ());
   const bool bad = severity == FG_LOG_FATAL || severity == FG_LOG_ERROR;
   if (severity == FG_LOG_DEBUG) {
      return;
   }
#if FG_SERVER_8
   using Severity = logv2::LogSeverity;
   LOGV2_IMPL (8470000,
               bad                          ? Severity::Error ()
               : severity == FG_LOG_WARNING ? Severity::Warning ()
                                            : Severity::Log (),
               logv2::LogOptions{MONGO_LOGV2_DEFAULT_COMPONENT}, "fieldguard", "id"_attr = id, "message"_attr = text);
#else
   (bad ? error () : severity == FG_LOG_WARNING ? warning () : log ()) << "fieldguard [" << id << "] " << text;
#endif
}

std::string reasonOf (const fg_error &err) {
   return err.path[0] && !strstr (err.message, err.path) ? std::string (err.path) + ": " + err.message : err.message;
}

void show (const BSONObj &document, const uint8_t *&bytes, size_t &length) {
   bytes = reinterpret_cast<const uint8_t *> (document.objdata ());
   length = static_cast<size_t> (document.objsize ());
}

/* --- who asks -------------------------------------------------------------------------------------------------------- */

struct PerClient {
   std::shared_ptr<const ClientInfo> info;
   bool unsynced = false; /* a record was written that this client's reply must wait for */
};
const auto perClient = Client::declareDecoration<PerClient> ();

/* Made once a connection, and again when its user changes; shared, because a transaction may outlive its connection. */
std::shared_ptr<const ClientInfo> clientInfo (Client *client) {
   auto &cached = perClient (*client).info;
   const auto user = shim::userOf (client);

   if (cached && (user ? cached->user == user->first && cached->userDb == user->second : !cached->view.user)) {
      return cached;
   }
   auto info = std::make_shared<ClientInfo> ();
   info->view = {};
   info->view.size = sizeof info->view;
   info->view.connection_id = static_cast<int64_t> (client->getConnectionId ());
   if (const auto &session = client->session ()) {
      info->remote = session->remote ().host ();
      info->local = session->local ().host ();
      info->view.remote_ip = info->remote.c_str ();
      info->view.local_ip = info->local.c_str ();
      info->view.remote_port = static_cast<uint16_t> (session->remote ().port ());
      info->view.local_port = static_cast<uint16_t> (session->local ().port ());
   }
   if (user) {
      std::tie (info->user, info->userDb) = *user;
      info->view.user = info->user.c_str ();
      info->view.user_db = info->userDb.c_str ();
   }
   info->app = shim::applicationName (client);
   info->view.app_name = info->app.empty () ? nullptr : info->app.c_str ();
   return cached = std::move (info);
}

void mustSync () {
   if (haveClient ()) {
      perClient (cc ()).unsynced = true;
   }
}

/* --- settings -------------------------------------------------------------------------------------------------------- */

/* A module's setting, or (fixed) one of the host's own, which are read before options are validated: the modules' settings must be known by then. */
class Setting final : public shim::Parameter {
public:
   Setting (const std::string &name, bool runtime, boost::optional<std::string> fixed = boost::none)
       : Parameter (name, runtime), _fixed (std::move (fixed)) {}
   std::string value () const override {
      char text[4096];
      return _fixed ? *_fixed : fg_loader_get_setting (theLoader, name ().c_str (), text, sizeof text) ? text : "";
   }
   Status change (const std::string &text, bool atStartup) override {
      fg_error err{};
      const auto who = haveClient () ? clientInfo (&cc ()) : nullptr;
      if (_fixed || fg_loader_set_setting (theLoader, name ().c_str (), text.c_str (), atStartup,
                                           who ? &who->view : nullptr, &err)) {
         return Status::OK ();
      }
      return {ErrorCodes::BadValue, reasonOf (err)};
   }

private:
   boost::optional<std::string> _fixed;
};

void loadModules (const std::string &paths) {
   fg_error err{};
   fg_loader_options options{};
   const std::string version = str::stream () << VersionInfoInterface::instance ().version ();

   options.size = sizeof options;
   options.host_name = "mongod";
   options.host_version = version.c_str ();
   options.host_flags = FG_HOST_EVALUATES_VALIDATORS | FG_HOST_HAS_POST_IMAGE | (preWrite ? FG_HOST_PRE_WRITE : 0);
   options.log = logLine;
   theLoader = fg_loader_new (&options, &err);
   for (size_t from = 0; theLoader && from <= paths.size ();) {
      const size_t to = std::min (paths.find (',', from), paths.size ());
      if (!fg_loader_load (theLoader, paths.substr (from, to - from).c_str (), &err)) {
         refuseToStart ("cannot load " + reasonOf (err));
      }
      from = to + 1;
   }
   if (!theLoader) {
      refuseToStart (reasonOf (err));
   }
   const auto define = [] (void *, const fg_setting_def *def, const char *) {
      shim::registerParameter (std::make_unique<Setting> (def->name, def->context != FG_SETTING_STARTUP));
      return true;
   };
   fg_loader_visit_settings (theLoader, define, nullptr);
}

MONGO_INITIALIZER_GENERAL (FieldguardLoadModules, ("EndStartupOptionParsing"), ("BeginStartupOptionValidation"))
(InitializerContext *) {
   std::map<std::string, std::string> given;
   auto &parsed = optionenvironment::startupOptionsParsed;

   if (parsed.count ("setParameter")) {
      given = parsed["setParameter"].as<std::map<std::string, std::string>> ();
   }
   const bool lines = &fieldguardPreWriteLines != nullptr;
   const auto asked = given.find ("fieldguardPreWrite");
   preWrite = asked != given.end () && (asked->second == "true" || asked->second == "1");
   if (preWrite && !lines) {
      refuseToStart ("fieldguardPreWrite: this mongod was built without the lines of the pre-write route");
   }
   if (const auto modules = given.find ("fieldguardModules"); modules != given.end ()) {
      loadModules (modules->second);
   }
   shim::registerParameter (std::make_unique<Setting> ("fieldguardModules", false, given["fieldguardModules"]));
   shim::registerParameter (
      std::make_unique<Setting> ("fieldguardPreWrite", false, std::string (preWrite ? "true" : "false")));
   FG_INIT_DONE;
}

/* --- serverStatus ------------------------------------------------------------------------------------------------------ */

/* What modules report as a.b.c stands as {a: {"b.c": …}}; what fieldguard itself reports, at the top of the section. */
struct Report {
   BSONObjBuilder *top;
   std::map<std::string, BSONObjBuilder> nested;

   template <class Value> static void add (const fg_stat_sink *sink, std::string name, Value value) {
      auto *report = static_cast<Report *> (sink->ctx);
      const std::string own = "fieldguard.";
      name = name.compare (0, own.size (), own) == 0 ? name.substr (own.size ()) : name;
      const auto dot = name.find ('.');
      if (dot == std::string::npos) {
         report->top->append (name, value);
      } else {
         report->nested[name.substr (0, dot)].append (name.substr (dot + 1), value);
      }
   }
   static void number (const fg_stat_sink *sink, const char *name, int64_t value) {
      add (sink, name, static_cast<long long> (value));
   }
   static void text (const fg_stat_sink *sink, const char *name, const char *value) { add (sink, name, value); }
};

class StatusSection final : public ServerStatusSection {
public:
   using ServerStatusSection::ServerStatusSection;
   bool includeByDefault () const override { return theLoader != nullptr; }
   BSONObj generateSection (OperationContext *, const BSONElement &) const override {
      BSONArrayBuilder modules;
      if (!theLoader) {
         return BSON ("modules" << BSONArray ());
      }
      for (size_t i = 0; i < fg_loader_module_count (theLoader); i++) {
         const auto *magic = fg_loader_module_at (theLoader, i);
         modules.append (BSON ("name" << magic->name << "version" << magic->version << "path"
                                      << fg_loader_module_path (theLoader, i)));
      }
      BSONObjBuilder out;
      out.append ("abi", std::to_string (FG_ABI_MAJOR) + "." + std::to_string (FG_ABI_MINOR));
      out.append ("route", preWrite ? "preWrite" : "observer");
      out.append ("modules", modules.arr ());
      out.append ("collections", static_cast<long long> (inUse.load ()));
      out.append ("bypassAttempts", static_cast<long long> (bypassAttempts.load ()));
      BSONObjBuilder micros (out.subobjStart ("checkMicros"));
      for (size_t i = 0; i < checkMicros.size (); i++) {
         micros.append (i + 1 < checkMicros.size () ? "below" + std::to_string (1u << i) : "more",
                        static_cast<long long> (checkMicros[i].load (std::memory_order_relaxed)));
      }
      micros.done ();
      Report report{&out, {}};
      fg_stat_sink sink{sizeof sink, &report, Report::number, Report::text};
      fg_loader_stats (theLoader, &sink);
      for (auto &[name, members] : report.nested) {
         out.append (name, members.obj ());
      }
      return out.obj ();
   }
};
#if FG_SERVER_8
auto &statusSection = *ServerStatusSectionBuilder<StatusSection> ("fieldguard").forShard ();
#else
StatusSection statusSection ("fieldguard");
#endif

/* --- refusals ---------------------------------------------------------------------------------------------------------- */

[[noreturn]] void throwRefusal (fg_refusal *refusal, const BSONObj &document) {
   BSONObjBuilder errInfo;
   const int32_t code = refusal->code;
   const std::string message = refusal->message;

   if (refusal->err_info && refusal->err_info_len >= 5) {
      if (const auto id = document["_id"]) {
         errInfo.appendAs (id, "failingDocumentId");
      }
      errInfo.append ("details", BSONObj (reinterpret_cast<const char *> (refusal->err_info)));
   }
   fg_refusal_release (refusal);
   shim::refuse (code, message.c_str (), errInfo.obj ());
}

const auto collectionSlot = shim::CollectionOwner::declareDecoration<Slot> ();

void bare (const CollectionState &state, fg_ddl kind) {
   fg_ddl_request request{};

   request.size = sizeof request;
   request.ddl = kind;
   request.collection = state.handle;
   show (state.options, request.new_options, request.new_options_len);
   fg_loader_ddl_apply (theLoader, &request);
}

} // namespace

fg_loader *loader () noexcept { return theLoader; }
bool preWriteRoute () noexcept { return preWrite; }

void logHost (fg_severity severity, int32_t id, const std::string &message) {
   logLine (nullptr, severity, id, message.c_str (), nullptr);
}

/* Never unprotected: what was asked for and cannot be had ends the process. */
void refuseToStart (const std::string &why) {
   logHost (FG_LOG_FATAL, 1, why + "; mongod does not start without the protection that it was told to load");
   std::cerr << "fieldguard: " << why << std::endl;
   quickExit (2 /* the server's exit code for bad options */);
}

/* --- collections --------------------------------------------------------------------------------------------------------- */

InUse::InUse () noexcept { inUse.fetch_add (1); }

/* The last one goes when the storage engine has closed its catalog: no write comes after that. */
InUse::~InUse () {
   if (inUse.fetch_sub (1) == 1 && stopping.load ()) {
      fg_loader_stop (theLoader);
   }
}

CollectionState::CollectionState (const NamespaceString &nss, const UUID &id, BSONObj collectionOptions)
    : uuid (id), options (collectionOptions.getOwned ()) {
   fg_error err{};
   handle =
      fg_collection_new (shim::nameOf (nss).c_str (), reinterpret_cast<const uint8_t *> (uuid.toCDR ().data ()), &err);
   uassert (ErrorCodes::InternalError, err.message, handle);
}

CollectionState::~CollectionState () {
   if (live) {
      bare (*this, FG_DDL_UNLOAD);
   }
   fg_collection_free (handle);
}

void Slot::set (std::shared_ptr<CollectionState> state) {
   owner = std::move (state);
   fast.store (owner.get (), std::memory_order_release);
}

/* The mutex is held once in a collection's life: two first writers must not both load it. */
CollectionState *stateOf (OperationContext *opCtx, const Collection *collection) {
   static std::mutex loading;
   Slot &slot = slotOf (collection);
   if (auto *state = slot.fast.load (std::memory_order_acquire)) {
      return state;
   }
   auto state =
      std::make_shared<CollectionState> (collection->ns (), collection->uuid (), shim::optionsOf (opCtx, collection));
   std::lock_guard lock (loading);
   if (!slot.fast.load (std::memory_order_acquire)) {
      bare (*state, FG_DDL_LOAD);
      state->live = true;
      slot.set (std::move (state));
   }
   return slot.fast.load (std::memory_order_acquire);
}

Slot &slotOf (const Collection *collection) { return collectionSlot (shim::ownerOf (collection)); }

/* --- writes -------------------------------------------------------------------------------------------------------------- */

Gate::Gate (OperationContext *opCtx, const NamespaceString &nss, bool fromMigrate)
    : user (opCtx->getClient ()->isFromUserConnection ()),
      refusable (user || !(fromMigrate || shim::isApplying (opCtx) || shim::isResharding (nss))), copy (false),
      flags (0) {
   if (!refusable) {
      flags = FG_WRITE_CANNOT_REFUSE;
   } else if (shim::skipsValidation (opCtx)) {
      copy = shim::isServersCopy (opCtx);
      flags = copy ? 0 : FG_WRITE_BYPASS;
   }
}

Judge::Judge (OperationContext *opCtx, CollectionState *state, const Gate &gate, fg_op op)
    : _opCtx (opCtx), _state (state), _gate (gate), _op (gate.copy ? FG_OP_COPY : op),
      _client (clientInfo (opCtx->getClient ())) {
   fg_unit_begin (&_unit, &_client->view);
}

/* A unit that done() did not hand on has failed. */
Judge::~Judge () { fg_loader_rolled_back (theLoader, &_unit); }

void Judge::document (const BSONObj &post, const BSONObj *pre) {
   fg_refusal refusal;
   const uint8_t *postBytes, *preBytes = nullptr;
   size_t postLength, preLength = 0;
   const auto from = std::chrono::steady_clock::now ();

   show (post, postBytes, postLength);
   if (pre) {
      show (*pre, preBytes, preLength);
   }
   const auto verdict =
      fg_loader_validate (theLoader, &_unit, _state->handle, _op, _gate.refusable ? FG_PHASE_STORED : FG_PHASE_APPLY,
                          _gate.flags, postBytes, postLength, preBytes, preLength, &refusal);
   const auto micros = (std::chrono::steady_clock::now () - from) / std::chrono::microseconds (1);
   size_t bucket = 0;
   while (bucket + 1 < checkMicros.size () && micros >> bucket) {
      bucket++;
   }
   checkMicros[bucket].fetch_add (1, std::memory_order_relaxed);
   if (_gate.flags & FG_WRITE_BYPASS) {
      bypassAttempts.fetch_add (1, std::memory_order_relaxed);
   }
   if (verdict == FG_VERDICT_REJECT && _gate.refusable) {
      mustSync ();
      throwRefusal (&refusal, post);
   }
   fg_refusal_release (&refusal);
}

/* The space for the records is asked for here, inside mongod's unit of work, where a failure can still undo the write. */
void Judge::done () {
   const bool stateful =
      _unit.recorded || std::any_of (std::begin (_unit.slot), std::end (_unit.slot), [] (void *s) { return s; });
   fg_refusal refusal;
   if (!stateful) {
      return fg_loader_committed (theLoader, &_unit);
   }
   if (!fg_loader_prepare_commit (theLoader, &_unit, &refusal)) {
      if (_gate.refusable) {
         throwRefusal (&refusal, BSONObj ());
      }
      logHost (FG_LOG_ERROR, 2, std::string ("an applied write could not be put on record: ") + refusal.message);
      fg_refusal_release (&refusal);
   }
   auto unit = std::make_shared<fg_unit> (_unit);
   fg_unit_begin (&_unit, nullptr);
   const auto committed = [unit, client = _client] {
      fg_loader_committed (theLoader, unit.get ());
      mustSync ();
   };
   if (shim::inUnitOfWork (_opCtx)) {
      shim::atEnd (_opCtx, committed, [unit, client = _client] { fg_loader_rolled_back (theLoader, unit.get ()); });
   } else {
      committed ();
   }
}

/* --- changes of collections ------------------------------------------------------------------------------------------------ */

namespace {

struct Announced {
   Change change;
   std::shared_ptr<const ClientInfo> client;
   std::string targetNs;
   fg_ddl_request request{};

   Announced (Change c, std::shared_ptr<const ClientInfo> who) : change (std::move (c)), client (std::move (who)) {
      request.size = sizeof request;
      request.ddl = change.kind;
      request.collection = change.collection->handle;
      request.client = &client->view;
      if (change.kind != FG_DDL_CREATE) {
         show (change.collection->options, request.old_options, request.old_options_len);
      }
      if (change.newOptions) {
         show (*change.newOptions, request.new_options, request.new_options_len);
      }
      if (change.targetNs) {
         targetNs = shim::nameOf (*change.targetNs);
         request.target_ns = targetNs.c_str ();
      }
      if (change.target) {
         request.target = change.target->handle;
         show (change.target->options, request.target_options, request.target_options_len);
      }
   }

   /* mongod holds the collection exclusively until this returns. */
   void apply () {
      fg_loader_ddl_apply (theLoader, &request);
      change.collection->live = change.kind != FG_DDL_DROP;
      if (change.newOptions) {
         change.collection->options = *change.newOptions;
      }
      if (request.target_ns && !fg_collection_set_ns (change.collection->handle, request.target_ns, nullptr)) {
         change.slot->set (nullptr); /* out of memory: the next write loads it again */
      }
   }
};

} // namespace

void announce (OperationContext *opCtx, const Gate &gate, Change change) {
   fg_refusal refusal;
   auto pending = std::make_shared<Announced> (std::move (change), clientInfo (opCtx->getClient ()));
   if (fg_loader_ddl_prepare (theLoader, &pending->request, &refusal)) {
      fg_refusal_release (&refusal);
      const bool counts = pending->change.kind == FG_DDL_COLL_MOD && gate.refusable;
      const auto committed = [pending, counts, opCtx] {
         pending->apply ();
         if (counts) {
            surveyStored (opCtx, *pending->change.collection, pending->client);
         }
      };
      shim::atEnd (opCtx, committed, [pending] { fg_loader_ddl_abandon (theLoader, &pending->request); });
      return;
   }
   mustSync ();
   if (gate.refusable) {
      throwRefusal (&refusal, BSONObj ());
   }
   logHost (FG_LOG_WARNING, 3, std::string ("a replicated change would have been refused here: ") + refusal.message);
   fg_refusal_release (&refusal);
   shim::atEnd (
      opCtx, [slot = pending->change.slot] { slot->set (nullptr); }, [] {});
}

void created (OperationContext *opCtx, const Gate &gate, const Collection *collection) {
   fg_refusal refusal;
   auto state =
      std::make_shared<CollectionState> (collection->ns (), collection->uuid (), shim::optionsOf (opCtx, collection));
   Announced pending ({FG_DDL_CREATE, state, state->options, boost::none, nullptr, nullptr},
                      clientInfo (opCtx->getClient ()));
   const bool agreed = fg_loader_ddl_prepare (theLoader, &pending.request, &refusal);
   if (agreed) {
      pending.apply ();
      slotOf (collection).set (std::move (state));
   } else if (gate.refusable) {
      mustSync ();
      throwRefusal (&refusal, BSONObj ());
   }
   fg_refusal_release (
      &refusal); /* a veto that had to be passed: the first write loads the collection, whose rules then hold */
}

/* --- the end of an operation, the start and the end of the server ------------------------------------------------------------ */

void endOfOperation (OperationContext *opCtx) noexcept {
   auto &client = perClient (*opCtx->getClient ());
   fg_refusal refusal;
   if (!client.unsynced) {
      return;
   }
   client.unsynced = false;
   if (!fg_loader_sync (theLoader, &refusal)) {
      logHost (FG_LOG_ERROR, 4, std::string ("records are not durable, so no reply goes out: ") + refusal.message);
      if (const auto &session = opCtx->getClient ()->session ()) {
         session->end ();
      }
   }
   fg_refusal_release (&refusal);
}

void start () {
   fg_error err{};
   if (!fg_loader_start (theLoader, &err)) {
      refuseToStart (reasonOf (err));
   }
   shim::onLogRotation ([] { fg_loader_rotate (theLoader); });
   registerShutdownTask ([] { stopping.store (true); });
}

} // namespace mongo::fieldguard
