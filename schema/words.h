/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_WORDS_H
#define FG_SCHEMA_WORDS_H

/*
 * Names as words, for the programs of both rooms: a name's first and last eight bytes and its length decide it, up to sixteen bytes, in two comparisons;
 * a multiplier that is looked for when the program is compiled puts the names of one object into places of their own. What this was measured against:
 * docs/matcher.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline uint64_t
fg_read_word (const void *p)
{
   uint64_t word;
   memcpy (&word, p, sizeof word);
   return word;
}

/* The first and last eight bytes of a name (tail: 0 for names of up to eight), without reading beyond it. */
static inline void
fg_name_words (const char *name, size_t len, uint64_t *head, uint64_t *tail)
{
   *head = 0;
   *tail = 0;
   memcpy (head, name, len < 8 ? len : 8);
   if (len > 8) {
      memcpy (tail, name + len - 8, 8);
   }
}

/* The same for a name that lies in a document, room bytes before the document's end: by whole words where there are eight. */
static inline void
fg_name_words_within (const char *name, size_t len, size_t room, uint64_t *head, uint64_t *tail)
{
   if (__builtin_expect (room < 8, 0)) {
      fg_name_words (name, len, head, tail);
      return;
   }
   *head = fg_read_word (name);
   *tail = 0;
   if (len < 8) {
      *head &= ((uint64_t)1 << 8 * len) - 1;
   } else if (len > 8) {
      *tail = fg_read_word (name + len - 8);
   }
}

/* Whether this name is it, when it has no more than sixteen bytes: told without finding the end of what stands there. room: bytes before the document's end. */
static inline bool
fg_name_is (const char *there, size_t room, uint64_t head, uint64_t tail, uint32_t len)
{
   if (len < 8) {
      /* The name and the NUL behind it are in one word. */
      return room >= 8 && (fg_read_word (there) & UINT64_MAX >> (56 - 8 * len)) == head;
   }
   return len <= 16 && room > len && fg_read_word (there) == head && there[len] == 0 &&
          (len == 8 || fg_read_word (there + len - 8) == tail);
}

static inline uint64_t
fg_name_hash (uint64_t head, uint64_t tail, size_t len, uint64_t multiplier)
{
   uint64_t mixed = (head ^ (tail << 29 | tail >> 35) ^ (uint64_t)len << 57) * multiplier;
   return (mixed ^ mixed >> 32) * 0x9e3779b97f4a7c15u;
}

/* The multiplier to try after this one. */
static inline uint64_t
fg_name_next_multiplier (uint64_t previous)
{
   uint64_t x = previous + 0x9e3779b97f4a7c15u;
   x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
   x = (x ^ x >> 27) * 0x94d049bb133111ebu;
   return (x ^ x >> 31) | 1;
}

/* Most names of a document lead nowhere: their length and first byte tell without a look at the table. The name is followed by a NUL. */
static inline uint32_t
fg_name_filter_bit (const char *name, size_t len)
{
   return ((uint32_t)len * 5u ^ (uint8_t)name[0]) & 63u;
}

/* The length of a name in a document from start to limit, whose last byte is 0. */
static inline size_t
fg_name_length (const char *name, const char *start, const char *limit)
{
   const size_t room = (size_t)(limit - name);
#ifdef __SSE2__
   __m128i bytes;
   uint32_t zeros = 0;

   if (__builtin_expect (room >= 16, 1)) {
      memcpy (&bytes, name, sizeof bytes);
      zeros = (uint32_t)_mm_movemask_epi8 (_mm_cmpeq_epi8 (bytes, _mm_setzero_si128 ()));
   } else if (limit - start >= 16) {
      /* Near the end: the last sixteen bytes of the document, with those before the name shifted away. */
      memcpy (&bytes, limit - 16, sizeof bytes);
      zeros = (uint32_t)_mm_movemask_epi8 (_mm_cmpeq_epi8 (bytes, _mm_setzero_si128 ())) >> (16 - room);
   }
   if (__builtin_expect (zeros != 0, 1)) {
      return (size_t)(uint32_t)__builtin_ctz (zeros);
   }
#else
   (void)start;
#endif
   return strnlen (name, room);
}

#endif /* FG_SCHEMA_WORDS_H */
