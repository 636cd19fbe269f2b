/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/copy.h"
#include "hosts/fieldguardd/store/internal.h"

#include <stdlib.h>

#define RECORDED_MAX 100000u /* documents on record that wait for the copy's end */

/* --- judging copies --------------------------------------------------------------------------------------------------- */

struct fgd_copy {
   fg_loader *loader;
   fg_collection *judge; /* what modules take for the target, while another collection may still have the name */
   fg_unit unit;
   size_t recorded; /* documents, since the unit began */
};

fgd_copy *
fgd_copy_new (fgd_store *store, const fg_client_info *client, const char *ns, const bson_t *options, fg_error *err)
{
   static const uint8_t no_uuid[16];
   fgd_copy *copy = calloc (1, sizeof *copy);

   if (!copy) {
      fgd_store_no_memory (err);
      return NULL;
   }
   copy->loader = store->loader;
   copy->judge = fg_collection_new (ns, no_uuid, err);
   if (!copy->judge) {
      free (copy);
      return NULL;
   }
   fg_ddl_request request = {.size = sizeof request,
                             .ddl = FG_DDL_LOAD,
                             .collection = copy->judge,
                             .new_options = bson_get_data (options),
                             .new_options_len = options->len,
                             .client = client};
   fg_loader_ddl_apply (copy->loader, &request);
   fg_unit_begin (&copy->unit, client);
   return copy;
}

bool
fgd_copy_is_watched (const fgd_copy *copy)
{
   return fg_collection_is_watched (copy->judge);
}

fg_verdict
fgd_copy_validate (fgd_copy *copy, uint32_t flags, const uint8_t *post, size_t post_len, fg_refusal *refusal)
{
   fg_verdict verdict = fg_loader_validate (copy->loader, &copy->unit, copy->judge, FG_OP_COPY, FG_PHASE_STORED, flags,
                                            post, post_len, NULL, 0, refusal);

   copy->recorded += verdict == FG_VERDICT_ALLOW_AND_RECORD;
   return verdict;
}

bool
fgd_copy_relieve (fgd_copy *copy, fg_error *err)
{
   const fg_client_info *client = copy->unit.client;

   if (copy->recorded < RECORDED_MAX) {
      return true;
   }
   if (!fgd_copy_prepare (copy, err)) {
      return false;
   }
   fg_loader_committed (copy->loader, &copy->unit);
   fg_unit_begin (&copy->unit, client);
   copy->recorded = 0;
   return true;
}

bool
fgd_copy_prepare (fgd_copy *copy, fg_error *err)
{
   fg_refusal refusal = {.size = sizeof refusal};

   if (!copy || !copy->unit.recorded) {
      return true;
   }
   bool ok = fg_loader_prepare_commit (copy->loader, &copy->unit, &refusal);
   if (!ok) {
      fg_error_set (err, FG_ERROR_SERVER, refusal.code ? refusal.code : 1, NULL, "%s",
                    refusal.message[0] ? refusal.message : "a module cannot commit what it recorded");
   }
   fg_refusal_release (&refusal);
   return ok;
}

void
fgd_copy_end (fgd_copy *copy, bool committed)
{
   if (!copy) {
      return;
   }
   if (committed) {
      fg_loader_committed (copy->loader, &copy->unit);
   } else {
      fg_loader_rolled_back (copy->loader, &copy->unit);
   }
   fg_ddl_request request = {.size = sizeof request, .ddl = FG_DDL_UNLOAD, .collection = copy->judge};
   fg_loader_ddl_apply (copy->loader, &request);
   fg_collection_free (copy->judge);
   free (copy);
}
