/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/names.h"

#include <stdlib.h>
#include <string.h>

/* required and properties: with many names in one walk of the document, with few by looking each up. */

/* Which of n names were met. On the stack as long as that is small. */
typedef struct met_set {
   uint64_t fixed[8];
   uint64_t *words;
} met_set;

static bool
met_before (met_set *met, uint32_t index)
{
   uint64_t bit = 1ULL << (index % 64);
   bool before = (met->words[index / 64] & bit) != 0;
   met->words[index / 64] |= bit;
   return before;
}

static bool
met_init (fg_eval *ev, met_set *met, uint32_t n)
{
   size_t words = ((size_t)n + 63) / 64;

   memset (met, 0, sizeof *met);
   met->words = words > sizeof met->fixed / sizeof met->fixed[0] ? calloc (words, sizeof *met->words) : met->fixed;
   return met->words ? true : fg_eval_set_fault (ev, FG_FAULT_NOMEM);
}

static void
met_free (met_set *met)
{
   if (met->words != met->fixed) {
      free (met->words);
   }
}

static void
meet_names (fg_eval *ev, const fg_name_table *table, const fg_value *object, met_set *met)
{
   fg_cursor cursor;
   fg_element element;

   if (!fg_eval_enter (ev, &cursor, object)) {
      return;
   }
   while (fg_cursor_next (&cursor, &element)) {
      uint32_t index = fg_name_table_find (table, element.name, element.name_len);
      if (index != UINT32_MAX) {
         (void)met_before (met, index);
      }
   }
   fg_eval_leave (ev, &cursor);
}

/* A name with dots is a path: a field that is literally called so does not count. */
bool
fg_eval_required (fg_eval *ev, const fg_node *node, const fg_value *object)
{
   const fg_name_table *table = node->u.required.table;
   met_set met;
   bool all = true;

   if (table && !met_init (ev, &met, node->u.required.n)) {
      return false;
   }
   if (table) {
      meet_names (ev, table, object, &met);
   }
   for (uint32_t i = 0; all && i < node->u.required.n; i++) {
      const fg_path *path = node->u.required.paths[i];
      all = table && path->n_parts == 1 ? met_before (&met, i) : fg_eval_path_exists (ev, path, object);
   }
   if (table) {
      met_free (&met);
   }
   return all;
}

static bool
property_holds (fg_eval *ev, const fg_property *property, const fg_value *object)
{
   fg_value value;

   if (property->path) {
      bool exists = fg_eval_path_exists (ev, property->path, object);
      return (!exists && !property->required) || fg_eval_node (ev, property->schema, object);
   }
   int found = fg_eval_find (ev, object, &property->name, &value);
   if (found < 0) {
      return false;
   }
   return (found == 0 && !property->required) || fg_eval_node (ev, property->schema, &value);
}

static bool
met_properties_hold (fg_eval *ev, const fg_properties *properties, const fg_value *object, met_set *met)
{
   fg_cursor cursor;
   fg_element element;
   bool all = true;

   if (!fg_eval_enter (ev, &cursor, object)) {
      return false;
   }
   while (all && !ev->fault && fg_cursor_next (&cursor, &element)) {
      uint32_t index = fg_name_table_find (properties->table, element.name, element.name_len);
      if (index != UINT32_MAX && !properties->items[index].path && !met_before (met, index)) {
         all = fg_eval_node (ev, properties->items[index].schema, &element.value);
      }
   }
   fg_eval_leave (ev, &cursor);
   return all;
}

/* Those that the walk did not meet: fatal where they are required; dotted names have their own way of being found. */
static bool
other_properties_hold (fg_eval *ev, const fg_properties *properties, const fg_value *object, met_set *met)
{
   for (uint32_t i = 0; i < properties->n && !ev->fault; i++) {
      const fg_property *property = &properties->items[i];
      if (property->path ? !property_holds (ev, property, object) : property->required && !met_before (met, i)) {
         return false;
      }
   }
   return true;
}

static bool
eval_properties_by_table (fg_eval *ev, const fg_properties *properties, const fg_value *object)
{
   met_set met;

   if (!met_init (ev, &met, properties->n)) {
      return false;
   }
   bool hold =
      met_properties_hold (ev, properties, object, &met) && other_properties_hold (ev, properties, object, &met);
   met_free (&met);
   return hold;
}

bool
fg_eval_properties (fg_eval *ev, const fg_node *node, const fg_value *object)
{
   const fg_properties *properties = node->u.properties;

   if (properties->table) {
      return eval_properties_by_table (ev, properties, object);
   }

   for (uint32_t i = 0; i < properties->n && !ev->fault; i++) {
      if (!property_holds (ev, &properties->items[i], object)) {
         return false;
      }
   }
   return true;
}
