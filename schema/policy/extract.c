/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/rules.h"

/*
 * From a collection options document down to each $jsonSchema: the query tree around it. Only $and, $or and $nor can hold one; every other
 * predicate is opaque here, and one that hides a $jsonSchema where the server would not read it is refused, since a rule would be lost.
 */

bool
fg_policy_next (bson_iter_t *iter, bool *ok, fg_error *err)
{
   if (bson_iter_next (iter)) {
      return true;
   }
   if (iter->err_off != 0) {
      *ok = fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the options document is not well-formed BSON");
   }
   return false;
}

static bool
recurse (const bson_iter_t *iter, bson_iter_t *child, fg_error *err)
{
   return bson_iter_recurse (iter, child) ||
          fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the options document is not well-formed BSON");
}

static bool
is_logical (const char *name)
{
   return strcmp (name, "$and") == 0 || strcmp (name, "$or") == 0 || strcmp (name, "$nor") == 0;
}

/* Predicates below a field name. Values without operators are data that is compared with. */
static bool
check_opaque (bson_iter_t *iter, uint32_t depth, fg_error *err)
{
   bool ok = true;

   if (depth == 0) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL, "the validator is nested too deeply");
   }
   while (ok && fg_policy_next (iter, &ok, err)) {
      const char *key = bson_iter_key (iter);
      if (strcmp (key, "$jsonSchema") == 0) {
         return fg_error_set (err, FG_ERROR_SERVER, 224, key, "$jsonSchema is not allowed in this context");
      }
      bool operators = strcmp (key, "$elemMatch") == 0 || strcmp (key, "$not") == 0 || strcmp (key, "$all") == 0 ||
                       is_logical (key) || key[0] != '$';
      bson_iter_t child;
      if (operators && (BSON_ITER_HOLDS_DOCUMENT (iter) || BSON_ITER_HOLDS_ARRAY (iter))) {
         ok = recurse (iter, &child, err) && check_opaque (&child, depth - 1, err);
      }
   }
   return ok;
}

/* {field: value}: opaque, unless value is made of operators. */
static bool
extract_field (const bson_iter_t *iter, uint32_t depth, fg_error *err)
{
   bson_iter_t first, child;

   if (!BSON_ITER_HOLDS_DOCUMENT (iter)) {
      return true;
   }
   if (!recurse (iter, &first, err) || !recurse (iter, &child, err)) {
      return false;
   }
   if (!bson_iter_next (&first) || bson_iter_key (&first)[0] != '$') {
      return true;
   }
   return check_opaque (&child, depth, err);
}

static bool
extract_logical (fg_rules *rules, const bson_iter_t *iter, uint32_t formula, bool negated, uint32_t depth,
                 fg_error *err)
{
   const char *name = bson_iter_key (iter);
   bool any = strcmp (name, "$or") == 0;
   bool ok = true;
   uint32_t branches = 0, group = formula;
   bson_iter_t child, query;

   if (!BSON_ITER_HOLDS_ARRAY (iter)) {
      return fg_error_set (err, FG_ERROR_SERVER, 2, name, "%s must be an array", name);
   }
   if (!recurse (iter, &child, err)) {
      return false;
   }
   while (fg_policy_next (&child, &ok, err)) {
      branches++;
   }
   if (!ok) {
      return false;
   }
   if (branches == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 2, name, "$and/$or/$nor must be a nonempty array");
   }
   if (any && !fg_rules_add_formula (rules, FG_FORMULA_ANY, formula, branches, &group, err)) {
      return false;
   }
   if (!recurse (iter, &child, err)) {
      return false;
   }
   while (ok && fg_policy_next (&child, &ok, err)) {
      uint32_t branch = group;
      if (!BSON_ITER_HOLDS_DOCUMENT (&child)) {
         return fg_error_set (err, FG_ERROR_SERVER, 2, name, "$or/$and/$nor entries need to be full objects");
      }
      ok = (!any || fg_rules_add_formula (rules, FG_FORMULA_ALL, group, 0, &branch, err)) &&
           recurse (&child, &query, err) &&
           fg_policy_extract_query (rules, &query, branch, negated || strcmp (name, "$nor") == 0, depth - 1, err);
   }
   return ok;
}

bool
fg_policy_extract_query (fg_rules *rules, bson_iter_t *query, uint32_t formula, bool negated, uint32_t depth,
                         fg_error *err)
{
   bool ok = true;

   if (depth == 0) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL, "the validator is nested too deeply");
   }
   while (ok && fg_policy_next (query, &ok, err)) {
      const char *key = bson_iter_key (query);
      if (is_logical (key)) {
         ok = extract_logical (rules, query, formula, negated, depth, err);
      } else if (strcmp (key, "$jsonSchema") == 0) {
         if (!BSON_ITER_HOLDS_DOCUMENT (query)) {
            return fg_error_set (err, FG_ERROR_SERVER, 14, key, "$jsonSchema must be an object");
         }
         ok = fg_policy_extract_schema (rules, query, formula, negated, depth - 1, err);
      } else if (key[0] != '$') {
         ok = extract_field (query, depth - 1, err);
      }
   }
   return ok;
}

bool
fg_policy_extract_options (fg_rules *rules, const uint8_t *options, size_t len, fg_error *err)
{
   bson_t doc;
   bson_iter_t iter, child;
   bool ok = true;

   if (!bson_init_static (&doc, options, len) || !bson_iter_init (&iter, &doc)) {
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the options document is not well-formed BSON");
   }
   while (ok && fg_policy_next (&iter, &ok, err)) {
      const char *key = bson_iter_key (&iter);
      bool validator = strcmp (key, "validator") == 0;
      if (!validator && strcmp (key, "encryptedFields") != 0) {
         continue;
      }
      if (!BSON_ITER_HOLDS_DOCUMENT (&iter)) {
         return fg_error_set (err, FG_ERROR_SERVER, 14, key, "'%s' has to be a document", key);
      }
      ok = recurse (&iter, &child, err) &&
           (validator ? fg_policy_extract_query (rules, &child, 0, false, rules->max_depth, err)
                      : fg_policy_extract_fields (rules, &child, err));
   }
   return ok;
}
