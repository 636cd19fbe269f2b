/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_document.h"
#include "client/keys/key_vault.h"
#include "client/keys/vault_mongodb.h"
#include "client/public_equal.h"

#include <mongoc/mongoc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct mongodb_vault {
   mongoc_client_pool_t *pool;
   char *db;
   char *collection;
   char *hosts; /* as the URI names them */
} mongodb_vault;

/* A borrowed connection and the collection at majority read and write concern. */
typedef struct session {
   mongodb_vault *vault;
   mongoc_client_t *client;
   mongoc_collection_t *collection;
} session;

static void
begin (session *s, void *self)
{
   mongoc_read_concern_t *read_concern = mongoc_read_concern_new ();
   mongoc_write_concern_t *write_concern = mongoc_write_concern_new ();

   s->vault = self;
   s->client = mongoc_client_pool_pop (s->vault->pool);
   s->collection = mongoc_client_get_collection (s->client, s->vault->db, s->vault->collection);
   mongoc_read_concern_set_level (read_concern, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
   mongoc_write_concern_set_wmajority (write_concern, -1);
   mongoc_collection_set_read_concern (s->collection, read_concern);
   mongoc_collection_set_write_concern (s->collection, write_concern);
   mongoc_read_concern_destroy (read_concern);
   mongoc_write_concern_destroy (write_concern);
}

static void
end (session *s)
{
   mongoc_collection_destroy (s->collection);
   mongoc_client_pool_push (s->vault->pool, s->client);
}

/* A duplicate key's text holds the key that exists already, an alt name or an id: left out. */
static bool
failed (const bson_error_t *error, const char *what, fg_error *err)
{
   if (error->code == 11000) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_EXISTS, NULL,
                           "key vault: %s: a key with this _id or alt name exists already", what);
   }
   fg_error_domain domain = error->domain == MONGOC_ERROR_SERVER || error->domain == MONGOC_ERROR_WRITE_CONCERN ||
                                  error->domain == MONGOC_ERROR_QUERY || error->domain == MONGOC_ERROR_COLLECTION
                               ? FG_ERROR_SERVER
                               : FG_ERROR_KEY;
   int32_t code = domain == FG_ERROR_SERVER ? (int32_t)error->code : FG_E_IO;
   return fg_error_set (err, domain, code, NULL, "key vault: %s: %s", what, error->message);
}

static bool
visit_all (session *s, const bson_t *filter, fg_key_visit visit, void *ctx, fg_error *err)
{
   mongoc_cursor_t *cursor = mongoc_collection_find_with_opts (s->collection, filter, NULL, NULL);
   const bson_t *doc;
   bson_error_t error;
   bool more = true;

   while (more && mongoc_cursor_next (cursor, &doc)) {
      more = visit (ctx, doc);
   }
   bool ok = !mongoc_cursor_error (cursor, &error) || failed (&error, "find", err);
   mongoc_cursor_destroy (cursor);
   return ok;
}

/* As libmongocrypt asks: {$or: [{_id: {$in: ids}}, {keyAltNames: {$in: names}}]}, both arms always there. */
static bson_t *
lookup_filter (const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names)
{
   bson_t *filter = bson_new ();
   bson_t either, arm, condition, list;
   char buf[16];
   const char *key;

   bson_append_array_begin (filter, "$or", 3, &either);
   bson_append_document_begin (&either, "0", 1, &arm);
   bson_append_document_begin (&arm, "_id", 3, &condition);
   bson_append_array_begin (&condition, "$in", 3, &list);
   for (size_t i = 0; i < n_ids; i++) {
      size_t n = bson_uint32_to_string ((uint32_t)i, &key, buf, sizeof buf);
      bson_append_binary (&list, key, (int)n, BSON_SUBTYPE_UUID, ids + i * FG_KEY_ID_LEN, FG_KEY_ID_LEN);
   }
   bson_append_array_end (&condition, &list);
   bson_append_document_end (&arm, &condition);
   bson_append_document_end (&either, &arm);
   bson_append_document_begin (&either, "1", 1, &arm);
   bson_append_document_begin (&arm, "keyAltNames", -1, &condition);
   bson_append_array_begin (&condition, "$in", 3, &list);
   for (size_t i = 0; i < n_names; i++) {
      size_t n = bson_uint32_to_string ((uint32_t)i, &key, buf, sizeof buf);
      bson_append_utf8 (&list, key, (int)n, names[i], -1);
   }
   bson_append_array_end (&condition, &list);
   bson_append_document_end (&arm, &condition);
   bson_append_document_end (&either, &arm);
   bson_append_array_end (filter, &either);
   return filter;
}

