/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments that every command takes, in mongod's reading for a standalone server or, with --replSet, for a replica set's only member. */
#include "hosts/fieldguardd/net/internal.h"

#define CODE_BAD_VALUE 2
#define CODE_FAILED_TO_PARSE 9
#define CODE_TYPE_MISMATCH 14
#define CODE_ILLEGAL_OPERATION 20
#define CODE_INVALID_OPTIONS 72
#define CODE_INVALID_NAMESPACE 73
#define CODE_UNKNOWN_WRITE_CONCERN 79
#define CODE_UNSATISFIABLE_WRITE_CONCERN 100
#define CODE_NOT_A_REPLICA_SET 123
#define CODE_NOT_IMPLEMENTED 238
#define CODE_API_VERSION 322
#define CODE_DB_MISSING 40571

#define DB_NAME_MAX 63

typedef struct generic {
   fgd_op *op;
   bool lsid, txn_number, autocommit, start_transaction, api_version, api_other;
   const char *read_level;
} generic;

static bool
replicated (const generic *g)
{
   return g->op->request.server->config.repl_set != NULL;
}

typedef bool (*reader) (generic *g, const bson_iter_t *value, fg_error *err);

static bool
wrong_type (const bson_iter_t *value, const char *expected, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL,
                        "BSON field '%s' is the wrong type, expected type '%s'", bson_iter_key (value), expected);
}

static bool
read_db (generic *g, const bson_iter_t *value, fg_error *err)
{
   uint32_t len = 0;

   if (!BSON_ITER_HOLDS_UTF8 (value)) {
      return wrong_type (value, "string", err);
   }
   const char *db = bson_iter_utf8 (value, &len);
   if (len == 0 || len > DB_NAME_MAX || strlen (db) != len || strpbrk (db, "/\\. \"") ||
       (strchr (db, '$') && strcmp (db, "$external") != 0)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_NAMESPACE, NULL, "Invalid database name: '%.64s'", db);
   }
   g->op->request.db = db;
   return true;
}

/* {id: UUID, ...} */
static bool
read_lsid (generic *g, const bson_iter_t *value, fg_error *err)
{
   bson_iter_t id;
   bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
   uint32_t len = 0;
   const uint8_t *data = NULL;

   g->lsid = true;
   if (!BSON_ITER_HOLDS_DOCUMENT (value)) {
      return wrong_type (value, "object", err);
   }
   if (!bson_iter_recurse (value, &id) || !bson_iter_find (&id, "id")) {
      return fg_error_set (err, FG_ERROR_SERVER, 40414, NULL,
                           "BSON field 'OperationSessionInfo.lsid.id' is missing but a required field");
   }
   if (BSON_ITER_HOLDS_BINARY (&id)) {
      bson_iter_binary (&id, &subtype, &len, &data);
   }
   if (subtype != BSON_SUBTYPE_UUID || len != 16) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL,
                           "BSON field 'OperationSessionInfo.lsid.id' must be a UUID");
   }
   memcpy (g->op->request.logical.lsid, data, len);
   return true;
}

static bool
read_txn_number (generic *g, const bson_iter_t *value, fg_error *err)
{
   g->txn_number = true;
   if (!BSON_ITER_HOLDS_INT64 (value)) {
      return wrong_type (value, "long", err);
   }
   g->op->request.logical.number = bson_iter_int64 (value);
   return g->op->request.logical.number >= 0 ||
          fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL, "Transaction number cannot be negative");
}

static bool
read_autocommit (generic *g, const bson_iter_t *value, fg_error *err)
{
   g->autocommit = true;
   if (!BSON_ITER_HOLDS_BOOL (value)) {
      return wrong_type (value, "bool", err);
   }
   return !bson_iter_bool (value) ||
          fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL, "Specifying autocommit=true is not allowed.");
}

static bool
read_start_transaction (generic *g, const bson_iter_t *value, fg_error *err)
{
   g->start_transaction = true;
   if (!BSON_ITER_HOLDS_BOOL (value)) {
      return wrong_type (value, "bool", err);
   }
   return bson_iter_bool (value) || fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                                                  "Specifying startTransaction=false is not allowed.");
}

static bool
read_max_time (generic *g, const bson_iter_t *value, fg_error *err)
{
   if (!BSON_ITER_HOLDS_NUMBER (value)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_BAD_VALUE, NULL, "maxTimeMS must be a number");
   }
   if (BSON_ITER_HOLDS_DOUBLE (value)) {
      double d = bson_iter_double (value);
      if (!(d >= 0 && d <= INT32_MAX)) {
         return fg_error_set (err, FG_ERROR_SERVER, CODE_BAD_VALUE, NULL, "maxTimeMS is out of range");
      }
      if (d != (double)(int32_t)d) {
         return fg_error_set (err, FG_ERROR_SERVER, CODE_BAD_VALUE, NULL, "maxTimeMS has non-integral value");
      }
   }
   int64_t ms = bson_iter_as_int64 (value);
   if (ms < 0 || ms > INT32_MAX) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_BAD_VALUE, NULL, "maxTimeMS is out of range");
   }
   if (ms > 0) {
      g->op->request.deadline_us = fgd_now_us () + ms * 1000;
   }
   return true;
}

