/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/value.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * What can be known of a ciphertext without its key. Layouts and sizes: docs/policy.md. The body of 1, 2 and 16 is IV, CBC blocks and
 * tag; that of 14, 15 and 17 is an encrypted copy of such a body with its key id in front, and one block of 96 bytes for each token.
 */

#define BLOCK 16u
#define HEADER 18u /* first byte, key id, original type */
#define IV_AND_TAG 48u
#define SERVER_PART 80u /* IV, key id, IV and tag of the encrypted copy, without its blocks */
#define TOKEN 96u
#define MIN_PRINTABLE 64u

#define BIT(n) (1u << (n))
#define AT_REST (BIT (1) | BIT (2) | BIT (6) | BIT (7) | BIT (9) | BIT (14) | BIT (15) | BIT (16) | BIT (17))
#define LAST_FIRST_BYTE FG_POLICY_LAST_FIRST_BYTE

/* Original types, as bits. */
#define ANY_TYPE 0xfffbeu /* 1 to 19 without undefined (6) */
#define NULL_TYPE BIT (10)
#define ENCRYPTABLE (ANY_TYPE & ~NULL_TYPE)
#define NOT_DETERMINISTIC (BIT (1) | BIT (3) | BIT (4) | BIT (8) | BIT (15) | BIT (19))
#define NOT_EQUALITY (BIT (1) | BIT (3) | BIT (4) | BIT (15) | BIT (19))
#define RANGE_TYPES (BIT (1) | BIT (9) | BIT (16) | BIT (18) | BIT (19))
#define STRING_TYPE BIT (2)

/* What is fixed for each first byte at rest. */
typedef struct layout {
   uint32_t types;
   uint16_t least; /* bytes in all */
   uint16_t header; /* bytes before the body */
   uint16_t rest; /* bytes that are not CBC blocks, where no counts decide */
   bool counted; /* the header has counts of its own */
} layout;

static const layout layouts[LAST_FIRST_BYTE + 1] = {
   [1] = {ENCRYPTABLE & ~NOT_DETERMINISTIC, 82, HEADER, HEADER + IV_AND_TAG, false},
   [2] = {ENCRYPTABLE, 82, HEADER, HEADER + IV_AND_TAG, false},
   [14] = {ENCRYPTABLE & ~NOT_EQUALITY, 210, HEADER, HEADER + SERVER_PART + TOKEN, false},
   [15] = {RANGE_TYPES, 211, HEADER + 1, 0, true},
   [16] = {ENCRYPTABLE, 82, HEADER, HEADER + IV_AND_TAG, false},
   [17] = {STRING_TYPE, 222, HEADER + 12, 0, true}};

uint32_t
fg_policy_types_of (uint32_t first_byte)
{
   return first_byte == 11 ? ENCRYPTABLE : first_byte <= LAST_FIRST_BYTE ? layouts[first_byte].types : 0;
}

/* Least number of CBC bytes that a value of this type pads to; fixed: it is the only one. */
static size_t
blocks_of (uint8_t type, bool *fixed)
{
   static const uint32_t fixed_small = BIT (1) | BIT (7) | BIT (8) | BIT (9) | BIT (16) | BIT (17) | BIT (18);

   *fixed = (fixed_small | BIT (19)) >> type & 1;
   /* A decimal has 16 bytes, a DBPointer at least 17: both take a second block. */
   return type == 19 || type == 12 ? 2 * BLOCK : BLOCK;
}

/* n bytes of CBC for a value of this type. */
static fg_reason
check_blocks (size_t n, uint8_t type)
{
   bool fixed;
   size_t least = blocks_of (type, &fixed);

   return n < least || n % BLOCK != 0 || (fixed && n != least) ? FG_REASON_BAD_LENGTH : FG_REASON_NONE;
}