static bool
mongodb_find (void *self, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names,
              fg_key_visit visit, void *ctx, fg_error *err)
{
   session s;
   bson_t *filter = lookup_filter (ids, n_ids, names, n_names);

   begin (&s, self);
   bool ok = visit_all (&s, filter, visit, ctx, err);
   end (&s);
   bson_destroy (filter);
   return ok;
}

static bool
mongodb_find_matching (void *self, const bson_t *filter, fg_key_visit visit, void *ctx, fg_error *err)
{
   session s;

   begin (&s, self);
   bool ok = visit_all (&s, filter, visit, ctx, err);
   end (&s);
   return ok;
}

static bool
mongodb_insert (void *self, const bson_t *key_document, fg_error *err)
{
   session s;
   bson_error_t error;

   begin (&s, self);
   bool ok =
      mongoc_collection_insert_one (s.collection, key_document, NULL, NULL, &error) || failed (&error, "insert", err);
   end (&s);
   return ok;
}

static int64_t
count_of (const bson_t *reply, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, reply, name) ? bson_iter_as_int64 (&iter) : 0;
}

/* The update and the filter of one compare-and-set. */
static void
rewrap_statement (const fg_rewrap_item *item, bson_t *filter, bson_t *update)
{
   bson_t part;

   bson_append_binary (filter, "_id", 3, BSON_SUBTYPE_UUID, item->id, FG_KEY_ID_LEN);
   bson_append_binary (filter, "keyMaterial", -1, BSON_SUBTYPE_BINARY, item->old_material, (uint32_t)item->old_len);
   BSON_APPEND_DATE_TIME (filter, "updateDate", item->old_update_ms);
   bson_append_document_begin (update, "$set", 4, &part);
   BSON_APPEND_DOCUMENT (&part, "masterKey", item->master_key);
   bson_append_binary (&part, "keyMaterial", -1, BSON_SUBTYPE_BINARY, item->material, (uint32_t)item->len);
   bson_append_document_end (update, &part);
   bson_append_document_begin (update, "$currentDate", -1, &part);
   BSON_APPEND_BOOL (&part, "updateDate", true);
   bson_append_document_end (update, &part);
}

static bool
mongodb_rewrap (void *self, const uint8_t id[FG_KEY_ID_LEN], const uint8_t *old_material, size_t old_len,
                int64_t old_update_ms, const bson_t *master_key, const uint8_t *material, size_t len, bool *changed,
                fg_error *err)
{
   const fg_rewrap_item item = {id, old_material, old_len, old_update_ms, master_key, material, len, false};
   session s;
   bson_t filter = BSON_INITIALIZER;
   bson_t update = BSON_INITIALIZER;
   bson_t reply;
   bson_error_t error;

   rewrap_statement (&item, &filter, &update);
   begin (&s, self);
   bool ok = mongoc_collection_update_one (s.collection, &filter, &update, NULL, &reply, &error) ||
             failed (&error, "update", err);
   *changed = ok && count_of (&reply, "matchedCount") == 1;
   bson_destroy (&reply);
   end (&s);
   bson_destroy (&update);
   bson_destroy (&filter);
   return ok;
}

static bool
add_statement (mongoc_bulk_operation_t *bulk, const fg_rewrap_item *item, fg_error *err)
{
   bson_t filter = BSON_INITIALIZER;
   bson_t update = BSON_INITIALIZER;
   bson_error_t error;

   rewrap_statement (item, &filter, &update);
   bool ok = mongoc_bulk_operation_update_one_with_opts (bulk, &filter, &update, NULL, &error) ||
             failed (&error, "update", err);
   bson_destroy (&update);
   bson_destroy (&filter);
   return ok;
}

