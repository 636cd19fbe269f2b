/* SPDX-License-Identifier: Apache-2.0 */
/* hello, in its three spellings, and the wait that drivers' monitors ask for. */
#include "hosts/fieldguardd/commands/hello.h"

#include "hosts/fieldguardd/commands/replica_set.h"

#include <inttypes.h>
#include <stdio.h>

#define CODE_TYPE_MISMATCH 14
#define CODE_VERSION_WITHOUT_WAIT 31368
#define CODE_NEGATIVE_WAIT 31373
#define CODE_VERSION_FROM_FUTURE 31382
#define CODE_WAIT_WITHOUT_VERSION 51759

/* {application: {name: ...}, driver: ..., os: ...}: only the first hello of a connection is listened to, and only for the application's name. */
static void
note_client (fgd_request *request)
{
   fgd_session *session = request->session;
   bson_iter_t iter, name;

   if (session->has_metadata || !bson_iter_init_find (&iter, &request->body, "client") ||
       !BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      return;
   }
   session->has_metadata = true;
   bson_iter_t whole;
   if (bson_iter_recurse (&iter, &whole) && bson_iter_find_descendant (&whole, "application.name", &name) &&
       BSON_ITER_HOLDS_UTF8 (&name)) {
      snprintf (session->app_name, sizeof session->app_name, "%s", bson_iter_utf8 (&name, NULL));
   }
}

static void
append_topology_version (const fgd_server *server, bson_t *out)
{
   bson_t child;
   bson_oid_t oid;

   bson_oid_init_from_string (&oid, server->process_id);
   bson_append_document_begin (out, "topologyVersion", -1, &child);
   bson_append_oid (&child, "processId", -1, &oid);
   bson_append_int64 (&child, "counter", -1, 0);
   bson_append_document_end (out, &child);
}

/* The topology never changes, so a monitor that knows it waits as long as it asked to. A version of another process is answered at once. */
static bool
same_topology (const fgd_request *request, const bson_iter_t *version, fg_error *err)
{
   char text[25];
   bson_iter_t member;
   bool same = false;
   int64_t counter = 0;

   if (!BSON_ITER_HOLDS_DOCUMENT (version) || !bson_iter_recurse (version, &member)) {
      fg_error_set (err, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL, "BSON field 'topologyVersion' must be an object");
      return false;
   }
   while (bson_iter_next (&member)) {
      if (strcmp (bson_iter_key (&member), "processId") == 0 && BSON_ITER_HOLDS_OID (&member)) {
         bson_oid_to_string (bson_iter_oid (&member), text);
         same = strcmp (text, request->server->process_id) == 0;
      } else if (strcmp (bson_iter_key (&member), "counter") == 0 && BSON_ITER_HOLDS_INT (&member)) {
         counter = bson_iter_as_int64 (&member);
      }
   }
   if (same && counter > 0) {
      fg_error_set (err, FG_ERROR_SERVER, CODE_VERSION_FROM_FUTURE, NULL,
                    "Received a topology version with counter: %" PRId64
                    " which is greater than the server topology version counter: 0",
                    counter);
      return false;
   }
   return same;
}

/* True: the reply waits. */
static bool
must_wait (const fgd_request *request, fgd_reply *reply)
{
   bson_iter_t version, wait;
   bool has_version = bson_iter_init_find (&version, &request->body, "topologyVersion");
   bool has_wait = bson_iter_init_find (&wait, &request->body, "maxAwaitTimeMS");

   if (request->resumed || (!has_version && !has_wait)) {
      return false;
   }
   if (!has_wait) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_VERSION_WITHOUT_WAIT, NULL,
                    "A request with a 'topologyVersion' must include 'maxAwaitTimeMS'");
      return false;
   }
   if (!has_version) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_WAIT_WITHOUT_VERSION, NULL,
                    "A request with 'maxAwaitTimeMS' must include a 'topologyVersion'");
      return false;
   }
   int64_t ms = BSON_ITER_HOLDS_INT (&wait) ? bson_iter_as_int64 (&wait) : -1;
   if (ms < 0) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_NEGATIVE_WAIT, NULL,
                    "'maxAwaitTimeMS' must be a non-negative integer");
      return false;
   }
   if (!same_topology (request, &version, &reply->error)) {
      return false;
   }
   reply->delay_ms = ms < INT32_MAX ? ms : INT32_MAX;
   return ms > 0;
}

void
fgd_run_hello (fgd_request *request, fgd_reply *reply)
{
   const fgd_server *server = request->server;
   bson_t *out = &reply->body;
   bson_iter_t iter;

   note_client (request);
   if (must_wait (request, reply) || reply->error.domain != FG_ERROR_NONE) {
      return;
   }
   if (bson_iter_init_find (&iter, &request->body, "helloOk") && bson_iter_as_bool (&iter)) {
      bson_append_bool (out, "helloOk", -1, true);
   }
   bson_append_bool (out, strcmp (request->name, "hello") == 0 ? "isWritablePrimary" : "ismaster", -1, true);
   append_topology_version (server, out);
   fgd_append_replica_set (request, out);
   bson_append_int32 (out, "maxBsonObjectSize", -1, FGD_MAX_BSON_SIZE);
   bson_append_int32 (out, "maxMessageSizeBytes", -1, FGD_MAX_MESSAGE_SIZE);
   bson_append_int32 (out, "maxWriteBatchSize", -1, FGD_MAX_WRITE_BATCH);
   bson_append_date_time (out, "localTime", -1, fgd_wall_ms ());
   bson_append_int32 (out, "logicalSessionTimeoutMinutes", -1, 30);
   bson_append_int32 (out, "connectionId", -1, (int32_t)(request->client->connection_id & INT32_MAX));
   bson_append_int32 (out, "minWireVersion", -1, 0);
   bson_append_int32 (out, "maxWireVersion", -1, FGD_MAX_WIRE_VERSION);
   bson_append_bool (out, "readOnly", -1, false);
}
