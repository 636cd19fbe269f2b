/* SPDX-License-Identifier: Apache-2.0 */

/* What fg_policy_covers promises: a document that the new rules accept, the old ones accept too. */

#include "tests/oracle/differential.h"
#include "tests/oracle/generate.h"
#include "tests/oracle/oracle.h"

#include <fieldguard/policy.h>
#include <stdio.h>

static fg_policy *
compile (const bson_t *options)
{
   const uint8_t *bytes = bson_get_data (options);
   size_t len = options->len;

   return fg_policy_compile (&bytes, &len, 1, NULL, NULL);
}

/* The older options with something done to them: joined with others, put into an alternative, or replaced. */
static void
change (gen *g, const bson_t *older, const bson_t *other, bson_t *out)
{
   static const char *const joins[] = {"$and", "$or"};
   bson_iter_t mine, theirs;
   bson_t validator, list;
   unsigned how = gen_pick (g, 4);

   if (how < 2 && oracle_find (older, "validator", &mine) && oracle_find (other, "validator", &theirs)) {
      bson_copy_to_excluding_noinit (older, out, "validator", NULL);
      BSON_APPEND_DOCUMENT_BEGIN (out, "validator", &validator);
      BSON_APPEND_ARRAY_BEGIN (&validator, joins[how], &list);
      bson_append_iter (&list, "0", 1, &mine);
      bson_append_iter (&list, "1", 1, &theirs);
      bson_append_array_end (&validator, &list);
      bson_append_document_end (out, &validator);
   } else {
      bson_concat (out, how == 2 ? other : older);
   }
}

/* What old rules refuse and new ones may take without a loss, because what was to be kept out stays out: a name that occurs twice, where each occurrence is judged; an array on the
 * way or in a ciphertext's place, where each element is; a scalar on the way that is a ciphertext itself; and a literal name with dots, which is refused beside the names that a rule spells and judged as it
 * stands where patterns take their place. */
static bool
is_loss (void *ctx, const fg_violation *violation)
{
   if (violation->reason == FG_REASON_DUPLICATE_NAME || violation->reason == FG_REASON_ARRAY_ON_PATH ||
       (violation->reason == FG_REASON_NOT_ENCRYPTED && violation->bson_type == 4) ||
       violation->reason == FG_REASON_LITERAL_DOTTED ||
       (violation->reason == FG_REASON_SCALAR_ON_PATH && violation->has_first_byte)) {
      return true;
   }
   snprintf (ctx, 128, "%s at %.80s", fg_reason_name (violation->reason), violation->rule_path);
   return false;
}

static void
print (const char *what, const bson_t *doc)
{
   char *json = bson_as_canonical_extended_json (doc, NULL);
   fprintf (stderr, "%s: %s\n", what, json ? json : "(not representable)");
   bson_free (json);
}

static bool
holds (const bson_t *older_options, const bson_t *newer_options, const bson_t *doc)
{
   fg_policy *older = compile (older_options), *newer = compile (newer_options);
   const uint8_t *bytes = bson_get_data (doc);
   char detail[128] = "";

   if (older && newer && !fg_policy_is_empty (older) && fg_policy_covers (newer, older, NULL, 0)) {
      differential_total.covered++;
      if (fg_policy_check (newer, bytes, doc->len, FG_PHASE_STORED, NULL) == FG_CHECK_OK &&
          fg_policy_check (older, bytes, doc->len, FG_PHASE_STORED, NULL) == FG_CHECK_VIOLATION) {
         fg_policy_visit_violations (older, bytes, doc->len, FG_PHASE_STORED, is_loss, detail);
      }
   }
   fg_policy_free (older);
   fg_policy_free (newer);
   if (!detail[0]) {
      return true;
   }
   fprintf (stderr, "difference in covers: the old rules are said to be covered, and yet refuse (%s)\n", detail);
   print ("old", older_options);
   print ("new", newer_options);
   print ("document", doc);
   return false;
}

bool
differential_covers (gen *g, const bson_t *options, const bson_t *doc)
{
   bson_t other = BSON_INITIALIZER, newer = BSON_INITIALIZER;

   g->budget = 12;
   gen_options (g, &other);
   bool ok = true;
   if (oracle_compat_parse (&other) == 0) {
      change (g, options, &other, &newer);
      ok = holds (options, &newer, doc) && holds (&newer, options, doc);
   }
   bson_destroy (&other);
   bson_destroy (&newer);
   return ok;
}
