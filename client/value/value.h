/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_VALUE_H
#define FG_CLIENT_VALUE_H

/*
 * BSON values in, ciphertext blobs out, and back.
 *
 * A blob (the data of a BinData of subtype 6) is: 1 (deterministic) or 2 (random); 16 bytes key id; the BSON type byte of the original value; IV, ciphertext and tag. The first 18
 * bytes are the associated data. The plaintext is the value as it stands in a BSON document, without its type byte and name.
 */

#include "client/crypto/data_key.h"

#include <bson/bson.h>
#include <fieldguard/client.h>

#define FG_BLOB_HEADER_LEN 18u
#define FG_BLOB_LEAST (FG_BLOB_HEADER_LEN + FG_AEAD_LEAST)
#define FG_BSON_DEPTH_MAX 200u

/* Whether the first byte of a BinData 6 says that this library can decrypt it. */
static inline bool
fg_blob_is_ours (uint8_t first_byte)
{
   return first_byte == FG_ALGORITHM_DETERMINISTIC || first_byte == FG_ALGORITHM_RANDOM;
}

/* Bytes that the value of a BSON element takes, or FG_E_TRUNCATED/FG_E_INVALID. Nested documents are measured, not looked into. */
bool fg_bson_value_len (uint8_t type, const uint8_t *value, size_t available, size_t *len,
                        fg_error *err) FG_WARN_UNUSED;

/* Whether a value of this type may be encrypted so. */
bool fg_value_check_type (uint8_t bson_type, bool is_binary_6, fg_algorithm algorithm, fg_error *err) FG_WARN_UNUSED;

/* The plaintext bytes of a value: a view into it, or into the storage here. */
typedef struct fg_plain {
   const uint8_t *data;
   size_t len;
   size_t wipe; /* bytes of small that were used */
   uint8_t *heap; /* wiped and freed by fg_plain_end; NULL when small sufficed */
   uint8_t small[512];
} fg_plain;
bool fg_plain_begin (fg_plain *plain, const bson_value_t *value, fg_error *err) FG_WARN_UNUSED;
void fg_plain_end (fg_plain *plain);

/* out: a binary of subtype 6, allocated as libbson's values are (bson_value_destroy). */
bool fg_value_encrypt (fg_data_key *key, const uint8_t key_id[16], fg_algorithm algorithm, const bson_value_t *value,
                       bson_value_t *out, fg_error *err) FG_WARN_UNUSED;
/* blob has passed fg_blob_check. */
bool fg_value_decrypt (fg_data_key *key, const uint8_t *blob, size_t len, bson_value_t *out,
                       fg_error *err) FG_WARN_UNUSED;
/* Decrypts to plaintext bytes that are a well-formed value of the blob's type. out holds len - FG_BLOB_HEADER_LEN - 48 bytes. */
bool fg_blob_open (fg_data_key *key, const uint8_t *blob, size_t len, uint8_t *out, size_t *out_len,
                   fg_error *err) FG_WARN_UNUSED;
/* Lengths and the type byte. */
bool fg_blob_check (const uint8_t *blob, size_t len, fg_error *err) FG_WARN_UNUSED;

/* --- whole documents ------------------------------------------------------------------------------------------------ */

/* Finds the key with this id; the pointer is good until the next call. */
typedef fg_data_key *(*fg_key_lookup) (void *ctx, const uint8_t key_id[16], fg_error *err);

/* One pass: writes the document with every blob of ours replaced by its value to out, which holds len bytes. False on any error: out is wiped, and err->path
 * names the field. */
bool fg_document_decrypt (const uint8_t *doc, size_t len, fg_key_lookup lookup, void *ctx, uint8_t *out,
                          size_t *out_len, fg_error *err) FG_WARN_UNUSED;
/* Calls visit with the key id of every blob of ours, until visit returns false. visit NULL: only whether the document is
 * well-formed. */
bool fg_document_visit_key_ids (const uint8_t *doc, size_t len, bool (*visit) (void *ctx, const uint8_t key_id[16]),
                                void *ctx, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_VALUE_H */
