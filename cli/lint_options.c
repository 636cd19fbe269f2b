/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint.h"

#include <stdio.h>

/* What stands beside the validator: level, action, encryptedFields; and what only some servers take. */

static void
check_level (fg_lint *lint, const bson_t *options)
{
   const char *level = fg_lint_string (options, "validationLevel");
   const char *action = fg_lint_string (options, "validationAction");

   if (level && strcmp (level, "off") == 0) {
      fg_lint_advise_at (lint, "validationLevel", FG_ADVICE_VALIDATION_OFF, "a server validates nothing at this level");
   }
   if (level && strcmp (level, "moderate") == 0) {
      fg_lint_advise_at (lint, "validationLevel", FG_ADVICE_VALIDATION_OFF,
                         "a server does not validate updates of documents that are invalid already");
   }
   if (action && strcmp (action, "warn") == 0) {
      fg_lint_advise_at (lint, "validationAction", FG_ADVICE_VALIDATION_OFF,
                         "a server stores what breaks the validator, and writes it to its log");
   }
   if (action && strcmp (action, "errorAndLog") == 0) {
      fg_lint_advise_at (lint, "validationAction", FG_ADVICE_SERVER_VERSION,
                         "servers before 8.1 refuse \"errorAndLog\"");
   }
}

/* `queries`: one object or an array of them. */
static void
check_query_type (fg_lint *lint, const bson_t *query)
{
   const char *type = fg_lint_string (query, "queryType");

   if (!type) {
      return;
   }
   if (strcmp (type, "range") == 0) {
      fg_lint_advise (lint, FG_ADVICE_SERVER_VERSION, "servers before 8.0 refuse the query type \"range\"");
   } else if (strcmp (type, "equality") != 0) {
      fg_lint_advise (lint, FG_ADVICE_SERVER_VERSION, "the query type \"%s\" is known to some versions only", type);
   }
}

static void
check_queries (fg_lint *lint, const bson_t *field)
{
   bson_iter_t iter;
   bson_t queries, query;

   if (!bson_iter_init_find (&iter, field, "queries") || !fg_lint_here (&iter, &queries)) {
      return;
   }
   if (BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      check_query_type (lint, &queries);
      return;
   }
   for (bool more = bson_iter_init (&iter, &queries); more && bson_iter_next (&iter);) {
      if (fg_lint_here (&iter, &query)) {
         check_query_type (lint, &query);
      }
   }
}

static void
check_encrypted_fields (fg_lint *lint, const bson_t *options)
{
   bson_t config, fields, field;
   bson_iter_t iter;

   if (!fg_lint_child (options, "encryptedFields", &config) || !fg_lint_child (&config, "fields", &fields)) {
      return;
   }
   for (bool more = bson_iter_init (&iter, &fields); more && bson_iter_next (&iter);) {
      if (!fg_lint_here (&iter, &field)) {
         continue;
      }
      const char *path = fg_lint_string (&field, "path");
      snprintf (lint->path, sizeof lint->path, "%s", path ? path : "");
      lint->rules++;
      if (!bson_has_field (&field, "bsonType")) {
         fg_lint_advise (lint, FG_ADVICE_MISSING_BSON_TYPE, NULL);
      }
      check_queries (lint, &field);
   }
   lint->path[0] = '\0';
}

/* Servers of 2019 to 2024 took no string for a dependency; later ones ignore these two. */
static void
check_dependencies (fg_lint *lint, const bson_t *document)
{
   bson_iter_t iter;
   bson_t child;

   for (bool more = bson_iter_init (&iter, document); more && bson_iter_next (&iter);) {
      if (!fg_lint_here (&iter, &child)) {
         continue;
      }
      if (strcmp (bson_iter_key (&iter), "dependencies") == 0 &&
          (fg_lint_string (&child, "title") || fg_lint_string (&child, "description"))) {
         fg_lint_advise_at (lint, "dependencies", FG_ADVICE_SERVER_VERSION,
                            "older servers refuse a `title` or `description` inside `dependencies`");
      }
      check_dependencies (lint, &child);
   }
}

void
fg_lint_options (fg_lint *lint, const bson_t *options)
{
   bson_t validator;

   check_level (lint, options);
   if (fg_lint_child (options, "validator", &validator)) {
      fg_lint_query (lint, &validator);
      check_dependencies (lint, &validator);
   }
   check_encrypted_fields (lint, options);
   if (!lint->rules) {
      fg_lint_advise (lint, FG_ADVICE_NO_RULE, NULL);
   }
}