static bool
known_level (const char *level)
{
   return strcmp (level, "local") == 0 || strcmp (level, "majority") == 0 || strcmp (level, "available") == 0;
}

static bool
read_read_concern (generic *g, const bson_iter_t *value, fg_error *err)
{
   bson_iter_t member;

   if (!BSON_ITER_HOLDS_DOCUMENT (value) || !bson_iter_recurse (value, &member)) {
      return wrong_type (value, "object", err);
   }
   while (bson_iter_next (&member)) {
      const char *key = bson_iter_key (&member);
      g->op->request.logical.read_concern = true;
      if (strcmp (key, "provenance") == 0) {
         continue;
      }
      if (strcmp (key, "afterClusterTime") == 0 && replicated (g)) {
         continue; /* what one member has acknowledged is what it reads */
      }
      if (strcmp (key, "afterClusterTime") == 0 || strcmp (key, "atClusterTime") == 0 ||
          strcmp (key, "afterOpTime") == 0) {
         return fg_error_set (err, FG_ERROR_SERVER, CODE_ILLEGAL_OPERATION, NULL,
                              "Cannot specify %.32s readConcern without replication enabled", key);
      }
      if (strcmp (key, "level") != 0) {
         return fg_error_set (err, FG_ERROR_SERVER, 40415, NULL, "BSON field 'readConcern.%.64s' is an unknown field.",
                              key);
      }
      if (!BSON_ITER_HOLDS_UTF8 (&member)) {
         return wrong_type (&member, "string", err);
      }
      const char *level = bson_iter_utf8 (&member, NULL);
      g->read_level = level;
      if (strcmp (level, "linearizable") == 0 || strcmp (level, "snapshot") == 0) {
         if (replicated (g)) {
            continue;
         }
         return fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_A_REPLICA_SET, NULL,
                              "node needs to be a replica set member to use readConcern level '%s'", level);
      }
      if (!known_level (level)) {
         return fg_error_set (err, FG_ERROR_SERVER, CODE_BAD_VALUE, NULL,
                              "Enumeration value for field 'readConcern.level' is not a valid value.");
      }
   }
   return true;
}

static bool
read_w (const generic *g, const bson_iter_t *w, fg_error *err)
{
   if (BSON_ITER_HOLDS_UTF8 (w)) {
      if (strcmp (bson_iter_utf8 (w, NULL), "majority") == 0) {
         return true;
      }
      if (replicated (g)) {
         return fg_error_set (err, FG_ERROR_SERVER, CODE_UNKNOWN_WRITE_CONCERN, NULL,
                              "No write concern mode named '%.64s' found in replica set configuration",
                              bson_iter_utf8 (w, NULL));
      }
      return fg_error_set (err, FG_ERROR_SERVER, CODE_BAD_VALUE, NULL,
                           "cannot use non-majority 'w' mode when a host is not replicated");
   }
   if (!BSON_ITER_HOLDS_NUMBER (w)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_FAILED_TO_PARSE, NULL,
                           "w has to be a number, string, or object; found: %d", (int)bson_iter_type (w));
   }
   double n = bson_iter_as_double (w);
   if (!(n >= 0 && n <= 50)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_FAILED_TO_PARSE, NULL,
                           "w has to be a non-negative number and not greater than 50");
   }
   if (n > 1 && replicated (g)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_UNSATISFIABLE_WRITE_CONCERN, NULL,
                           "Not enough data-bearing nodes");
   }
   if (n > 1) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_BAD_VALUE, NULL,
                           "cannot use 'w' > 1 when a host is not replicated");
   }
   return true;
}

