/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/partial.h"

#define SERVER_CANNOT_CREATE_INDEX 67

static bool
is_allowed (const fg_node *node)
{
   switch ((int)node->kind) {
   case N_AND:
   case N_OR:
   case N_TRUE:
   case N_EQ:
   case N_LT:
   case N_LTE:
   case N_GT:
   case N_GTE:
   case N_EXISTS:
   case N_TYPE:
      return true;
   case N_IN:
      return node->u.in.n_regexes == 0;
   default:
      return false;
   }
}

bool
fg_partial_check (fg_parser *parser, const fg_node *node)
{
   if (!is_allowed (node)) {
      fg_parse_error (parser, SERVER_CANNOT_CREATE_INDEX, "Expression not supported in partial index: %s",
                      node->op ? node->op : "$not");
      return false;
   }
   for (uint32_t i = 0; i < node->n_kids; i++) {
      if (!fg_partial_check (parser, node->kids[i])) {
         return false;
      }
   }
   return true;
}
