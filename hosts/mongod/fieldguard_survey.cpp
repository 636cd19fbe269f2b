// SPDX-License-Identifier: Apache-2.0

/*
 * What was stored before a rule. A thread of its own reads the collection through mongod's own direct client, yielding as every query does, and
 * shows the modules each document; nothing waits for it. A shutdown, a stepdown or a drop that interrupts it leaves a count that says it is not complete.
 */

#include "fieldguard_core.h"

#include <thread>

namespace mongo::fieldguard {
namespace {

struct Survey {
   InUse inUse;
   fg_survey *survey;
   std::string db;
   UUID uuid;
   std::shared_ptr<const ClientInfo> who;
};

/* Counts and rules' paths (host.h): no document value. */
void report (void *, const char *module, const uint8_t *doc, size_t) {
   const BSONObj found (reinterpret_cast<const char *> (doc));
   logHost (FG_LOG_INFO, 5, std::string ("stored before the rule, by ") + module + ": " + found.jsonString ());
}

bool showAll (ServiceContext *service, const Survey &s) {
   try {
      shim::eachDocument (service, s.db, s.uuid, [&s] (const BSONObj &document) {
         fg_loader_survey_document (s.survey, reinterpret_cast<const uint8_t *> (document.objdata ()),
                                    static_cast<size_t> (document.objsize ()));
      });
      return true;
   } catch (...) {
      logHost (FG_LOG_WARNING, 6, "the count of stored documents ended early: " + exceptionToStatus ().codeString ());
      return false;
   }
}

} // namespace

void surveyStored (OperationContext *opCtx, const CollectionState &state,
                   std::shared_ptr<const ClientInfo> who) noexcept {
   fg_survey *survey = fg_loader_survey_begin (loader (), state.handle);
   if (!survey) {
      return;
   }
   try {
      const std::string ns = fg_collection_ns (state.handle);
      auto s = std::make_shared<Survey> (Survey{{}, survey, ns.substr (0, ns.find ('.')), state.uuid, who});
      std::thread ([s, service = opCtx->getServiceContext ()] {
         const bool complete = showAll (service, *s);
         fg_loader_survey_end (s->survey, complete, &s->who->view, report, nullptr);
      }).detach ();
   } catch (const std::exception &) { /* no thread to be had */
      fg_loader_survey_end (survey, false, &who->view, report, nullptr);
   }
}

} // namespace mongo::fieldguard
