/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_ORACLE_GENERATE_H
#define FG_TEST_ORACLE_GENERATE_H

/*
 * Bytes into collection options and a document that has something to do with them. Every decision takes one byte; when they run out every decision is the
 * first choice, so that any input ends. The same bytes give the same pair.
 */

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gen {
   const uint8_t *data;
   size_t len, at;
   unsigned budget; /* elements still to be made, so that no input grows without bound */
   bool top; /* the schema being made speaks of the document itself: encrypt is then rare */
   bool metadata; /* whether encryptedFields stand beside the validator: encrypt is then rare */
} gen;

uint8_t gen_byte (gen *g);
/* 0 to n - 1. */
unsigned gen_pick (gen *g, unsigned n);
/* In per_mille of the cases; never once the bytes have run out. */
bool gen_chance (gen *g, unsigned per_mille);
const char *gen_name (gen *g);

#define GEN_KEYS 3
/* The key ids that rules and blobs are about. */
void gen_key (unsigned n, uint8_t key[16]);

extern const char *const gen_type_names[];
extern const bson_type_t gen_types[];
#define GEN_TYPES 21u

void gen_options (gen *g, bson_t *options);
void gen_schema (gen *g, bson_t *schema, int depth);
/* A document that the options may or may not like. */
void gen_document (gen *g, const bson_t *options, bson_t *doc);
/* Any value. */
void gen_value (gen *g, bson_t *out, const char *name, int depth);
void gen_value_of_type (gen *g, bson_t *out, const char *name, bson_type_t type, int depth);
/* A blob that fits the members of an encrypt (or an encryptedFields entry) more often than not. */
void gen_blob (gen *g, bson_t *out, const char *name, const bson_t *rule, bool field);

#endif /* FG_TEST_ORACLE_GENERATE_H */
