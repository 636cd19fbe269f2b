/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_list.h"
#include "client/keys/key_vault.h"
#include "client/keys/shred_scan.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

/* What would refuse a roll, looked at before anything is deleted. */

/* --- another vault under the same master key ------------------------------------------------------------------------------ */

static bool
is_free_of (fg_scan *scan, size_t other, fg_error *err)
{
   const char *name = scan->shred->other_names[other];
   fg_key_list all = {0};
   fg_error inner = {0};
   bool ok = fg_key_list_fill (&all, scan->shred->others[other], NULL, &inner);

   for (size_t i = 0; ok && i < all.n; i++) {
      fg_key_document doc;
      bool under = false;
      ok =
         fg_key_document_parse (all.docs[i], &doc, &inner) && fg_scan_is_under (scan, &doc.master_key, &under, &inner);
      if (ok && under) {
         fg_key_list_clear (&all);
         return fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, name,
                              "the master key wraps keys of another vault, too (%s): ending it would end them. Rewrap "
                              "those under a master key of their own first",
                              name);
      }
   }
   fg_key_list_clear (&all);
   return ok || fg_error_set (err, inner.domain, inner.code, name, "other vault %s: %s", name, inner.message);
}

bool
fg_shred_is_alone (fg_scan *scan, fg_error *err)
{
   for (size_t i = 0; i < scan->shred->n_others; i++) {
      if (!is_free_of (scan, i, err)) {
         return false;
      }
   }
   return true;
}

/* --- the new epoch --------------------------------------------------------------------------------------------------------- */

/* Wraps and unwraps once. *stored: as key documents will have it. */
static bool
wraps_and_opens (fg_kms *kms, const char *provider, const bson_t *master_key, bson_t **stored, fg_error *err)
{
   fg_secret *dek = fg_secret_new (FG_DATA_KEY_LEN, err);
   fg_secret *again = NULL;
   fg_wrapped wrapped;
   bson_t made;
   bool ok = dek && fg_random_private (dek->bytes, FG_DATA_KEY_LEN, err) &&
             fg_kms_wrap (kms, provider, master_key, dek->bytes, &wrapped, &made, err);

   if (ok) {
      ok = fg_kms_unwrap (kms, &made, wrapped.bytes, wrapped.len, &again, err) &&
           (fg_ct_equal (again->bytes, dek->bytes, FG_DATA_KEY_LEN) ||
            fg_error_set (err, FG_ERROR_KMS, FG_E_CORRUPT, provider,
                          "the new epoch's master key does not open what it wraps"));
      *stored = ok ? bson_copy (&made) : NULL;
      bson_destroy (&made);
   }
   fg_secret_free (again);
   fg_secret_free (dek);
   return ok;
}

static bool
is_another_epoch (fg_scan *scan, const bson_t *new_master_key, fg_error *err)
{
   bool under = false;

   return fg_scan_is_under (scan, new_master_key, &under, err) &&
          (!under ||
           fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, NULL,
                         "the new epoch's master key is the old one: name another key, not another version or "
                         "alias of this one"));
}

/* --- files ------------------------------------------------------------------------------------------------------------------ */

static bool
backup_can_be_written (const char *path, fg_error *err)
{
   char *copy = strdup (path);

   if (!copy) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   bool ok = access (path, F_OK) != 0 || fg_error_set (err, FG_ERROR_SYSTEM, FG_E_EXISTS, path,
                                                       "%s exists already: no backup is ever replaced", path);
   ok = ok && (access (dirname (copy), W_OK) == 0 ||
               fg_error_set_errno (err, errno, path, "the backup %s cannot be written", path));
   free (copy);
   return ok;
}

/* --- all of it ------------------------------------------------------------------------------------------------------------- */

bool
fg_shred_check (const fg_shred *shred, const fg_roll *roll, const char *provider, const bson_t *master_key,
                bson_t **new_master_key, fg_error *err)
{
   fg_scan scan = {0};
   fg_epoch_census census;

   *new_master_key = NULL;
   bool ok = fg_scan_init (&scan, shred, roll->old_master_key, err) &&
             fg_epoch_must_be_open (shred->client->vault, provider, master_key, err) &&
             backup_can_be_written (roll->backup, err) && fg_shred_is_alone (&scan, err) &&
             fg_scan_census (&scan, &census, err) &&
             wraps_and_opens (shred->client->kms, provider, master_key, new_master_key, err) &&
             is_another_epoch (&scan, *new_master_key, err);
   if (!ok) {
      bson_destroy (*new_master_key);
      *new_master_key = NULL;
   }
   return ok;
}
