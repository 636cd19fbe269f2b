/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_KEY_H
#define FGD_STORE_KEY_H

/*
 * Index keys: BSON values as bytes whose memcmp order is the order of fg_value_compare.
 *
 * A component is a type byte and a self-delimiting body; a compound key is its components end to end. Numbers of all types share one encoding, so that 1, 1.0,
 * NumberLong(1) and Decimal("1") are one key: the greatest double that is not above the value, as sortable bits, then what an integer has beyond that double.
 * A decimal that is no integer loses what is below that double: its key is then not exact. LMDB takes keys up to 511 bytes; a longer one keeps its
 * beginning and a hash of the whole, and is not exact either. Where two keys are equal and one of them is not exact, the values themselves have
 * to be compared. Types that databases index only by accident (DBPointer, code with scope) are ordered by their bytes and never exact.
 */

#include "base/base.h"

#include <fieldguard/match.h>

#include <bson/bson.h>

#define FGD_KEY_MAX 480u /* bytes of an encoded key: 511 less the ids before and after it */
#define FGD_KEY_FIELDS_MAX 32u /* of a compound index, as mongod has it */

/* The value under an iterator, where it lies in its document. */
static inline fg_value
fgd_iter_value (const bson_iter_t *iter)
{
   size_t start = iter->key + strlen (bson_iter_key (iter)) + 1;

   return (fg_value){(uint8_t)bson_iter_type (iter), iter->raw + start, iter->next_off - start};
}

/* Appends one component. Missing values are null, as in mongod's indexes. Clears *exact when the encoding loses something. */
void fgd_key_append (fg_buf *buf, const fg_value *value, bool *exact);

/* Shortens the key that starts at offset to FGD_KEY_MAX where it is longer; clears *exact then. */
void fgd_key_seal (fg_buf *buf, size_t offset, bool *exact);

/* The keys of one document in one index. Reused from document to document: zero-initialise once, free at the end. */
typedef struct fgd_key {
   size_t offset; /* into fgd_keys.bytes */
   size_t len;
   bool exact;
} fgd_key;

typedef struct fgd_keys {
   fg_buf bytes;
   fgd_key *keys; /* sorted, without duplicates */
   size_t n;
   size_t cap;
   fg_value *values; /* n_fields of each key, in the order in which keys were made: see fgd_keys_values */
   size_t n_values;
   size_t cap_values;
   bool multikey;
   bool failed; /* out of memory */
} fgd_keys;

void fgd_keys_free (fgd_keys *keys);
static inline const uint8_t *
fgd_key_bytes (const fgd_keys *keys, size_t i)
{
   return keys->bytes.data + keys->keys[i].offset;
}

/* Makes the keys of doc for the paths (mongod's rules: arrays give a key an element, an empty array gives undefined, a missing field null; sparse: no
 * key when every path is missing). 171 CannotIndexParallelArrays; the values borrow from doc. */
struct fgd_index;
bool fgd_keys_make (fgd_keys *keys, const struct fgd_index *index, const uint8_t *doc, size_t len,
                    fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_STORE_KEY_H */
