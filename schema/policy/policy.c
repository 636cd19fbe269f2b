/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/rules.h"

/* Compiling: options documents to rules, rules to a program. */

#define DEFAULT_MATCH_LIMIT 100000u
/* PCRE2 without JIT recurses in blocks of the match data: bounded by the memory that a check hands it, and by this. */
#define MATCH_DEPTH_LIMIT 2000u
#define HEAP_LIMIT_KIB 64u

static fg_policy_options
read_options (const fg_policy_options *options)
{
   fg_policy_options out = FG_POLICY_OPTIONS_INIT;

   if (options) {
      memcpy (&out, options, options->size < sizeof out ? options->size : sizeof out);
   }
   out.max_depth = out.max_depth ? out.max_depth : FG_POLICY_DEFAULT_DEPTH;
   out.max_depth = out.max_depth > FG_POLICY_MAX_DEPTH ? FG_POLICY_MAX_DEPTH : out.max_depth;
   out.match_limit = out.match_limit ? out.match_limit : DEFAULT_MATCH_LIMIT;
   return out;
}

static bool
set_limits (fg_policy *policy, const fg_policy_options *options, fg_error *err)
{
   policy->match = pcre2_match_context_create (NULL);
   if (!policy->match) {
      return fg_rules_no_memory (err);
   }
   (void)pcre2_set_match_limit (policy->match, options->match_limit);
   (void)pcre2_set_depth_limit (policy->match, MATCH_DEPTH_LIMIT);
   (void)pcre2_set_heap_limit (policy->match, HEAP_LIMIT_KIB);
   return true;
}

fg_policy *
fg_policy_compile (const uint8_t *const *documents, const size_t *lengths, size_t n_documents,
                   const fg_policy_options *options, fg_error *err)
{
   const fg_policy_options limits = read_options (options);
   fg_policy *policy = calloc (1, sizeof *policy);
   fg_rules rules;
   bool ok;

   fg_error_clear (err);
   if (!policy) {
      (void)fg_rules_no_memory (err);
      return NULL;
   }
   policy->strict = limits.strict;
   ok = fg_rules_init (&rules, err);
   rules.max_depth = limits.max_depth;
   rules.strict = limits.strict;
   for (size_t i = 0; ok && i < n_documents; i++) {
      ok = fg_policy_extract_options (&rules, documents[i], lengths[i], err);
   }
   ok = ok && set_limits (policy, &limits, err) && fg_policy_build (&rules, policy, err);
   fg_rules_free (&rules);
   if (!ok) {
      fg_policy_free (policy);
      return NULL;
   }
   return policy;
}

void
fg_policy_free (fg_policy *policy)
{
   if (!policy) {
      return;
   }
   for (uint32_t i = 0; i < policy->n_patterns; i++) {
      pcre2_code_free (policy->patterns[i]);
   }
   pcre2_match_context_free (policy->match);
   free (policy->patterns);
   free (policy->pattern_sources);
   free (policy->block);
   free (policy);
}

bool
fg_policy_is_empty (const fg_policy *policy)
{
   return policy->empty;
}

size_t
fg_policy_rule_count (const fg_policy *policy)
{
   return policy->n_rules;
}
