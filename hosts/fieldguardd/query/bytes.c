/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/bytes.h"

/* Reading: every length is checked against what is left before it is believed. */

static bool
string_size (const uint8_t *at, size_t left, size_t *size)
{
   if (left < 5) {
      return false;
   }
   uint32_t n = fg_read_u32le (at);
   if (n < 1 || n > left - 4 || at[4 + n - 1] != 0) {
      return false;
   }
   *size = 4u + n;
   return true;
}

static bool
document_size (const uint8_t *at, size_t left, size_t *size)
{
   if (left < 5) {
      return false;
   }
   uint32_t n = fg_read_u32le (at);
   if (n < 5 || n > left || at[n - 1] != 0) {
      return false;
   }
   *size = n;
   return true;
}

static bool
binary_size (const uint8_t *at, size_t left, size_t *size)
{
   if (left < 5) {
      return false;
   }
   uint32_t n = fg_read_u32le (at);
   if (n > left - 5) {
      return false;
   }
   *size = 5u + n;
   return true;
}

static bool
regex_size (const uint8_t *at, size_t left, size_t *size)
{
   const uint8_t *pattern_end = memchr (at, 0, left);
   if (!pattern_end) {
      return false;
   }
   size_t pattern = (size_t)(pattern_end - at) + 1;
   const uint8_t *options_end = memchr (at + pattern, 0, left - pattern);
   if (!options_end) {
      return false;
   }
   *size = (size_t)(options_end - at) + 1;
   return true;
}

static bool
code_with_scope_size (const uint8_t *at, size_t left, size_t *size)
{
   if (left < 14) {
      return false;
   }
   uint32_t n = fg_read_u32le (at);
   size_t code = 0;
   size_t scope = 0;
   if (n < 14 || n > left || !string_size (at + 4, n - 4, &code) ||
       !document_size (at + 4 + code, n - 4 - code, &scope)) {
      return false;
   }
   *size = n;
   return 4 + code + scope == n;
}

static bool
fixed_size (size_t want, size_t left, size_t *size)
{
   *size = want;
   return want <= left;
}

static bool
value_size (uint8_t type, const uint8_t *at, size_t left, size_t *size)
{
   switch (type) {
   case 0x06:
   case 0x0a:
   case 0x7f:
   case 0xff:
      return fixed_size (0, left, size);
   case 0x08:
      return fixed_size (1, left, size);
   case 0x10:
      return fixed_size (4, left, size);
   case 0x01:
   case 0x09:
   case 0x11:
   case 0x12:
      return fixed_size (8, left, size);
   case 0x07:
      return fixed_size (12, left, size);
   case 0x13:
      return fixed_size (16, left, size);
   case 0x02:
   case 0x0d:
   case 0x0e:
      return string_size (at, left, size);
   case 0x03:
   case 0x04:
      return document_size (at, left, size);
   case 0x05:
      return binary_size (at, left, size);
   case 0x0b:
      return regex_size (at, left, size);
   case 0x0c:
      if (!string_size (at, left, size) || left - *size < 12) {
         return false;
      }
      *size += 12;
      return true;
   case 0x0f:
      return code_with_scope_size (at, left, size);
   default:
      return false;
   }
}

void
fgd_walk_begin (fgd_walk *walk, const uint8_t *doc, size_t len)
{
   size_t size = 0;
   *walk = (fgd_walk){NULL, NULL, true};
   if (doc && document_size (doc, len, &size)) {
      *walk = (fgd_walk){doc + 4, doc + size - 1, false};
   }
}

bool
fgd_walk_next (fgd_walk *walk, fgd_element *element)
{
   if (walk->bad || walk->at >= walk->end) {
      return false;
   }
   const uint8_t *start = walk->at;
   size_t left = (size_t)(walk->end - start);
   const uint8_t *name_end = memchr (start + 1, 0, left - 1);
   size_t size = 0;
   if (!name_end || !value_size (*start, name_end + 1, (size_t)(walk->end - name_end) - 1, &size)) {
      walk->bad = true;
      return false;
   }
   element->name = (const char *)start + 1;
   element->name_len = (size_t)(name_end - start) - 1;
   element->value = (fg_value){*start, name_end + 1, size};
   element->start = start;
   element->size = (size_t)(name_end + 1 - start) + size;
   walk->at = start + element->size;
   return true;
}