typedef struct looked_up {
   fg_rewrap_item *items;
   size_t n;
} looked_up;

/* A document that holds the new wrapping was changed. */
static bool
note_changed (void *ctx, const bson_t *bson)
{
   looked_up *l = ctx;
   fg_key_document doc;

   if (!fg_key_document_parse (bson, &doc, NULL)) {
      return true;
   }
   for (size_t i = 0; i < l->n; i++) {
      fg_rewrap_item *item = &l->items[i];
      if (fg_public_equal (item->id, doc.id, FG_KEY_ID_LEN)) {
         item->changed = doc.material_len == item->len && fg_public_equal (doc.material, item->material, item->len);
      }
   }
   return true;
}

static bool
look_up_changed (void *self, fg_rewrap_item *items, size_t n, fg_error *err)
{
   looked_up l = {items, n};
   uint8_t *ids = malloc (n * FG_KEY_ID_LEN);

   if (!ids) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   for (size_t i = 0; i < n; i++) {
      memcpy (ids + i * FG_KEY_ID_LEN, items[i].id, FG_KEY_ID_LEN);
   }
   bool ok = mongodb_find (self, ids, n, NULL, 0, note_changed, &l, err);
   free (ids);
   return ok;
}

/* One message for all; the reply counts, and says which only by reading them again when the count is short. */
static bool
mongodb_rewrap_many (void *self, fg_rewrap_item *items, size_t n, fg_error *err)
{
   session s;
   bson_t opts = BSON_INITIALIZER;
   bson_t reply;
   bson_error_t error;
   bool ok = true;
   int64_t matched = 0;

   if (n == 0) {
      return true;
   }
   begin (&s, self);
   BSON_APPEND_BOOL (&opts, "ordered", false);
   mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts (s.collection, &opts);
   for (size_t i = 0; ok && i < n; i++) {
      ok = add_statement (bulk, &items[i], err);
   }
   bool sent = ok;
   if (sent) {
      ok = mongoc_bulk_operation_execute (bulk, &reply, &error) || failed (&error, "update", err);
      matched = count_of (&reply, "nMatched");
      bson_destroy (&reply);
   }
   mongoc_bulk_operation_destroy (bulk);
   end (&s);
   bson_destroy (&opts);
   if (ok && matched == (int64_t)n) {
      for (size_t i = 0; i < n; i++) {
         items[i].changed = true;
      }
      return true;
   }
   /* An error stays what is told. */
   return sent && look_up_changed (self, items, n, ok ? err : NULL) && ok;
}

static char *
mongodb_identity (void *self)
{
   const mongodb_vault *v = self;
   char *text = NULL;

   return asprintf (&text, "mongodb %s/%s.%s", v->hosts, v->db, v->collection) < 0 ? NULL : text;
}

static bool
mongodb_remove (void *self, const uint8_t id[FG_KEY_ID_LEN], bool *removed, fg_error *err)
{
   session s;
   bson_t filter = BSON_INITIALIZER;
   bson_t reply;
   bson_error_t error;

   bson_append_binary (&filter, "_id", 3, BSON_SUBTYPE_UUID, id, FG_KEY_ID_LEN);
   begin (&s, self);
   bool ok =
      mongoc_collection_delete_one (s.collection, &filter, NULL, &reply, &error) || failed (&error, "delete", err);
   *removed = ok && count_of (&reply, "deletedCount") == 1;
   bson_destroy (&reply);
   end (&s);
   bson_destroy (&filter);
   return ok;
}

/* The document before the update, out of findAndModify's reply. */
static bson_t *
previous_document (const bson_t *reply)
{
   bson_iter_t iter;
   bson_t doc;
   const uint8_t *data;
   uint32_t len;

   if (!bson_iter_init_find (&iter, reply, "value") || !BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      return NULL;
   }
   bson_iter_document (&iter, &len, &data);
   return bson_init_static (&doc, data, len) ? bson_copy (&doc) : NULL;
}

