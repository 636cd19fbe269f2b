/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "client/keys/vault_mongodb.h"

/* Where the vault is, and who reads what. */

static bool
ask (fg_key_vault *vault, const char *db, const char *command, bson_t *reply, fg_error *err)
{
   bson_t *bson = bson_new_from_json ((const uint8_t *)command, -1, NULL);
   bool ok = bson && fg_key_vault_mongodb_command (vault, db, bson, reply, err);

   bson_destroy (bson);
   return ok;
}

/* --- the index ----------------------------------------------------------------------------------------------------------- */

static bool
is_the_index (const bson_iter_t *at)
{
   bson_iter_t member;
   bson_iter_t found;
   bool unique = false;
   bool key = false;

   if (!BSON_ITER_HOLDS_DOCUMENT (at) || !bson_iter_recurse (at, &member)) {
      return false;
   }
   while (bson_iter_next (&member)) {
      if (strcmp (bson_iter_key (&member), "unique") == 0) {
         unique = bson_iter_as_bool (&member);
      } else if (strcmp (bson_iter_key (&member), "key") == 0 && BSON_ITER_HOLDS_DOCUMENT (&member) &&
                 bson_iter_recurse (&member, &found)) {
         key =
            bson_iter_next (&found) && strcmp (bson_iter_key (&found), "keyAltNames") == 0 && !bson_iter_next (&found);
      }
   }
   return unique && key;
}

void
fg_doctor_index (fg_doctor *d)
{
   const char *db;
   const char *collection;
   bson_t reply;
   bson_iter_t start;
   bson_iter_t batch;
   bson_iter_t index;
   bool found = false;
   fg_error err = {0};

   if (!d->client.vault || !fg_key_vault_is_mongodb (d->client.vault, &db, &collection)) {
      return; /* in files names are unique as it is */
   }
   bson_t command = BSON_INITIALIZER;
   BSON_APPEND_UTF8 (&command, "listIndexes", collection);
   bool ok = fg_key_vault_mongodb_command (d->client.vault, NULL, &command, &reply, &err);
   bson_destroy (&command);
   if (!ok) {
      fg_doctor_report (d, FG_DOCTOR_NO_UNIQUE_INDEX, collection, "its indexes cannot be listed: %s", err.message);
      return;
   }
   if (bson_iter_init (&start, &reply) && bson_iter_find_descendant (&start, "cursor.firstBatch", &batch) &&
       BSON_ITER_HOLDS_ARRAY (&batch) && bson_iter_recurse (&batch, &index)) {
      while (!found && bson_iter_next (&index)) {
         found = is_the_index (&index);
      }
   }
   bson_destroy (&reply);
   if (!found) {
      fg_doctor_report (d, FG_DOCTOR_NO_UNIQUE_INDEX, collection,
                        "no unique index on keyAltNames: two keys can have one name, and two clients two keys for it");
   }
}

/* --- the data's cluster ---------------------------------------------------------------------------------------------------- */

static bool
equal_values (const bson_iter_t *x, const bson_iter_t *y)
{
   bson_t a = BSON_INITIALIZER;
   bson_t b = BSON_INITIALIZER;
   bool same = bson_append_iter (&a, "v", 1, x) && bson_append_iter (&b, "v", 1, y) && bson_equal (&a, &b);

   bson_destroy (&a);
   bson_destroy (&b);
   return same;
}

static bool
same_member (const bson_t *a, const bson_t *b, const char *path)
{
   bson_iter_t start;
   bson_iter_t x;
   bson_iter_t y;

   if (!bson_iter_init (&start, a) || !bson_iter_find_descendant (&start, path, &x) || !bson_iter_init (&start, b) ||
       !bson_iter_find_descendant (&start, path, &y)) {
      return false;
   }
   return equal_values (&x, &y);
}

static bool
shares_a_host (const bson_t *a, const bson_t *b)
{
   bson_iter_t x;
   bson_iter_t y;
   bson_iter_t i;
   bson_iter_t j;

   if (!bson_iter_init_find (&x, a, "hosts") || !BSON_ITER_HOLDS_ARRAY (&x) || !bson_iter_recurse (&x, &i)) {
      return false;
   }
   while (bson_iter_next (&i)) {
      if (!bson_iter_init_find (&y, b, "hosts") || !BSON_ITER_HOLDS_ARRAY (&y) || !bson_iter_recurse (&y, &j)) {
         return false;
      }
      while (bson_iter_next (&j)) {
         if (BSON_ITER_HOLDS_UTF8 (&i) && BSON_ITER_HOLDS_UTF8 (&j) &&
             strcmp (bson_iter_utf8 (&i, NULL), bson_iter_utf8 (&j, NULL)) == 0) {
            return true;
         }
      }
   }
   return false;
}

