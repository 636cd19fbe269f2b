/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/replica_set.h"

#include <stdio.h>

#define CODE_ALREADY_INITIALIZED 23
#define CODE_NO_REPLICATION 76

#define ADDRESS_MAX 96
#define TERM 1

/* "127.0.0.1:27017", "[::1]:27017" */
static void
own_address (const fgd_request *request, char out[ADDRESS_MAX])
{
   const fg_client_info *client = request->client;
   bool v6 = strchr (client->local_ip, ':') != NULL;

   snprintf (out, ADDRESS_MAX, v6 ? "[%s]:%u" : "%s:%u", client->local_ip, (unsigned)client->local_port);
}

static void
append_op_time (bson_t *out, const char *name, int64_t ms)
{
   bson_t child;

   bson_append_document_begin (out, name, -1, &child);
   bson_append_timestamp (&child, "ts", -1, (uint32_t)(ms / 1000), 1);
   bson_append_int64 (&child, "t", -1, TERM);
   bson_append_document_end (out, &child);
}

static void
append_last_write (bson_t *out, int64_t ms)
{
   bson_t child;

   bson_append_document_begin (out, "lastWrite", -1, &child);
   append_op_time (&child, "opTime", ms);
   bson_append_date_time (&child, "lastWriteDate", -1, ms);
   append_op_time (&child, "majorityOpTime", ms);
   bson_append_date_time (&child, "majorityWriteDate", -1, ms);
   bson_append_document_end (out, &child);
}

void
fgd_append_replica_set (const fgd_request *request, bson_t *out)
{
   static const uint8_t election[12] = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, TERM};
   char me[ADDRESS_MAX];
   bson_t hosts;
   bson_oid_t oid;

   if (!request->server->config.repl_set) {
      return;
   }
   own_address (request, me);
   bson_append_array_begin (out, "hosts", -1, &hosts);
   bson_append_utf8 (&hosts, "0", -1, me, -1);
   bson_append_array_end (out, &hosts);
   bson_append_utf8 (out, "setName", -1, request->server->config.repl_set, -1);
   bson_append_int32 (out, "setVersion", -1, 1);
   bson_append_bool (out, "secondary", -1, false);
   bson_append_utf8 (out, "primary", -1, me, -1);
   bson_append_utf8 (out, "me", -1, me, -1);
   bson_oid_init_from_data (&oid, election);
   bson_append_oid (out, "electionId", -1, &oid);
   append_last_write (out, fgd_wall_ms ());
}

static bool
check_replicated (const fgd_request *request, const char *text, fgd_reply *reply)
{
   return request->server->config.repl_set ||
          fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_NO_REPLICATION, NULL, "%s", text);
}

void
fgd_run_repl_set_get_status (fgd_request *request, fgd_reply *reply)
{
   char me[ADDRESS_MAX];
   bson_t members, member;
   int64_t ms = fgd_wall_ms ();

   if (!check_replicated (request, "not running with --replSet", reply)) {
      return;
   }
   own_address (request, me);
   bson_append_utf8 (&reply->body, "set", -1, request->server->config.repl_set, -1);
   bson_append_date_time (&reply->body, "date", -1, ms);
   bson_append_int32 (&reply->body, "myState", -1, 1);
   bson_append_int64 (&reply->body, "term", -1, TERM);
   bson_append_int64 (&reply->body, "heartbeatIntervalMillis", -1, 2000);
   bson_append_int32 (&reply->body, "majorityVoteCount", -1, 1);
   bson_append_int32 (&reply->body, "writeMajorityCount", -1, 1);
   bson_append_array_begin (&reply->body, "members", -1, &members);
   bson_append_document_begin (&members, "0", -1, &member);
   bson_append_int32 (&member, "_id", -1, 0);
   bson_append_utf8 (&member, "name", -1, me, -1);
   bson_append_double (&member, "health", -1, 1.0);
   bson_append_int32 (&member, "state", -1, 1);
   bson_append_utf8 (&member, "stateStr", -1, "PRIMARY", -1);
   bson_append_int64 (&member, "uptime", -1, (fgd_now_us () - request->server->started_us) / 1000000);
   append_op_time (&member, "optime", ms);
   bson_append_bool (&member, "self", -1, true);
   bson_append_document_end (&members, &member);
   bson_append_array_end (&reply->body, &members);
}

void
fgd_run_repl_set_get_config (fgd_request *request, fgd_reply *reply)
{
   char me[ADDRESS_MAX];
   bson_t config, members, member;

   if (!check_replicated (request, "not running with --replSet", reply)) {
      return;
   }
   own_address (request, me);
   bson_append_document_begin (&reply->body, "config", -1, &config);
   bson_append_utf8 (&config, "_id", -1, request->server->config.repl_set, -1);
   bson_append_int32 (&config, "version", -1, 1);
   bson_append_int64 (&config, "term", -1, TERM);
   bson_append_array_begin (&config, "members", -1, &members);
   bson_append_document_begin (&members, "0", -1, &member);
   bson_append_int32 (&member, "_id", -1, 0);
   bson_append_utf8 (&member, "host", -1, me, -1);
   bson_append_bool (&member, "arbiterOnly", -1, false);
   bson_append_bool (&member, "hidden", -1, false);
   bson_append_double (&member, "priority", -1, 1.0);
   bson_append_int32 (&member, "votes", -1, 1);
   bson_append_document_end (&members, &member);
   bson_append_array_end (&config, &members);
   bson_append_document_end (&reply->body, &config);
}

void
fgd_run_repl_set_initiate (fgd_request *request, fgd_reply *reply)
{
   if (check_replicated (request, "This node was not started with replication enabled.", reply)) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_ALREADY_INITIALIZED, NULL, "already initialized");
   }
}
