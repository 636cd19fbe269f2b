/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* --- collections ---------------------------------------------------------------------------------------------------- */

void
fgd_coll_unref (fgd_coll *coll)
{
   if (!coll || __atomic_sub_fetch (&coll->refs, 1, __ATOMIC_ACQ_REL) > 0) {
      return;
   }
   for (size_t i = 0; i < coll->n_indexes; i++) {
      fgd_index_free (coll->indexes[i]);
   }
   free (coll->indexes);
   fg_validator_free (coll->validator);
   if (coll->options) {
      bson_destroy (coll->options);
   }
   free (coll->ns);
   free (coll->db);
   free (coll);
}

static bool
set_names (fgd_coll *coll, const char *db, const char *name)
{
   size_t db_len = strlen (db);
   size_t name_len = strlen (name);

   coll->db = strdup (db);
   coll->ns = malloc (db_len + 1 + name_len + 1);
   if (!coll->db || !coll->ns) {
      return false;
   }
   memcpy (coll->ns, db, db_len);
   coll->ns[db_len] = '.';
   memcpy (coll->ns + db_len + 1, name, name_len + 1);
   coll->name = coll->ns + db_len + 1;
   return true;
}

fgd_coll *
fgd_coll_new (const char *db, const char *name, uint64_t id, const uint8_t uuid[16], const bson_t *options,
              fg_error *err)
{
   fgd_coll *coll = calloc (1, sizeof *coll);

   if (!coll || !set_names (coll, db, name)) {
      fgd_store_no_memory (err);
      fgd_coll_unref (coll);
      return NULL;
   }
   coll->refs = 1;
   coll->id = id;
   memcpy (coll->uuid, uuid, 16);
   coll->options = bson_copy (options);
   /* A validator that cannot be read does not disable itself: writes are refused with this error. */
   coll->validator =
      fg_validator_compile (bson_get_data (coll->options), coll->options->len, 0, &coll->validator_error);
   return coll;
}

bool
fgd_coll_add_index (fgd_coll *coll, uint64_t id, const bson_t *spec, fg_error *err)
{
   fgd_index **more = realloc (coll->indexes, (coll->n_indexes + 1) * sizeof (void *));

   if (!more) {
      return fgd_store_no_memory (err);
   }
   coll->indexes = more;
   fgd_index *index = fgd_index_new (id, spec, err);
   if (!index) {
      return false;
   }
   coll->indexes[coll->n_indexes++] = index;
   return true;
}

fgd_coll *
fgd_coll_copy (const fgd_coll *coll, const char *db, const char *name, const bson_t *options, fg_error *err)
{
   fgd_coll *copy = fgd_coll_new (db, name, coll->id, coll->uuid, options ? options : coll->options, err);

   if (!copy) {
      return NULL;
   }
   copy->module = coll->module;
   for (size_t i = 0; i < coll->n_indexes; i++) {
      if (!fgd_coll_add_index (copy, coll->indexes[i]->id, coll->indexes[i]->spec, err)) {
         fgd_coll_unref (copy);
         return NULL;
      }
   }
   return copy;
}

/* --- as stored: {db, name, uuid, options, indexes: [{id, spec}], hidden?} ------------------------------------------------------ */

static void
write_entry (bson_t *out, const fgd_coll *coll)
{
   bson_t list;

   bson_append_utf8 (out, "db", -1, coll->db, -1);
   bson_append_utf8 (out, "name", -1, coll->name, -1);
   bson_append_binary (out, "uuid", -1, BSON_SUBTYPE_UUID, coll->uuid, 16);
   bson_append_document (out, "options", -1, coll->options);
   bson_append_array_begin (out, "indexes", -1, &list);
   for (size_t i = 0; i < coll->n_indexes; i++) {
      char name[24];
      bson_t one;
      snprintf (name, sizeof name, "%zu", i);
      bson_append_document_begin (&list, name, -1, &one);
      bson_append_int64 (&one, "id", -1, (int64_t)coll->indexes[i]->id);
      bson_append_document (&one, "spec", -1, coll->indexes[i]->spec);
      bson_append_document_end (&list, &one);
   }
   bson_append_array_end (out, &list);
   if (coll->hidden) {
      bson_append_bool (out, "hidden", -1, true);
   }
}

bool
fgd_catalog_put (fgd_txn *txn, const fgd_coll *coll, fg_error *err)
{
   uint8_t id[8];
   MDB_val key = {sizeof id, id};
   bson_t entry = BSON_INITIALIZER;

   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   fgd_put_u64be (id, coll->id);
   write_entry (&entry, coll);
   MDB_val value = {entry.len, NULL};
   txn->dirty = true;
   int rc = mdb_put (txn->mdb, txn->store->catalog_dbi, &key, &value, MDB_RESERVE);
   if (rc == 0) {
      memcpy (value.mv_data, bson_get_data (&entry), entry.len);
   }
   bson_destroy (&entry);
   return rc == 0 || fgd_txn_break (txn, rc, "writing the catalog", err);
}

bool
fgd_catalog_del (fgd_txn *txn, const fgd_coll *coll, fg_error *err)
{
   uint8_t id[8];
   MDB_val key = {sizeof id, id};

   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   fgd_put_u64be (id, coll->id);
   txn->dirty = true;
   int rc = mdb_del (txn->mdb, txn->store->catalog_dbi, &key, NULL);
   return rc == 0 || fgd_txn_break (txn, rc, "writing the catalog", err);
}
