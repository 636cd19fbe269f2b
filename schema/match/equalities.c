/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

typedef bool (*visitor) (void *ctx, const char *path, const fg_value *value);

static bool
visit_node (const fg_node *node, visitor visit, void *ctx)
{
   if (node->kind == N_EQ && node->path) {
      return visit (ctx, node->path->dotted, &node->u.rhs);
   }
   /* $all and single-clause $or state their equalities as surely as $and does. */
   if (node->kind != N_AND && !(node->kind == N_OR && node->n_kids == 1)) {
      return true;
   }
   for (uint32_t i = 0; i < node->n_kids; i++) {
      if (!visit_node (node->kids[i], visit, ctx)) {
         return false;
      }
   }
   return true;
}

void
fg_matcher_visit_equalities (const fg_matcher *matcher,
                             bool (*visit) (void *ctx, const char *path, const fg_value *value), void *ctx)
{
   (void)visit_node (matcher->root, visit, ctx);
}
