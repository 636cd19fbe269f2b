/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-schema fieldguard-base ; -lbson-1.0 -lpcre2-8 -lm */

/*
 * An options document, then a document: compiled, checked, explained, asked by path. The first byte chooses the phase and the meaning; the
 * options document is as long as its own length says. What must hold of any input: no memory error, the two walks agree, and a policy
 * that compiled covers an empty one.
 */

#include <fieldguard/policy.h>

#include <bson/bson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static bool
count_violation (void *ctx, const fg_violation *violation)
{
   size_t *bytes = ctx;
   *bytes += strlen (violation->rule_path) + strlen (fg_reason_text (violation->reason));
   return *bytes < 100000;
}

static void
check (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase)
{
   fg_error err = {0};
   size_t bytes = 0;
   bson_t details = BSON_INITIALIZER;
   fg_check verdict = fg_policy_check (policy, doc, len, phase, &err);
   size_t n = fg_policy_visit_violations (policy, doc, len, phase, count_violation, &bytes);

   if ((verdict == FG_CHECK_OK) != (n == 0)) {
      abort ();
   }
   if (verdict != FG_CHECK_OK && !fg_policy_explain (policy, doc, len, phase, &details, &err)) {
      abort ();
   }
   bson_destroy (&details);
}

/* The first bytes of the document as a path and a value. */
static void
check_at (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase)
{
   char path[32] = "";
   fg_reason reason;
   size_t n = len < sizeof path ? len : sizeof path - 1;

   memcpy (path, doc, n);
   (void)!fg_policy_check_at (policy, path, len ? doc[len - 1] : 0, doc, len, phase, &reason, NULL);
   (void)!fg_policy_check_at (policy, "a.0.b", 3, doc, len, phase, &reason, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   fg_policy_options options = FG_POLICY_OPTIONS_INIT;
   const uint8_t *empty = (const uint8_t *)"\5\0\0\0\0";
   size_t empty_len = 5;
   uint32_t len;
   char path[64];

   if (size < 6) {
      return 0;
   }
   options.strict = !(data[0] & 0x80);
   options.match_limit = 2000;
   fg_phase phase = (fg_phase)((data[0] & 0x7f) % 3);
   memcpy (&len, data + 1, sizeof len);
   size_t options_len = len < size - 1 ? len : size - 1;
   /* Copies of the exact size, so that reads beyond are seen. */
   uint8_t *options_bytes = malloc (options_len + 1), *doc = malloc (size - 1 - options_len + 1);
   memcpy (options_bytes, data + 1, options_len);
   size_t doc_len = size - 1 - options_len;
   memcpy (doc, data + 1 + options_len, doc_len);
   uint8_t *exact = realloc (doc, doc_len ? doc_len : 1);
   const uint8_t *bytes = options_bytes;
   fg_policy *policy = fg_policy_compile (&bytes, &options_len, 1, &options, NULL);
   if (policy) {
      fg_policy *none = fg_policy_compile (&empty, &empty_len, 1, &options, NULL);
      check (policy, exact, doc_len, phase);
      check (policy, options_bytes, options_len, phase);
      check_at (policy, exact, doc_len, phase);
      if (!none || !fg_policy_covers (policy, none, path, sizeof path)) {
         abort ();
      }
      (void)!fg_policy_covers (policy, policy, path, sizeof path);
      fg_policy_free (none);
   }
   fg_policy_free (policy);
   free (options_bytes);
   free (exact);
   return 0;
}
