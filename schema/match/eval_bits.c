/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

#include "base/base.h"

/* $bitsAllSet and its siblings: integers (sign-extended without end), doubles and decimals that are integers, and binData (bit 0 is the lowest of the first byte). */

typedef struct bit_source {
   const uint8_t *bytes; /* NULL: an integer */
   size_t len;
   uint64_t integer;
} bit_source;

static bool
bit_at (const bit_source *source, uint32_t position)
{
   if (source->bytes) {
      return position / 8 < source->len && ((source->bytes[position / 8] >> (position % 8)) & 1) != 0;
   }
   return ((source->integer >> (position < 63 ? position : 63)) & 1) != 0;
}

static bool
open_source (const fg_value *value, bit_source *source)
{
   int64_t integer;

   *source = (bit_source){NULL, 0, 0};
   if (value->type == BSON_BINDATA) {
      source->bytes = value->data + 5;
      source->len = value->len - 5;
      return true;
   }
   if (!fg_value_is_number (value) || fg_number_to_int64 (value, &integer) != FG_INTEGRAL_EXACT) {
      return false;
   }
   source->integer = (uint64_t)integer;
   return true;
}

bool
fg_eval_bits (const fg_node *node, const fg_value *value)
{
   bool all = node->kind == N_BITS_ALL_SET || node->kind == N_BITS_ALL_CLEAR;
   bool wanted = node->kind == N_BITS_ALL_SET || node->kind == N_BITS_ANY_SET;
   bit_source source;

   if (!open_source (value, &source)) {
      return false;
   }
   for (uint32_t i = 0; i < node->u.bits.n; i++) {
      if ((bit_at (&source, node->u.bits.positions[i]) == wanted) != all) {
         return !all;
      }
   }
   return all;
}
