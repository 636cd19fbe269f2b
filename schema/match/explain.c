/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

#include <bson/bson.h>

bool
fg_matcher_explain (const fg_matcher *matcher, const uint8_t *doc, size_t len, const fg_explain_options *options,
                    bson_t *details, fg_error *err)
{
   (void)doc;
   (void)len;
   (void)options;
   const fg_node *root = matcher->root;
   const fg_node *only = root->n_kids == 1 ? root->kids[0] : root;
   if (!BSON_APPEND_UTF8 (details, "operatorName", only->op ? only->op : "$and")) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL, "the details do not fit a document");
   }
   return true;
}
