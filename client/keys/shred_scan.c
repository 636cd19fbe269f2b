/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/shred_scan.h"

#include <stdio.h>

static bool
is_aws (const bson_t *master_key)
{
   const char *provider = fg_bson_text (master_key, "provider");

   return provider && strncmp (provider, "aws", 3) == 0;
}

bool
fg_scan_init (fg_scan *scan, const fg_shred *shred, const bson_t *master_key, fg_error *err)
{
   fg_master_key_status status;

   memset (scan, 0, sizeof *scan);
   scan->shred = shred;
   scan->master_key = master_key;
   if (!fg_epoch_id_of_stored (master_key, scan->id, err)) {
      return false;
   }
   scan->asks = is_aws (master_key);
   if (scan->asks) {
      if (!fg_kms_master_key_state (shred->client->kms, master_key, &status, err)) {
         return false;
      }
      snprintf (scan->name, sizeof scan->name, "%s", status.name);
   }
   return true;
}

static bool
ask (fg_scan *scan, const bson_t *master_key, const char id[FG_EPOCH_ID_LEN], bool *under, fg_error *err)
{
   fg_master_key_status status;

   for (size_t i = 0; i < scan->n_known; i++) {
      if (strcmp (scan->known[i].id, id) == 0) {
         *under = scan->known[i].under;
         return true;
      }
   }
   if (scan->n_known == FG_SCAN_NAMES_MAX) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_TOO_LARGE, NULL, "the vault has keys under more than %u master keys",
                           FG_SCAN_NAMES_MAX);
   }
   if (!fg_kms_master_key_state (scan->shred->client->kms, master_key, &status, err)) {
      return false;
   }
   *under = status.name[0] && strcmp (status.name, scan->name) == 0;
   snprintf (scan->known[scan->n_known].id, FG_EPOCH_ID_LEN, "%s", id);
   scan->known[scan->n_known++].under = *under;
   return true;
}

bool
fg_scan_is_under (fg_scan *scan, const bson_t *master_key, bool *under, fg_error *err)
{
   char id[FG_EPOCH_ID_LEN];

   *under = false;
   if (!fg_epoch_id_of_stored (master_key, id, err)) {
      return false;
   }
   *under = strcmp (id, scan->id) == 0;
   return *under || !scan->asks || !is_aws (master_key) || ask (scan, master_key, id, under, err);
}

static bool
add (fg_key_list *list, const bson_t *document, fg_error *err)
{
   return fg_key_list_add (list, document) || fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
}

bool
fg_scan_documents (fg_scan *scan, const fg_roll *roll, const fg_key_list *all, fg_key_list *under, fg_key_list *again,
                   fg_error *err)
{
   for (size_t i = 0; i < all->n; i++) {
      fg_key_document doc;
      fg_error inner = {0};
      bool is_under = false;
      if (!fg_key_document_parse (all->docs[i], &doc, &inner)) {
         return fg_error_set (err, inner.domain, inner.code, inner.path,
                              "document %zu of the vault cannot be read, so that nobody knows what wraps it: %s", i + 1,
                              inner.message);
      }
      if (roll && fg_roll_has_key (roll, doc.id)) {
         if (!add (again, all->docs[i], err)) {
            return false;
         }
      } else if (!fg_scan_is_under (scan, &doc.master_key, &is_under, err) ||
                 (is_under && !add (under, all->docs[i], err))) {
         return false;
      }
   }
   return true;
}

bool
fg_scan_vault (fg_scan *scan, const fg_roll *roll, fg_key_list *under, fg_key_list *again, fg_error *err)
{
   fg_key_list all = {0};
   bool ok = fg_key_list_fill (&all, scan->shred->client->vault, NULL, err) &&
             fg_scan_documents (scan, roll, &all, under, again, err);

   fg_key_list_clear (&all);
   return ok;
}

bool
fg_scan_census (fg_scan *scan, fg_epoch_census *out, fg_error *err)
{
   fg_key_list all = {0};
   fg_key_list under = {0};
   bool ok = fg_key_list_fill (&all, scan->shred->client->vault, NULL, err) &&
             fg_scan_documents (scan, NULL, &all, &under, NULL, err);

   *out = (fg_epoch_census){all.n, under.n, all.n - under.n};
   fg_key_list_clear (&under);
   fg_key_list_clear (&all);
   return ok;
}

bool
fg_shred_census (const fg_shred *shred, const bson_t *master_key, fg_epoch_census *out, fg_error *err)
{
   fg_scan scan;

   return fg_scan_init (&scan, shred, master_key, err) && fg_scan_census (&scan, out, err);
}