bool
fgd_find (const uint8_t *doc, size_t len, const char *name, size_t name_len, fgd_element *element)
{
   fgd_walk walk;
   fgd_walk_begin (&walk, doc, len);
   while (fgd_walk_next (&walk, element)) {
      if (element->name_len == name_len && memcmp (element->name, name, name_len) == 0) {
         return true;
      }
   }
   return false;
}

size_t
fgd_count (const uint8_t *doc, size_t len)
{
   fgd_walk walk;
   fgd_element element;
   size_t n = 0;
   fgd_walk_begin (&walk, doc, len);
   while (fgd_walk_next (&walk, &element)) {
      n++;
   }
   return n;
}

/* Bounded by FGD_MAX_WALK_DEPTH. */
static unsigned
depth_below (const uint8_t *doc, size_t len, unsigned above)
{
   unsigned deepest = above + 1;
   fgd_walk walk;
   fgd_element element;
   if (deepest > FGD_MAX_WALK_DEPTH) {
      return deepest;
   }
   fgd_walk_begin (&walk, doc, len);
   while (fgd_walk_next (&walk, &element)) {
      if (fgd_is_container (&element.value)) {
         unsigned below = depth_below (element.value.data, element.value.len, above + 1);
         if (below == 0) {
            return 0;
         }
         deepest = below > deepest ? below : deepest;
      }
   }
   return walk.bad ? 0 : deepest;
}

unsigned
fgd_depth (const uint8_t *doc, size_t len)
{
   return depth_below (doc, len, 0);
}

bool
fgd_well_formed (const uint8_t *doc, size_t len)
{
   unsigned depth = len >= 5 && fg_read_u32le (doc) == len ? fgd_depth (doc, len) : 0;
   return depth > 0 && depth <= FGD_MAX_WALK_DEPTH;
}

bool
fgd_bad_bson (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "a document is not well-formed BSON");
}

#undef fgd_no_memory
bool
fgd_no_memory (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
}

bool
fgd_is_number (const fg_value *value)
{
   return value->type == FGD_T_DOUBLE || value->type == FGD_T_INT32 || value->type == FGD_T_INT64 ||
          value->type == FGD_T_DECIMAL;
}

const char *
fgd_type_name (uint8_t type)
{
   static const char *const names[] = {
      "missing", "double",    "string", "object", "array",     "binData",    "undefined", "objectId",
      "bool",    "date",      "null",   "regex",  "dbPointer", "javascript", "symbol",    "javascriptWithScope",
      "int",     "timestamp", "long",   "decimal"};
   if (type < sizeof names / sizeof names[0]) {
      return names[type];
   }
   return type == 0xff ? "minKey" : type == 0x7f ? "maxKey" : "unknown";
}

static double
read_double (const uint8_t *at)
{
   uint64_t bits = fg_read_u64le (at);
   double d;
   memcpy (&d, &bits, sizeof d);
   return d;
}

bool
fgd_truthy (const fg_value *value)
{
   switch (value->type) {
   case 0:
   case FGD_T_NULL:
   case FGD_T_UNDEFINED:
      return false;
   case FGD_T_BOOL:
      return value->data[0] != 0;
   case FGD_T_INT32:
      return fg_read_i32le (value->data) != 0;
   case FGD_T_INT64:
      return fg_read_u64le (value->data) != 0;
   case FGD_T_DOUBLE:
      return !(read_double (value->data) >= 0 && read_double (value->data) <= 0);
   case FGD_T_DECIMAL: {
      static const uint8_t zero[4];
      fg_value none = {FGD_T_INT32, zero, sizeof zero};
      return fg_value_compare (value, &none) != 0;
   }
   default:
      return true;
   }
}

bool
fgd_identical (const fg_value *a, const fg_value *b)
{
   return a->type == b->type && a->len == b->len && (a->len == 0 || memcmp (a->data, b->data, a->len) == 0);
}

bool
fgd_array_index (const char *name, size_t len, size_t *index)
{
   size_t n = 0;
   if (len == 0 || len > 10 || (len > 1 && name[0] == '0')) {
      return false;
   }
   for (size_t i = 0; i < len; i++) {
      if (name[i] < '0' || name[i] > '9') {
         return false;
      }
      n = n * 10 + (size_t)(name[i] - '0');
   }
   *index = n;
   return true;
}

bool
fgd_is (const char *name, size_t len, const char *text)
{
   return strlen (text) == len && memcmp (name, text, len) == 0;
}