/* Bytes that are not CBC blocks, as the counts in the header say. False: they cannot be true. */
static bool
counted_rest (const uint8_t *blob, size_t len, size_t *rest)
{
   if (blob[0] == 15) {
      *rest = HEADER + 1 + SERVER_PART + (size_t)TOKEN * blob[HEADER];
      return blob[HEADER] > 0;
   }
   uint64_t total = fg_read_u32le (blob + HEADER), substring = fg_read_u32le (blob + HEADER + 4);
   uint64_t suffix = fg_read_u32le (blob + HEADER + 8);
   *rest = HEADER + 12 + SERVER_PART + (size_t)(TOKEN * (total <= len / TOKEN ? total : 0));
   return total <= len / TOKEN && total >= substring + suffix + 1;
}

/* The length of the UTF-8 sequence at p, 0 when there is none or it is a control character. */
static size_t
printable_sequence (const uint8_t *p, size_t len)
{
   uint8_t c = p[0];
   size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

   if (n == 1) {
      return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
   }
   if (n == 0 || n > len) {
      return 0;
   }
   for (size_t i = 1; i < n; i++) {
      if ((p[i] & 0xc0) != 0x80) {
         return 0;
      }
   }
   if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
       (c == 0xf4 && p[1] > 0x8f) || (c == 0xc2 && p[1] < 0xa0)) {
      return 0;
   }
   return n;
}

/* Whether the first 64 bytes hold a control character from 14 to 31, which no text has: true of 99 in 100 ciphertexts, and found without a branch for
 * each byte. */
#ifdef __SSE2__
static inline __m128i
controls (const uint8_t *p)
{
   const __m128i first = _mm_set1_epi8 (14), last = _mm_set1_epi8 (31 - 14);
   __m128i bytes;

   memcpy (&bytes, p, sizeof bytes);
   bytes = _mm_sub_epi8 (bytes, first);
   return _mm_cmpeq_epi8 (_mm_min_epu8 (bytes, last), bytes);
}

/* The first half tells of 9 in 10. */
static inline bool
has_control (const uint8_t *body)
{
   return _mm_movemask_epi8 (_mm_or_si128 (controls (body), controls (body + 16))) != 0 ||
          _mm_movemask_epi8 (_mm_or_si128 (controls (body + 32), controls (body + 48))) != 0;
}
#else
static inline bool
has_control (const uint8_t *body)
{
   bool found = false;

   for (size_t i = 0; i < MIN_PRINTABLE; i++) {
      found |= (uint8_t)(body[i] - 14) <= 31 - 14;
   }
   return found;
}
#endif

/* Whether a body is nothing but text. */
static __attribute__ ((noinline)) bool
is_text (const uint8_t *body, size_t len)
{
   for (size_t i = 0, n; i < len; i += n) {
      n = printable_sequence (body + i, len - i);
      if (n == 0) {
         return false;
      }
   }
   return true;
}

static bool
key_is_named (const fg_policy *policy, const fg_policy_rule *rule, const uint8_t *key)
{
   if (rule->n_keys == 0) {
      return true;
   }
   const uint64_t low = fg_read_word (key), high = fg_read_word (key + 8);
   const uint8_t *named = policy->keys + (size_t)rule->keys * 16;
   for (uint32_t i = 0; i < rule->n_keys; i++, named += 16) {
      if (fg_read_word (named) == low && fg_read_word (named + 8) == high) {
         return true;
      }
   }
   return false;
}

