/* SPDX-License-Identifier: Apache-2.0 */

/* Documents that follow the hints of a validator: its names, types and ciphertext, with something out of place now and then. */

#include "tests/oracle/generate.h"

#include <stdio.h>
#include <string.h>

static void hinted_value (gen *g, bson_t *out, const char *name, const bson_t *schema, int depth);
static void hinted_fields (gen *g, bson_t *out, const bson_t *schema, int depth);

static bool
sub_document (const bson_iter_t *it, bson_t *sub)
{
   uint32_t len;
   const uint8_t *data = NULL;
   if (BSON_ITER_HOLDS_DOCUMENT (it)) {
      bson_iter_document (it, &len, &data);
   } else if (BSON_ITER_HOLDS_ARRAY (it)) {
      bson_iter_array (it, &len, &data);
   }
   return data && bson_init_static (sub, data, len);
}

/* Any member of a list or of a document of schemas. */
static bool
some_member (gen *g, const bson_t *list, bson_t *member, const char **name)
{
   bson_iter_t it;
   uint32_t n = bson_count_keys (list);
   unsigned wanted = n ? gen_pick (g, n) : 0;
   bson_iter_init (&it, list);
   for (unsigned i = 0; bson_iter_next (&it); i++) {
      if (i == wanted) {
         *name = bson_iter_key (&it);
         return BSON_ITER_HOLDS_DOCUMENT (&it) && sub_document (&it, member);
      }
   }
   return false;
}

/* A dotted name as the path that it is, mostly; through an array now and then. */
static void
by_path (gen *g, bson_t *out, const char *name, const bson_t *schema, int depth)
{
   const char *dot = strchr (name, '.');
   bson_t inner = BSON_INITIALIZER, list = BSON_INITIALIZER;
   char part[32];

   if (!dot || dot - name > 31 || gen_chance (g, 60)) {
      hinted_value (g, out, name, schema, depth);
      return;
   }
   memcpy (part, name, (size_t)(dot - name));
   part[dot - name] = '\0';
   by_path (g, &inner, dot + 1, schema, depth);
   if (gen_chance (g, 100)) {
      gen_value (g, &inner, gen_name (g), 1);
   }
   if (!gen_chance (g, 250)) {
      bson_append_document (out, part, -1, &inner);
   } else {
      bson_append_document (&list, "0", 1, &inner);
      if (gen_chance (g, 500)) {
         bson_t second = BSON_INITIALIZER;
         by_path (g, &second, dot + 1, schema, depth);
         bson_append_document (&list, "1", 1, &second);
         bson_destroy (&second);
      } else if (gen_chance (g, 300)) {
         hinted_value (g, &list, "1", schema, depth);
      }
      bson_append_array (out, part, -1, &list);
   }
   bson_destroy (&inner);
   bson_destroy (&list);
}

static void
new_field (gen *g, bson_t *out, const char *name, const bson_t *schema, int depth)
{
   const char *dot = strchr (name, '.');
   char part[32] = "";
   snprintf (part, sizeof part, "%.*s", dot ? (int)(dot - name) : 31, name);
   if (bson_has_field (out, part) && !gen_chance (g, 30)) {
      return;
   }
   by_path (g, out, name, schema, depth);
}

static void
named_fields (gen *g, bson_t *out, const bson_t *named, bool patterns, int depth)
{
   bson_iter_t it;
   bson_t schema;
   bson_iter_init (&it, named);
   while (bson_iter_next (&it)) {
      if (gen_chance (g, 750) && BSON_ITER_HOLDS_DOCUMENT (&it) && sub_document (&it, &schema)) {
         new_field (g, out, patterns ? gen_name (g) : bson_iter_key (&it), &schema, depth);
      }
   }
}

