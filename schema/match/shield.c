/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/shield.h"

#include <string.h>

static bool
is_position (const char *text, size_t len)
{
   return len > 0 && text && strspn (text, "0123456789") >= len;
}

static uint32_t
count_steps (const fg_step *path)
{
   uint32_t n = 0;
   for (; path; path = path->up) {
      n += !is_position (path->text, path->len);
   }
   return n;
}

bool
fg_shield_add (fg_parser *parser, const fg_step *path)
{
   uint32_t n = count_steps (path);
   fg_shield *shield = fg_parse_alloc (parser, sizeof *shield + n * sizeof shield->steps[0]);

   if (!shield) {
      return false;
   }
   shield->n = n;
   for (; path; path = path->up) {
      if (!is_position (path->text, path->len)) {
         shield->steps[--n] = (fg_name){path->text, path->len};
      }
   }
   shield->next = parser->matcher->shields;
   parser->matcher->shields = shield;
   return true;
}

static bool collect (fg_parser *parser, const fg_node *node, const fg_step *up);

static bool
collect_below (fg_parser *parser, const fg_node *node, const fg_step *up, const char *text, size_t len)
{
   fg_step step = {up, text, len};
   return collect (parser, node, &step);
}

/* A property with a dotted name stands for one step a part. */
static bool
collect_property (fg_parser *parser, const fg_property *property, uint32_t part, const fg_step *up)
{
   if (!property->path) {
      return collect_below (parser, property->schema, up, property->name.text, property->name.len);
   }
   if (part == property->path->n_parts) {
      return collect (parser, property->schema, up);
   }
   fg_step step = {up, property->path->parts[part].text, property->path->parts[part].len};
   return collect_property (parser, property, part + 1, &step);
}

static bool
collect_properties (fg_parser *parser, const fg_properties *properties, const fg_step *up)
{
   for (uint32_t i = 0; i < properties->n; i++) {
      if (!collect_property (parser, &properties->items[i], 0, up)) {
         return false;
      }
   }
   return true;
}

static bool
collect_allowed (fg_parser *parser, const fg_allowed *allowed, const fg_step *up)
{
   for (uint32_t i = 0; i < allowed->n_patterns; i++) {
      if (!collect_below (parser, allowed->patterns[i].schema, up, NULL, 0)) {
         return false;
      }
   }
   return !allowed->additional || collect_below (parser, allowed->additional, up, NULL, 0);
}

static bool
collect_dependencies (fg_parser *parser, const fg_dependencies *dependencies, const fg_step *up)
{
   for (uint32_t i = 0; i < dependencies->n; i++) {
      if (dependencies->items[i].schema && !collect (parser, dependencies->items[i].schema, up)) {
         return false;
      }
   }
   return true;
}

static bool
collect (fg_parser *parser, const fg_node *node, const fg_step *up)
{
   switch ((int)node->kind) {
   case N_ENCRYPTED:
      return fg_shield_add (parser, up);
   case N_PROPERTIES:
      return collect_properties (parser, node->u.properties, up);
   case N_ALLOWED:
      return collect_allowed (parser, node->u.allowed, up);
   case N_DEPENDENCIES:
      return collect_dependencies (parser, node->u.dependencies, up);
   default:
      break;
   }
   for (uint32_t i = 0; i < node->n_kids; i++) {
      if (!collect (parser, node->kids[i], up)) {
         return false;
      }
   }
   return true;
}

bool
fg_shield_collect (fg_parser *parser, const fg_node *root)
{
   return !parser->matcher->has_encrypt || collect (parser, root, NULL);
}

/* One of the two is the beginning of the other. */
static bool
is_related (const fg_shield *shield, const fg_step *path)
{
   uint32_t n = count_steps (path);

   for (; path; path = path->up) {
      if (is_position (path->text, path->len)) {
         continue;
      }
      n--;
      if (n >= shield->n) {
         continue;
      }
      const fg_name *step = &shield->steps[n];
      bool same =
         !step->text || !path->text || (step->len == path->len && memcmp (step->text, path->text, step->len) == 0);
      if (!same) {
         return false;
      }
   }
   return true;
}

bool
fg_shield_covers (const fg_shield *shields, const fg_step *path)
{
   for (; shields; shields = shields->next) {
      if (is_related (shields, path)) {
         return true;
      }
   }
   return false;
}

bool
fg_shield_covers_path (const fg_shield *shields, const fg_path *path, uint32_t part, const fg_step *up)
{
   if (!path || part == path->n_parts) {
      return fg_shield_covers (shields, up);
   }
   fg_step step = {up, path->parts[part].text, path->parts[part].len};
   return fg_shield_covers_path (shields, path, part + 1, &step);
}