/* A value of the document inside an insert payload, or NULL. The document is flat for this purpose. */
static const uint8_t *
payload_member (const uint8_t *doc, size_t len, char name, uint8_t type, size_t size)
{
   static const uint8_t sizes[20] = {0, 8, 4, 0, 0, 5, 0, 12, 1, 8, 0, 0, 0, 4, 4, 0, 4, 8, 8, 16};
   size_t at = 4;

   while (at + 1 < len && doc[at] != 0) {
      uint8_t found = doc[at];
      const uint8_t *end = memchr (doc + at + 1, 0, len - at - 1);
      if (!end || found > 19 || found == 11 || found == 12 || found == 15) {
         return NULL;
      }
      const uint8_t *value = end + 1;
      size_t room = len - (size_t)(value - doc), n = sizes[found];
      if (found == 2 || found == 3 || found == 4 || found == 5 || found == 13 || found == 14) {
         if (room < 4 || fg_read_u32le (value) > room - 4 + (found == 3 || found == 4 ? 4 : 0)) {
            return NULL;
         }
         n += fg_read_u32le (value);
      }
      if (n > room) {
         return NULL;
      }
      if (end == doc + at + 2 && doc[at + 1] == (uint8_t)name) {
         return found == type && n == size ? value : NULL;
      }
      at = (size_t)(value - doc) + n;
   }
   return NULL;
}

/* Payload 11, on the wire only: a document that names the index key as `u` and the original type as `t`. */
static fg_reason
judge_insert_payload (const fg_policy *policy, const fg_policy_rule *rule, const uint8_t *blob, size_t len)
{
   const uint8_t *doc = blob + 1;
   size_t doc_len = len - 1;

   if (rule->kind != FG_POLICY_QE) {
      return FG_REASON_WRONG_ALGORITHM;
   }
   if (doc_len < 5) {
      return FG_REASON_TOO_SHORT;
   }
   if (fg_read_u32le (doc) != doc_len || doc[doc_len - 1] != 0) {
      return FG_REASON_BAD_LENGTH;
   }
   const uint8_t *key = payload_member (doc, doc_len, 'u', 5, 21);
   const uint8_t *type = payload_member (doc, doc_len, 't', 16, 4);
   if (!key || fg_read_u32le (key) != 16 || key[4] != 4 || !type) {
      return FG_REASON_BAD_LENGTH;
   }
   if (!key_is_named (policy, rule, key + 5)) {
      return FG_REASON_WRONG_KEY;
   }
   uint32_t original = fg_read_u32le (type);
   return original <= 19 && ((rule->types & ENCRYPTABLE) >> original & 1) ? FG_REASON_NONE : FG_REASON_WRONG_TYPE;
}

/* mongod's own reading: a header that is long enough, with the right type byte. */
static fg_reason
judge_lax (const fg_policy_rule *rule, const uint8_t *blob, size_t len)
{
   if (!rule->typed && rule->kind == FG_POLICY_CSFLE) {
      return FG_REASON_NONE;
   }
   if (len < HEADER) {
      return FG_REASON_TOO_SHORT;
   }
   if (blob[0] > LAST_FIRST_BYTE) {
      return FG_REASON_UNKNOWN_SUBTYPE;
   }
   if ((rule->first_bytes >> blob[0] & 1) == 0) {
      return FG_REASON_WRONG_ALGORITHM;
   }
   const bool fits = !rule->typed || (blob[17] <= 19 && (rule->types >> blob[17] & 1));
   return fits ? FG_REASON_NONE : FG_REASON_WRONG_TYPE;
}

/* A first byte that the rule does not admit at rest. */
static __attribute__ ((noinline)) fg_reason
judge_first_byte (const fg_policy *policy, const fg_policy_rule *rule, const uint8_t *blob, size_t len, fg_phase phase)
{
   if (len == 0) {
      return FG_REASON_TOO_SHORT;
   }
   if (blob[0] > LAST_FIRST_BYTE) {
      return FG_REASON_UNKNOWN_SUBTYPE;
   }
   if (blob[0] == 11 && phase == FG_PHASE_WIRE) {
      return judge_insert_payload (policy, rule, blob, len);
   }
   return AT_REST >> blob[0] & 1 ? FG_REASON_WRONG_ALGORITHM : FG_REASON_NOT_AT_REST;
}