/* The fields that one schema speaks of. */
static void
hinted_fields (gen *g, bson_t *out, const bson_t *schema, int depth)
{
   bson_iter_t it;
   bson_t sub, member;
   const char *name;
   bson_iter_init (&it, schema);
   while (g->budget && bson_iter_next (&it)) {
      const char *keyword = bson_iter_key (&it);
      if (!sub_document (&it, &sub)) {
         continue;
      }
      if (strcmp (keyword, "properties") == 0 || strcmp (keyword, "patternProperties") == 0) {
         named_fields (g, out, &sub, keyword[1] == 'a', depth);
      } else if (strcmp (keyword, "additionalProperties") == 0) {
         new_field (g, out, gen_name (g), &sub, depth);
      } else if (strstr (keyword, "Of") && some_member (g, &sub, &member, &name)) {
         hinted_fields (g, out, &member, depth);
      } else if (strcmp (keyword, "dependencies") == 0 && some_member (g, &sub, &member, &name)) {
         hinted_fields (g, out, &member, depth);
         new_field (g, out, name, NULL, depth);
      } else if (strcmp (keyword, "required") == 0 && gen_chance (g, 500)) {
         new_field (g, out, gen_name (g), NULL, depth);
      }
   }
}

static void
hinted_document (gen *g, bson_t *out, const char *name, const bson_t *schema, int depth)
{
   bson_t sub = BSON_INITIALIZER;
   hinted_fields (g, &sub, schema, depth - 1);
   if (gen_chance (g, 60)) {
      gen_value (g, &sub, gen_name (g), 1);
   }
   bson_append_document (out, name, -1, &sub);
   bson_destroy (&sub);
}

static void
hinted_array (gen *g, bson_t *out, const char *name, const bson_t *schema, int depth)
{
   bson_t list = BSON_INITIALIZER, items, item, additional;
   bson_iter_t it;
   unsigned n = 1 + gen_pick (g, 3);
   bool has_items = bson_iter_init_find (&it, schema, "items") && sub_document (&it, &items),
        positions = has_items && BSON_ITER_HOLDS_ARRAY (&it);
   bool has_more = bson_iter_init_find (&it, schema, "additionalItems") && sub_document (&it, &additional);

   for (unsigned i = 0; i < n; i++) {
      char index[16];
      bson_iter_t at;
      snprintf (index, sizeof index, "%u", i);
      if (!positions) {
         hinted_value (g, &list, index, has_items ? &items : schema, depth - 1);
      } else if (bson_iter_init_find (&at, &items, index) && sub_document (&at, &item)) {
         hinted_value (g, &list, index, &item, depth - 1);
      } else {
         hinted_value (g, &list, index, has_more ? &additional : NULL, depth - 1);
      }
   }
   bson_append_array (out, name, -1, &list);
   bson_destroy (&list);
}

static bson_type_t
stated_type (gen *g, const bson_t *schema)
{
   bson_iter_t it, list;
   if (!bson_iter_init_find (&it, schema, "bsonType") && !bson_iter_init_find (&it, schema, "type")) {
      return 0;
   }
   if (BSON_ITER_HOLDS_ARRAY (&it) && bson_iter_recurse (&it, &list) && bson_iter_next (&list)) {
      it = list;
   }
   const char *name = BSON_ITER_HOLDS_UTF8 (&it) ? bson_iter_utf8 (&it, NULL) : "";
   if (strcmp (name, "number") == 0) {
      static const bson_type_t numbers[] = {16, 1, 18, 19};
      return numbers[gen_pick (g, 4)];
   }
   for (unsigned i = 0; i < GEN_TYPES; i++) {
      if (strcmp (name, gen_type_names[i]) == 0) {
         return gen_types[i];
      }
   }
   return 0;
}