static bool
find_and_update (void *self, const uint8_t id[FG_KEY_ID_LEN], const bson_t *update, bson_t **previous, fg_error *err)
{
   session s;
   bson_t filter = BSON_INITIALIZER;
   bson_t reply;
   bson_error_t error;
   mongoc_find_and_modify_opts_t *opts = mongoc_find_and_modify_opts_new ();

   *previous = NULL;
   bson_append_binary (&filter, "_id", 3, BSON_SUBTYPE_UUID, id, FG_KEY_ID_LEN);
   mongoc_find_and_modify_opts_set_update (opts, update);
   begin (&s, self);
   bool ok = mongoc_collection_find_and_modify_with_opts (s.collection, &filter, opts, &reply, &error) ||
             failed (&error, "findAndModify", err);
   if (ok) {
      *previous = previous_document (&reply);
   }
   bson_destroy (&reply);
   end (&s);
   mongoc_find_and_modify_opts_destroy (opts);
   bson_destroy (&filter);
   return ok;
}

static bool
mongodb_add_alt_name (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous, fg_error *err)
{
   bson_t *update = BCON_NEW ("$addToSet", "{", "keyAltNames", BCON_UTF8 (name), "}");
   bool ok = find_and_update (self, id, update, previous, err);

   bson_destroy (update);
   return ok;
}

/* In one step, so that the field goes with its last name. $literal: a name may begin with a dollar sign. */
static bool
mongodb_remove_alt_name (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                         fg_error *err)
{
   bson_t *update =
      BCON_NEW ("0", "{", "$set", "{", "keyAltNames", "{", "$cond", "[", "{", "$eq", "[", BCON_UTF8 ("$keyAltNames"),
                "[", "{", "$literal", BCON_UTF8 (name), "}", "]", "]", "}", BCON_UTF8 ("$$REMOVE"), "{", "$filter", "{",
                "input", BCON_UTF8 ("$keyAltNames"), "cond", "{", "$ne", "[", BCON_UTF8 ("$$this"), "{", "$literal",
                BCON_UTF8 (name), "}", "]", "}", "}", "}", "]", "}", "}", "}");
   bson_t command = BSON_INITIALIZER;
   bson_t query;
   bson_t reply;
   bson_error_t error;
   session s;

   /* As a command: the helper sends an update document, not a pipeline. */
   *previous = NULL;
   begin (&s, self);
   BSON_APPEND_UTF8 (&command, "findAndModify", s.vault->collection);
   bson_append_document_begin (&command, "query", -1, &query);
   bson_append_binary (&query, "_id", 3, BSON_SUBTYPE_UUID, id, FG_KEY_ID_LEN);
   bson_append_document_end (&command, &query);
   BSON_APPEND_ARRAY (&command, "update", update);
   bool ok = mongoc_collection_write_command_with_opts (s.collection, &command, NULL, &reply, &error) ||
             failed (&error, "findAndModify", err);
   if (ok) {
      *previous = previous_document (&reply);
   }
   bson_destroy (&reply);
   end (&s);
   bson_destroy (&command);
   bson_destroy (update);
   return ok;
}

static bool
mongodb_create_index (void *self, fg_error *err)
{
   bson_t *command;
   bson_t reply;
   bson_error_t error;
   session s;

   begin (&s, self);
   command =
      BCON_NEW ("createIndexes", BCON_UTF8 (s.vault->collection), "indexes", "[", "{", "name",
                BCON_UTF8 ("keyAltNames_1"), "key", "{", "keyAltNames", BCON_INT32 (1), "}", "unique", BCON_BOOL (true),
                "partialFilterExpression", "{", "keyAltNames", "{", "$exists", BCON_BOOL (true), "}", "}", "}", "]");
   bool ok = mongoc_collection_write_command_with_opts (s.collection, command, NULL, &reply, &error) ||
             failed (&error, "createIndexes", err);
   bson_destroy (&reply);
   bson_destroy (command);
   end (&s);
   return ok;
}

static void
mongodb_free (void *self)
{
   mongodb_vault *v = self;

   if (v->pool) {
      mongoc_client_pool_destroy (v->pool);
   }
   free (v->db);
   free (v->collection);
   free (v->hosts);
   free (v);
}

