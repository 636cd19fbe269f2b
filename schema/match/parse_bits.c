/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

/* The masks of $bitsAllSet and its siblings: an array of positions, a number, or binData. */

static fg_node *
bits_node (fg_parser *parser, const fg_path *path, fg_node_kind kind, size_t capacity, uint32_t **positions)
{
   fg_node *node = fg_parse_node (parser, kind);
   *positions = node ? fg_parse_array (parser, capacity, sizeof **positions) : NULL;
   if (!*positions) {
      return NULL;
   }
   node->path = path;
   node->leaf_arrays = true;
   node->u.bits.positions = *positions;
   return node;
}

static bool
add_position (fg_parser *parser, fg_node *node, uint32_t *positions, const fg_element *element)
{
   int64_t position;

   if (!fg_value_is_number (&element->value)) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "bit positions must be an integer but got: %s",
                      fg_type_name (element->value.type));
      return false;
   }
   if (fg_number_to_int64 (&element->value, &position) != FG_INTEGRAL_EXACT || position > INT32_MAX) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "bit positions cannot be represented as a 32-bit signed integer");
      return false;
   }
   if (position < 0) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "bit positions must be >= 0 but got: %lld", (long long)position);
      return false;
   }
   positions[node->u.bits.n++] = (uint32_t)position;
   return true;
}

static fg_node *
parse_positions (fg_parser *parser, const fg_path *path, const fg_element *element, fg_node_kind kind)
{
   fg_cursor cursor;
   fg_element position;
   uint32_t *positions;

   fg_node *node = bits_node (parser, path, kind, fg_parse_count (&element->value), &positions);
   if (!node) {
      return NULL;
   }
   fg_cursor_open (&cursor, &element->value);
   while (fg_cursor_next (&cursor, &position)) {
      if (!add_position (parser, node, positions, &position)) {
         return NULL;
      }
   }
   return node;
}

static fg_node *
parse_bytes (fg_parser *parser, const fg_path *path, const fg_element *element, fg_node_kind kind)
{
   const uint8_t *bytes = element->value.data + 5;
   size_t len = element->value.len - 5;
   uint32_t *positions;

   fg_node *node = len < UINT32_MAX / 8 ? bits_node (parser, path, kind, len * 8, &positions) : NULL;
   for (uint32_t i = 0; node && i < len * 8; i++) {
      if ((bytes[i / 8] >> (i % 8)) & 1) {
         positions[node->u.bits.n++] = i;
      }
   }
   return node;
}

static fg_node *
parse_mask (fg_parser *parser, const fg_path *path, const fg_element *element, fg_node_kind kind)
{
   int64_t mask;
   uint32_t *positions;

   if (!fg_parse_int64 (parser, element, true, &mask)) {
      return NULL;
   }
   fg_node *node = bits_node (parser, path, kind, 64, &positions);
   for (uint32_t i = 0; node && i < 63; i++) {
      if (((uint64_t)mask >> i) & 1) {
         positions[node->u.bits.n++] = i;
      }
   }
   return node;
}

fg_node *
fg_parse_bits (fg_parser *parser, const fg_path *path, const fg_element *element, fg_node_kind kind)
{
   if (element->value.type == BSON_ARRAY) {
      return parse_positions (parser, path, element, kind);
   }
   if (element->value.type == BSON_BINDATA) {
      return parse_bytes (parser, path, element, kind);
   }
   if (fg_value_is_number (&element->value)) {
      return parse_mask (parser, path, element, kind);
   }
   return fg_parse_error (parser, SERVER_BAD_VALUE, "%s takes an Array, a number, or a BinData but received: %s",
                          element->name, fg_type_name (element->value.type));
}