static void
hinted_value (gen *g, bson_t *out, const char *name, const bson_t *schema, int depth)
{
   static const char *const inner[] = {"properties", "patternProperties", "additionalProperties", "required",
                                       "dependencies"};
   static const char *const logical[] = {"anyOf", "oneOf", "allOf"};
   bson_iter_t it;
   bson_t sub, member;
   const char *member_name;

   if (!schema || depth <= 0 || !g->budget || gen_chance (g, 80)) {
      gen_value (g, out, name, 2);
      return;
   }
   g->budget--;
   if (bson_iter_init_find (&it, schema, "encrypt") && sub_document (&it, &sub) && !gen_chance (g, 60)) {
      gen_blob (g, out, name, &sub, false);
      return;
   }
   if (bson_iter_init_find (&it, schema, "enum") && BSON_ITER_HOLDS_ARRAY (&it) && gen_chance (g, 500) &&
       bson_iter_recurse (&it, &it) && bson_iter_next (&it)) {
      bson_append_iter (out, name, -1, &it);
      return;
   }
   for (unsigned i = 0; i < 5; i++) {
      if (bson_has_field (schema, inner[i]) && !gen_chance (g, 150)) {
         hinted_document (g, out, name, schema, depth);
         return;
      }
   }
   if ((bson_has_field (schema, "items") || bson_has_field (schema, "properties")) && !gen_chance (g, 150)) {
      hinted_array (g, out, name, schema, depth);
      return;
   }
   for (unsigned i = 0; i < 3; i++) {
      if (bson_iter_init_find (&it, schema, logical[i]) && sub_document (&it, &sub) &&
          some_member (g, &sub, &member, &member_name)) {
         hinted_value (g, out, name, &member, depth);
         return;
      }
   }
   bson_type_t type = stated_type (g, schema);
   if (type) {
      gen_value_of_type (g, out, name, type, 2);
   } else {
      gen_value (g, out, name, 2);
   }
}

static void
from_query (gen *g, const bson_t *query, bson_t *doc)
{
   bson_iter_t it;
   bson_t sub, member;
   bson_iter_init (&it, query);
   while (bson_iter_next (&it)) {
      const char *name = bson_iter_key (&it), *ignored;
      if (strcmp (name, "$jsonSchema") == 0 && sub_document (&it, &sub)) {
         hinted_fields (g, doc, &sub, 6);
      } else if (name[0] == '$' && sub_document (&it, &sub) && some_member (g, &sub, &member, &ignored)) {
         from_query (g, &member, doc);
      } else if (name[0] != '$' && gen_chance (g, 600) && !bson_has_field (doc, name)) {
         bson_append_iter (doc, name, -1, &it);
      }
   }
}

static void
from_field (gen *g, bson_t *out, const char *path, const bson_t *field)
{
   const char *dot = strchr (path, '.');
   bson_t sub = BSON_INITIALIZER;
   char part[32];
   if (!dot) {
      if (gen_chance (g, 80)) {
         gen_value (g, out, path, 1);
      } else {
         gen_blob (g, out, path, field, true);
      }
      return;
   }
   snprintf (part, sizeof part, "%.*s", (int)(dot - path), path);
   from_field (g, &sub, dot + 1, field);
   if (gen_chance (g, 60)) {
      bson_t list = BSON_INITIALIZER;
      bson_append_document (&list, "0", 1, &sub);
      bson_append_array (out, part, -1, &list);
      bson_destroy (&list);
   } else if (gen_chance (g, 60)) {
      gen_value (g, out, part, 1);
   } else {
      bson_append_document (out, part, -1, &sub);
   }
   bson_destroy (&sub);
}

static void
from_fields (gen *g, const bson_t *options, bson_t *doc)
{
   bson_iter_t it, fields, path;
   bson_t field;
   if (!bson_iter_init_find (&it, options, "encryptedFields") || !bson_iter_recurse (&it, &fields) ||
       !bson_iter_find (&fields, "fields")) {
      return;
   }
   bson_iter_recurse (&fields, &it);
   while (bson_iter_next (&it)) {
      if (sub_document (&it, &field) && bson_iter_init_find (&path, &field, "path")) {
         const char *text = bson_iter_utf8 (&path, NULL);
         char part[32];
         snprintf (part, sizeof part, "%.*s", (int)strcspn (text, "."), text);
         if (!bson_has_field (doc, part) && !gen_chance (g, 150)) {
            from_field (g, doc, text, &field);
         }
      }
   }
}

void
gen_document (gen *g, const bson_t *options, bson_t *doc)
{
   bson_iter_t it;
   bson_t validator;
   g->budget = 24;
   if (gen_chance (g, 600)) {
      bson_append_int32 (doc, "_id", -1, (int)gen_pick (g, 3));
   }
   from_fields (g, options, doc);
   if (bson_iter_init_find (&it, options, "validator") && sub_document (&it, &validator)) {
      from_query (g, &validator, doc);
   }
   if (gen_chance (g, 250)) {
      gen_value (g, doc, gen_name (g), 2);
   }
}