static const fg_key_vault_ops mongodb_ops = {
   .size = sizeof (fg_key_vault_ops),
   .name = "mongodb",
   .find = mongodb_find,
   .find_matching = mongodb_find_matching,
   .insert = mongodb_insert,
   .rewrap = mongodb_rewrap,
   .remove = mongodb_remove,
   .add_alt_name = mongodb_add_alt_name,
   .remove_alt_name = mongodb_remove_alt_name,
   .create_index = mongodb_create_index,
   .free = mongodb_free,
   .rewrap_many = mongodb_rewrap_many,
   .identity = mongodb_identity,
};

static void
log_to_stderr (mongoc_log_level_t level, const char *domain, const char *message, void *ctx)
{
   (void)ctx;
   if (level < MONGOC_LOG_LEVEL_WARNING) {
      fprintf (stderr, "%s: %s: %s\n", domain, mongoc_log_level_str (level), message);
   }
}

void
fg_mongodb_log_to_stderr (void)
{
   mongoc_log_set_handler (log_to_stderr, NULL);
}

/* --- what doctor asks ------------------------------------------------------------------------------------------------ */

bool
fg_key_vault_is_mongodb (const fg_key_vault *vault, const char **db, const char **collection)
{
   if (vault->ops != &mongodb_ops) {
      return false;
   }
   const mongodb_vault *v = vault->self;
   *db = v->db;
   *collection = v->collection;
   return true;
}

bool
fg_key_vault_mongodb_command (fg_key_vault *vault, const char *db, const bson_t *command, bson_t *reply, fg_error *err)
{
   mongodb_vault *v = vault->self;
   mongoc_client_t *client = mongoc_client_pool_pop (v->pool);
   bson_error_t error;
   bool ok = mongoc_client_command_simple (client, db ? db : v->db, command, NULL, reply, &error);

   if (!ok) {
      bson_destroy (reply);
      failed (&error, "command", err);
   }
   mongoc_client_pool_push (v->pool, client);
   return ok;
}

static bool
split_namespace (mongodb_vault *v, const char *ns, fg_error *err)
{
   const char *dot = strchr (ns, '.');

   if (!dot || dot == ns || dot[1] == '\0') {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, ns, "a key vault's namespace is \"database.collection\"");
   }
   v->db = strndup (ns, (size_t)(dot - ns));
   v->collection = strdup (dot + 1);
   return (v->db && v->collection) || fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
}

static char *
hosts_of (const mongoc_uri_t *uri)
{
   const char *service = mongoc_uri_get_srv_hostname (uri);
   char *text = service ? strdup (service) : NULL;

   for (const mongoc_host_list_t *host = service ? NULL : mongoc_uri_get_hosts (uri); host; host = host->next) {
      char *longer = NULL;
      if (asprintf (&longer, "%s%s%s", text ? text : "", text ? "," : "", host->host_and_port) < 0) {
         longer = NULL;
      }
      free (text);
      text = longer;
      if (!text) {
         break;
      }
   }
   return text;
}

/* The URI may carry a password: it is in no message. */
static bool
open_pool (mongodb_vault *v, const char *text, fg_error *err)
{
   mongoc_uri_t *uri = mongoc_uri_new (text);

   if (!uri) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "the key vault's URI is not a valid MongoDB URI");
   }
   v->hosts = hosts_of (uri);
   v->pool = v->hosts ? mongoc_client_pool_new (uri) : NULL;
   mongoc_uri_destroy (uri);
   if (!v->pool || !mongoc_client_pool_set_error_api (v->pool, MONGOC_ERROR_API_VERSION_2)) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, NULL, "the key vault's URI cannot be used");
   }
   return true;
}

fg_key_vault *
fg_key_vault_mongodb_new (const char *uri, const char *ns, fg_error *err)
{
   fg_key_vault *vault = NULL;
   mongodb_vault *v = calloc (1, sizeof *v);

   if (!v) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   mongoc_init ();
   if (split_namespace (v, ns, err) && open_pool (v, uri, err)) {
      vault = fg_key_vault_new (&mongodb_ops, v, err);
   }
   if (!vault) {
      mongodb_free (v);
   }
   return vault;
}
