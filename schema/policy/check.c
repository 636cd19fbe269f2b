/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/walk.h"

/* fg_policy_check and the second walk that names every violation. */

/* Apart, so that only policies with patterns pay for the block. */
static __attribute__ ((noinline)) fg_check
check_with_patterns (fg_walk *walk, const uint8_t *doc, size_t len)
{
   fg_matching matching;

   matching.data = NULL;
   matching.used = 0;
   walk->matching = &matching;
   fg_check verdict = fg_policy_walk (walk, doc, len, walk->policy->root, false);
   walk->matching = NULL;
   return verdict;
}

static fg_check
check (fg_walk *walk, const uint8_t *doc, size_t len)
{
   return walk->policy->has_patterns ? check_with_patterns (walk, doc, len)
                                     : fg_policy_walk (walk, doc, len, walk->policy->root, false);
}

fg_check
fg_policy_check (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase, fg_error *err)
{
   fg_walk walk = {policy, phase, err, NULL, NULL, NULL, FG_REASON_NONE, 0};

   return policy->empty ? FG_CHECK_OK : check (&walk, doc, len);
}

fg_check
fg_policy_walk_document (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase,
                         bool (*hit) (void *ctx, const fg_hit *hit), void *ctx, fg_error *err)
{
   fg_walk walk = {policy, phase, err, NULL, hit, ctx, FG_REASON_NONE, 0};

   return policy->empty ? FG_CHECK_OK : check (&walk, doc, len);
}

/* --- the public visit ----------------------------------------------------------------------------------------------- */

#define PATH_MAX_BYTES 1024

typedef struct visit {
   bool (*call) (void *ctx, const fg_violation *violation);
   void *ctx;
   size_t n;
   bool stopped;
} visit;

/* "a.*.b[].c"; a path that is too long is cut and ends in "...". */
static void
write_path (const fg_hit *hit, char *out, size_t size)
{
   size_t n = 0;

   for (size_t i = 0; i < hit->n_steps; i++) {
      const fg_step *step = hit->steps + i;
      const char *text = step->kind == FG_STEP_NAME ? step->name : step->kind == FG_STEP_WILD ? "*" : "[]";
      size_t len = step->kind == FG_STEP_NAME ? step->len : strlen (text);
      size_t dot = i > 0 && step->kind != FG_STEP_ITEM;
      if (n + dot + len + 4 > size) {
         memcpy (out + n, "...", 4);
         return;
      }
      if (dot) {
         out[n++] = '.';
      }
      memcpy (out + n, text, len);
      n += len;
   }
   out[n] = '\0';
}

static bool
visit_hit (void *ctx, const fg_hit *hit)
{
   visit *self = ctx;
   char path[PATH_MAX_BYTES];
   fg_violation violation = {sizeof violation, path, hit->reason, hit->type, 0, false, (uint32_t)hit->len};

   write_path (hit, path, sizeof path);
   if (hit->type == 5 && hit->len >= 5) {
      violation.length = (uint32_t)(hit->len - 5);
      if (hit->value[4] == 6 && violation.length > 0) {
         violation.has_first_byte = true;
         violation.first_byte = hit->value[5];
      }
   }
   self->n++;
   self->stopped = !self->call (self->ctx, &violation);
   return !self->stopped;
}

size_t
fg_policy_visit_violations (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase,
                            bool (*call) (void *ctx, const fg_violation *violation), void *ctx)
{
   visit self = {call, ctx, 0, false};

   if (fg_policy_walk_document (policy, doc, len, phase, visit_hit, &self, NULL) == FG_CHECK_ERROR && !self.stopped) {
      const fg_violation unknown = {sizeof unknown, "", FG_REASON_CANNOT_DECIDE, 0, 0, false, 0};
      self.n++;
      (void)call (ctx, &unknown);
   }
   return self.n;
}
