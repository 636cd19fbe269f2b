/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_ORACLE_H
#define FG_TEST_ORACLE_H

/*
 * A second opinion on validators and policies, for tests only: written from the description of mongod's behaviour, without a look at schema/, so that
 * the two can be held against each other. Clear and slow: direct recursion over libbson iterators, nothing compiled, nothing remembered
 * but regular expressions.
 *
 * Inputs are well-formed BSON. A validator must have parsed (oracle_compat_parse returned 0) before documents are matched against it.
 */

#include <bson/bson.h>
#include <fieldguard/policy.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- mongod's own reading (oracle_compat*.c) ---------------------------------------------------------------------- */

/* What `create` answers to a collection's options: 0 or an error code. */
int oracle_compat_parse (const bson_t *options);

typedef enum oracle_verdict {
   ORACLE_NO = 0,
   ORACLE_YES = 1,
   ORACLE_REFUSED =
      2 /* a first byte that no version defines was met: mongod throws there, which refuses the write whatever stands above */
} oracle_verdict;

oracle_verdict oracle_compat_check (const bson_t *options, const bson_t *doc);

/* Types as `type` and `bsonType` state them: one bit a BSON type (oracle_type_bit), "number" apart. */
typedef struct oracle_types {
   bool stated;
   bool number;
   uint32_t bits;
} oracle_types;

uint32_t oracle_type_bit (bson_type_t type);
bool oracle_types_have (const oracle_types *types, bson_type_t type);
/* 0 or the error code. json: the aliases of `type`, else those of `bsonType`; empty: whether [] is legal. */
int oracle_types_parse (const bson_iter_t *value, bool json, bool empty, oracle_types *types);
/* The members of encrypt (or of encryptMetadata): 0 or the error code. */
int oracle_encrypt_parse (const bson_iter_t *value, bool metadata);

/* --- values (oracle_values.c, oracle_numbers.c) -------------------------------------------------------------------- */

bool oracle_is_number (bson_type_t type);
bool oracle_number_is_nan (const bson_iter_t *value);
/* <0, 0, >0 by exact value; neither is NaN. */
int oracle_number_compare (const bson_iter_t *a, const bson_iter_t *b);
bool oracle_number_is_multiple (const bson_iter_t *value, const bson_iter_t *divisor);
bool oracle_number_is_positive (const bson_iter_t *value);
bool oracle_number_is_finite (const bson_iter_t *value);
/* A non-negative integral number that fits 64 bits. */
bool oracle_number_as_count (const bson_iter_t *value, int64_t *count);

/* Equality as enum and uniqueItems have it (objects without regard to field order), or as a query's equality (ordered). */
bool oracle_equal (const bson_iter_t *a, const bson_iter_t *b, bool ordered);

/* The document or array that value holds, borrowed. */
void oracle_sub (const bson_iter_t *value, bson_t *sub);
/* The first element of that name. */
bool oracle_find (const bson_t *doc, const char *name, bson_iter_t *found);

/* --- paths and patterns ------------------------------------------------------------------------------------------- */

/* NULL: the path leads to nothing. */
typedef bool (*oracle_test) (const bson_iter_t *value, void *arg);
/* Whether test accepts anything that the dotted path reaches; non-leaf arrays are looked through, a leaf array only where leaf_arrays says so. */
bool oracle_any (const bson_t *doc, const char *path, bool leaf_arrays, oracle_test test, void *arg);

/* utf8: as `pattern` has it; else bytes, as patternProperties has it. */
bool oracle_pattern_valid (const char *pattern, size_t len, bool utf8);
bool oracle_pattern_matches (const char *pattern, size_t pattern_len, bool utf8, const char *subject, size_t len);
/* Frees the remembered regular expressions. */
void oracle_patterns_free (void);

/* --- the strict rules (oracle_policy*.c) --------------------------------------------------------------------------- */

typedef struct oracle_policy oracle_policy;
oracle_policy *oracle_policy_new (const bson_t *options);
void oracle_policy_free (oracle_policy *policy);
fg_check oracle_policy_check (const oracle_policy *policy, const bson_t *doc, fg_phase phase, bool strict);

#endif /* FG_TEST_ORACLE_H */