static bool
read_write_concern (generic *g, const bson_iter_t *value, fg_error *err)
{
   bson_iter_t member;

   if (!BSON_ITER_HOLDS_DOCUMENT (value) || !bson_iter_recurse (value, &member)) {
      return wrong_type (value, "object", err);
   }
   while (bson_iter_next (&member)) {
      const char *key = bson_iter_key (&member);
      g->op->request.logical.write_concern = true;
      if (strcmp (key, "w") == 0) {
         if (!read_w (g, &member, err)) {
            return false;
         }
      } else if (strcmp (key, "j") == 0 || strcmp (key, "fsync") == 0) {
         if (!BSON_ITER_HOLDS_BOOL (&member) && !BSON_ITER_HOLDS_NUMBER (&member)) {
            return fg_error_set (err, FG_ERROR_SERVER, CODE_FAILED_TO_PARSE, NULL,
                                 "%s must be numeric or a boolean value", key);
         }
      } else if (strcmp (key, "wtimeout") == 0) {
         if (!BSON_ITER_HOLDS_NUMBER (&member)) {
            return fg_error_set (err, FG_ERROR_SERVER, CODE_FAILED_TO_PARSE, NULL, "wtimeout must be a number");
         }
      } else if (strcmp (key, "provenance") != 0 && strcmp (key, "getLastError") != 0) {
         return fg_error_set (err, FG_ERROR_SERVER, CODE_FAILED_TO_PARSE, NULL,
                              "unrecognized write concern field: %.64s", key);
      }
   }
   return true;
}

static bool
read_api_version (generic *g, const bson_iter_t *value, fg_error *err)
{
   g->api_version = true;
   if (!BSON_ITER_HOLDS_UTF8 (value)) {
      return wrong_type (value, "string", err);
   }
   if (strcmp (bson_iter_utf8 (value, NULL), "1") != 0) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_API_VERSION, NULL, "API version must be \"1\"");
   }
   return true;
}

static bool
read_api_other (generic *g, const bson_iter_t *value, fg_error *err)
{
   g->api_other = true;
   return BSON_ITER_HOLDS_BOOL (value) || wrong_type (value, "bool", err);
}

static bool
read_object (generic *g, const bson_iter_t *value, fg_error *err)
{
   (void)g;
   return BSON_ITER_HOLDS_DOCUMENT (value) || wrong_type (value, "object", err);
}

static const struct {
   const char *name;
   reader read;
} arguments[] = {
   {"$db", read_db},
   {"lsid", read_lsid},
   {"txnNumber", read_txn_number},
   {"autocommit", read_autocommit},
   {"startTransaction", read_start_transaction},
   {"maxTimeMS", read_max_time},
   {"readConcern", read_read_concern},
   {"writeConcern", read_write_concern},
   {"apiVersion", read_api_version},
   {"apiStrict", read_api_other},
   {"apiDeprecationErrors", read_api_other},
   {"$clusterTime", read_object},
   {"$readPreference", read_object},
};

static bool
check_together (const generic *g, fg_error *err)
{
   if ((g->autocommit || g->start_transaction) && !g->txn_number) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "'%s' field requires a transaction number to also be specified",
                           g->autocommit ? "autocommit" : "startTransaction");
   }
   if (g->txn_number && !g->lsid) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "Transaction number requires a session ID to also be specified");
   }
   if (g->txn_number && !replicated (g)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_ILLEGAL_OPERATION, NULL,
                           "Transaction numbers are only allowed on a replica set member or mongos");
   }
   if (g->start_transaction && !g->autocommit) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "'startTransaction' field requires 'autocommit' field to also be specified");
   }
   if (g->api_other && !g->api_version) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_API_VERSION, NULL,
                           "Provided apiStrict and/or apiDeprecationErrors without passing apiVersion");
   }
   return true;
}

/* A snapshot over several batches exists inside transactions only, where in turn the other two levels have no meaning. */
static bool
check_read_level (const generic *g, fg_error *err)
{
   if (!g->read_level) {
      return true;
   }
   if (!g->autocommit && strcmp (g->read_level, "snapshot") == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_IMPLEMENTED, NULL,
                           "readConcern level 'snapshot' outside a transaction is not supported by this server");
   }
   if (g->autocommit && (strcmp (g->read_level, "linearizable") == 0 || strcmp (g->read_level, "available") == 0)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "The readConcern level must be either 'local' (default), 'majority' or 'snapshot' in order "
                           "to run in a transaction");
   }
   return true;
}

bool
fgd_generic_read (fgd_op *op, fg_error *err)
{
   generic g = {.op = op};
   bson_iter_t iter;

   op->request.db = op->message.legacy ? op->message.db : NULL;
   if (!bson_iter_init (&iter, &op->request.body)) {
      return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "invalid BSON");
   }
   while (bson_iter_next (&iter)) {
      const char *key = bson_iter_key (&iter);
      for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
         if (strcmp (key, arguments[i].name) == 0 && !arguments[i].read (&g, &iter, err)) {
            return false;
         }
      }
   }
   if (!op->request.db) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_DB_MISSING, NULL, "OP_MSG requests require a $db argument");
   }
   op->request.logical.has_lsid = g.lsid;
   op->request.logical.has_number = g.txn_number;
   op->request.logical.in_transaction = g.autocommit;
   op->request.logical.starts = g.start_transaction;
   return check_together (&g, err) && check_read_level (&g, err);
}
