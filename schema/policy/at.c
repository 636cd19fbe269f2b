/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/walk.h"

/*
 * The answer by path, for hosts that see an update and not what comes of it. A number in a path may be an array position or a name; where the rules know
 * neither for the value it stands in, an array there would be refused (arrayOnPath), so nothing that such an array could hold of the rest of the
 * rules may be written through it.
 */

typedef struct cursor {
   uint32_t state;
   bool through_array; /* a number was passed over for which the rules have no place */
   bool inside_leaf; /* the path goes on below a ciphertext */
} cursor;

static bool
is_position (const char *name, size_t len)
{
   if (len > 0 && name[0] == '$') { /* $, $[], $[identifier] */
      return true;
   }
   for (size_t i = 0; i < len; i++) {
      if (name[i] < '0' || name[i] > '9') {
         return false;
      }
   }
   return len > 0;
}

static uint32_t
position_of (const char *name, size_t len)
{
   uint64_t position = 0;

   for (size_t i = 0; i < len && name[i] >= '0' && name[i] <= '9' && position < UINT32_MAX; i++) {
      position = position * 10 + (uint64_t)(name[i] - '0');
   }
   return position < UINT32_MAX ? (uint32_t)position : UINT32_MAX - 1;
}

/* One component. */
static bool
step (fg_walk *walk, cursor *at, const char *name, size_t len)
{
   const fg_policy_state *state = walk->policy->states + at->state;
   uint32_t target;

   if (state->flags & FG_STATE_LEAF && !(state->flags & (FG_STATE_NAMES | FG_STATE_ITEMS))) {
      at->inside_leaf = true;
      return true;
   }
   if (!fg_policy_follow (walk, state, name, len, &target)) {
      return false;
   }
   if (target == FG_POLICY_DEAD && is_position (name, len)) {
      if (state->flags & FG_STATE_ITEMS) {
         target = fg_policy_item (walk->policy, state, position_of (name, len));
      } else {
         at->through_array = true;
         return true;
      }
   }
   at->state = target;
   return true;
}

static fg_check
judge_end (fg_walk *walk, const cursor *at, uint8_t type, const uint8_t *value, size_t len)
{
   const fg_policy_state *state = walk->policy->states + at->state;

   if (at->inside_leaf) {
      walk->reason = FG_REASON_NOT_ENCRYPTED;
      return FG_CHECK_VIOLATION;
   }
   if (at->through_array) {
      fg_check verdict = FG_CHECK_OK;
      if (state->flags & FG_STATE_LEAF) {
         verdict = FG_CHECK_VIOLATION;
      } else if (type == 3 || type == 4) {
         verdict = fg_policy_walk_value (walk, type, value, len, at->state);
      }
      walk->reason = verdict == FG_CHECK_VIOLATION ? FG_REASON_ARRAY_ON_PATH : walk->reason;
      return verdict;
   }
   return fg_policy_walk_value (walk, type, value, len, at->state);
}

static fg_check
check_path (fg_walk *walk, const char *path, uint8_t type, const uint8_t *value, size_t len)
{
   cursor at = {walk->policy->root, false, false};

   for (const char *name = path;;) {
      size_t n = strcspn (name, ".");
      if (n == 0) {
         walk->reason = FG_REASON_CANNOT_DECIDE;
         (void)fg_error_set (walk->err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                             "the path of a write has an empty component");
         return FG_CHECK_ERROR;
      }
      if (at.state != FG_POLICY_DEAD && !at.inside_leaf && !step (walk, &at, name, n)) {
         return FG_CHECK_ERROR;
      }
      if (name[n] == '\0') {
         break;
      }
      name += n + 1;
   }
   return at.state == FG_POLICY_DEAD ? FG_CHECK_OK : judge_end (walk, &at, type, value, len);
}

static __attribute__ ((noinline)) fg_check
check_path_with_patterns (fg_walk *walk, const char *path, uint8_t type, const uint8_t *value, size_t len)
{
   fg_matching matching;

   matching.data = NULL;
   matching.used = 0;
   walk->matching = &matching;
   fg_check verdict = check_path (walk, path, type, value, len);
   walk->matching = NULL;
   return verdict;
}

fg_check
fg_policy_check_at (const fg_policy *policy, const char *path, uint8_t value_type, const uint8_t *value, size_t len,
                    fg_phase phase, fg_reason *reason, fg_error *err)
{
   fg_walk walk = {policy, phase, err, NULL, NULL, NULL, FG_REASON_NONE, 0};
   fg_check verdict = policy->has_patterns ? check_path_with_patterns (&walk, path, value_type, value, len)
                                           : check_path (&walk, path, value_type, value, len);

   if (reason) {
      *reason = verdict == FG_CHECK_OK ? FG_REASON_NONE : walk.reason;
   }
   return verdict;
}