fg_reason
fg_policy_judge (const fg_policy *policy, const fg_policy_rule *rule, uint8_t type, const uint8_t *value, size_t len,
                 fg_phase phase)
{
   if (type != 5 || len < 5 || value[4] != 6) {
      return FG_REASON_NOT_ENCRYPTED;
   }
   const uint8_t *blob = value + 5;
   const size_t blob_len = len - 5;
   if (!policy->strict) {
      const bool insert_payload =
         phase == FG_PHASE_WIRE && rule->kind != FG_POLICY_CSFLE && blob_len > 0 && blob[0] == 11;
      return insert_payload ? judge_insert_payload (policy, rule, blob, blob_len) : judge_lax (rule, blob, blob_len);
   }
   if (blob_len == 0 || blob[0] > LAST_FIRST_BYTE || (rule->first_bytes >> blob[0] & 1) == 0) {
      return judge_first_byte (policy, rule, blob, blob_len, phase);
   }
   const layout *shape = layouts + blob[0];
   if (blob_len < shape->least) {
      return FG_REASON_TOO_SHORT;
   }
   if (!key_is_named (policy, rule, blob + 1)) {
      return FG_REASON_WRONG_KEY;
   }
   const uint8_t original = blob[17];
   if (original > 19 || ((shape->types & rule->types) >> original & 1) == 0) {
      return FG_REASON_WRONG_TYPE;
   }
   size_t rest = shape->rest;
   if (shape->counted && (!counted_rest (blob, blob_len, &rest) || blob_len < rest)) {
      return FG_REASON_BAD_LENGTH;
   }
   if (check_blocks (blob_len - rest, original) != FG_REASON_NONE) {
      return FG_REASON_BAD_LENGTH;
   }
   /* Every layout leaves a body of at least MIN_PRINTABLE bytes. */
   const uint8_t *body = blob + shape->header;
   return !has_control (body) && is_text (body, blob_len - shape->header) ? FG_REASON_PRINTABLE_BODY : FG_REASON_NONE;
}

/* How far a value came before it failed: of alternatives that all fail, the one that came furthest says why. */
static int
progress (fg_reason reason)
{
   static const fg_reason order[] = {FG_REASON_NOT_ENCRYPTED,   FG_REASON_UNKNOWN_SUBTYPE, FG_REASON_NOT_AT_REST,
                                     FG_REASON_WRONG_ALGORITHM, FG_REASON_TOO_SHORT,       FG_REASON_WRONG_KEY,
                                     FG_REASON_WRONG_TYPE,      FG_REASON_BAD_LENGTH,      FG_REASON_PRINTABLE_BODY};
   int at = 0;

   while (at < (int)(sizeof order / sizeof order[0]) && order[at] != reason) {
      at++;
   }
   return at;
}

fg_reason
fg_policy_judge_formula (const fg_policy *policy, const uint32_t *formula, uint8_t type, const uint8_t *value,
                         size_t len, fg_phase phase, fg_policy_kind *kind)
{
   struct {
      fg_reason reason;
      fg_policy_kind kind;
   } stack[FG_POLICY_FORMULA_DEPTH + 2];
   const uint32_t *end = formula + 1 + formula[0];
   size_t top = 0;

   stack[0].reason = FG_REASON_CANNOT_DECIDE; /* no formula is empty */
   stack[0].kind = FG_POLICY_CSFLE;

   for (const uint32_t *op = formula + 1; op < end; op++) {
      if (*op != FG_FORMULA_AND && *op != FG_FORMULA_OR) {
         const fg_policy_rule *rule = policy->rules + *op;
         stack[top].reason = fg_policy_judge (policy, rule, type, value, len, phase);
         stack[top++].kind = (fg_policy_kind)rule->kind;
         continue;
      }
      top--;
      /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): an operator stands behind its two operands */
      fg_reason left = stack[top - 1].reason, right = stack[top].reason;
      bool take_right = *op == FG_FORMULA_AND
                           ? left == FG_REASON_NONE
                           : left != FG_REASON_NONE && (right == FG_REASON_NONE || progress (right) > progress (left));
      if (take_right) {
         stack[top - 1] = stack[top];
      }
   }
   *kind = stack[0].kind;
   return stack[0].reason;
}