/* The same process, a host in common, or the same sharded cluster. */
static bool
same_cluster (fg_key_vault *vault, fg_key_vault *data, bool *same, fg_error *err)
{
   bson_t a;
   bson_t b;

   if (!ask (vault, "admin", "{\"hello\": 1}", &a, err)) {
      return false;
   }
   if (!ask (data, "admin", "{\"hello\": 1}", &b, err)) {
      bson_destroy (&a);
      return false;
   }
   bool sharded = bson_has_field (&a, "msg") && bson_has_field (&b, "msg");
   *same = same_member (&a, &b, "topologyVersion.processId") || shares_a_host (&a, &b);
   bson_destroy (&a);
   bson_destroy (&b);
   if (*same || !sharded) {
      return true;
   }
   static const char find[] = "{\"find\": \"version\", \"limit\": 1, \"singleBatch\": true}";
   if (!ask (vault, "config", find, &a, err)) {
      return false;
   }
   if (!ask (data, "config", find, &b, err)) {
      bson_destroy (&a);
      return false;
   }
   *same = same_member (&a, &b, "cursor.firstBatch.0.clusterId");
   bson_destroy (&a);
   bson_destroy (&b);
   return true;
}

static void
judge_place (fg_doctor *d, fg_key_vault *data)
{
   const char *db;
   const char *collection;
   fg_error err = {0};
   bool same = false;

   if (!fg_key_vault_is_mongodb (d->client.vault, &db, &collection)) {
      return; /* a file is on no cluster */
   }
   if (!same_cluster (d->client.vault, data, &same, &err)) {
      fg_doctor_report (d, FG_DOCTOR_VAULT_PLACE_UNKNOWN, "", "%s", err.message);
   } else if (same) {
      fg_doctor_report (d, FG_DOCTOR_VAULT_WITH_DATA, "",
                        "the vault is in the deployment that holds the data: every backup has both, and every "
                        "administrator reads both");
   }
}

/* --- who reads data and unwraps keys --------------------------------------------------------------------------------------- */

static void
judge_separation (fg_doctor *d, fg_key_vault *data)
{
   const char *db;
   const char *collection;
   bson_t command = BSON_INITIALIZER;
   bson_t reply;
   fg_error err = {0};

   if (!d->opened || !fg_key_vault_is_mongodb (data, &db, &collection)) {
      fg_doctor_report (d, FG_DOCTOR_SEPARATION_UNKNOWN, "", "this identity was not seen to unwrap a key");
      bson_destroy (&command);
      return;
   }
   BSON_APPEND_UTF8 (&command, "find", collection);
   BSON_APPEND_INT32 (&command, "limit", 1);
   BSON_APPEND_BOOL (&command, "singleBatch", true);
   if (fg_key_vault_mongodb_command (data, NULL, &command, &reply, &err)) {
      bson_destroy (&reply);
      fg_doctor_report (d, FG_DOCTOR_SEPARATION, "",
                        "who runs this reads the data and unwraps keys: as it must be for an application, and for "
                        "nobody else");
   } else if (err.code != 13) {
      fg_doctor_report (d, FG_DOCTOR_SEPARATION_UNKNOWN, "", "%s", err.message);
   }
   bson_destroy (&command);
}

void
fg_doctor_place (fg_doctor *d)
{
   const char *db;
   const char *collection;
   fg_error err = {0};

   if (!d->data || !d->client.vault) {
      fg_doctor_report (d, FG_DOCTOR_VAULT_PLACE_UNKNOWN, "", "whether the vault is with the data is not known");
      fg_doctor_report (d, FG_DOCTOR_SEPARATION_UNKNOWN, "", "whether who reads data also unwraps keys is not known");
      return;
   }
   fg_key_vault *data = fg_cli_open_vault (d->data, false, &err);
   if (!data || !fg_key_vault_is_mongodb (data, &db, &collection)) {
      fg_doctor_report (d, FG_DOCTOR_VAULT_PLACE_UNKNOWN, "", "--data: %s",
                        err.message[0] ? err.message : "a mongodb:// URI with ns= is needed");
   } else {
      judge_place (d, data);
      judge_separation (d, data);
   }
   if (data) {
      fg_key_vault_free (data);
   }
}

/* --- other vaults ---------------------------------------------------------------------------------------------------------- */

static bool
shares_a_master_key (fg_doctor *d, const fg_key_list *theirs)
{
   char a[FG_EPOCH_ID_LEN];
   char b[FG_EPOCH_ID_LEN];
   fg_key_document x;
   fg_key_document y;

   for (size_t i = 0; i < theirs->n; i++) {
      if (!fg_key_document_parse (theirs->docs[i], &x, NULL) || !fg_epoch_id_of_stored (&x.master_key, a, NULL)) {
         continue;
      }
      for (size_t j = 0; j < d->documents.n; j++) {
         if (fg_key_document_parse (d->documents.docs[j], &y, NULL) && fg_epoch_id_of_stored (&y.master_key, b, NULL) &&
             strcmp (a, b) == 0) {
            return true;
         }
      }
   }
   return false;
}

void
fg_doctor_others (fg_doctor *d)
{
   for (size_t i = 0; i < d->n_others; i++) {
      fg_error err = {0};
      fg_key_list theirs = {0};
      fg_key_vault *vault = fg_cli_open_vault (d->other_names[i], false, &err);
      if (!vault || !fg_key_list_fill (&theirs, vault, NULL, &err)) {
         fg_doctor_report (d, FG_DOCTOR_MASTER_KEY_UNKNOWN, d->other_names[i], "%s", err.message);
      } else if (shares_a_master_key (d, &theirs)) {
         fg_doctor_report (d, FG_DOCTOR_SHARED_MASTER_KEY, d->other_names[i],
                           "this other vault has keys under a master key of this one");
      }
      fg_key_list_clear (&theirs);
      if (vault) {
         fg_key_vault_free (vault);
      }
   }
}
