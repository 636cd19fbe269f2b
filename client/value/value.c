/* SPDX-License-Identifier: Apache-2.0 */
#include "client/value/value.h"

#include "base/base.h"
#include "client/secret/secret.h"

#include <stdlib.h>
#include <strings.h>

bool
fg_algorithm_from_name (const char *name, fg_algorithm *out)
{
   static const struct {
      const char *name;
      fg_algorithm algorithm;
   } names[] = {
      {"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic", FG_ALGORITHM_DETERMINISTIC},
      {"AEAD_AES_256_CBC_HMAC_SHA_512-Random", FG_ALGORITHM_RANDOM},
      {"Deterministic", FG_ALGORITHM_DETERMINISTIC},
      {"Random", FG_ALGORITHM_RANDOM},
   };

   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcasecmp (names[i].name, name) == 0) {
         *out = names[i].algorithm;
         return true;
      }
   }
   return false;
}

static const char *
type_name (uint8_t type)
{
   switch (type) {
   case 0x01:
      return "double";
   case 0x03:
      return "object";
   case 0x04:
      return "array";
   case 0x06:
      return "undefined";
   case 0x08:
      return "bool";
   case 0x0A:
      return "null";
   case 0x0F:
      return "javascriptWithScope";
   case 0x13:
      return "decimal";
   case 0x7F:
      return "maxKey";
   case 0xFF:
      return "minKey";
   default:
      return "unknown";
   }
}

static bool
never_encrypted (uint8_t type)
{
   return type == 0 || type == 0x06 || type == 0x0A || type == 0x7F || type > 0x13;
}

static bool
never_deterministic (uint8_t type)
{
   return type == 0x01 || type == 0x03 || type == 0x04 || type == 0x08 || type == 0x0F || type == 0x13;
}

bool
fg_value_check_type (uint8_t bson_type, bool is_binary_6, fg_algorithm algorithm, fg_error *err)
{
   if (algorithm != FG_ALGORITHM_DETERMINISTIC && algorithm != FG_ALGORITHM_RANDOM) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "the algorithm must be deterministic or random");
   }
   if (never_encrypted (bson_type)) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_UNSUPPORTED, NULL, "a value of type %s is never encrypted",
                           type_name (bson_type));
   }
   if (is_binary_6) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_UNSUPPORTED, NULL,
                           "a binary of subtype 6 is encrypted already and never encrypted again");
   }
   if (algorithm == FG_ALGORITHM_DETERMINISTIC && never_deterministic (bson_type)) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_UNSUPPORTED, NULL,
                           "a value of type %s cannot be encrypted deterministically: use Random",
                           type_name (bson_type));
   }
   return true;
}

static bool
seal (fg_data_key *key, const uint8_t key_id[16], fg_algorithm algorithm, uint8_t type, const fg_plain *plain,
      bson_value_t *out, fg_error *err)
{
   size_t len = FG_BLOB_HEADER_LEN + fg_aead_sealed_len (plain->len);
   uint8_t *blob = bson_malloc (len);
   uint8_t iv[FG_AEAD_IV_LEN];

   blob[0] = (uint8_t)algorithm;
   memcpy (blob + 1, key_id, 16);
   blob[17] = type;
   if (algorithm == FG_ALGORITHM_DETERMINISTIC) {
      fg_aead_deterministic_iv (key, blob, FG_BLOB_HEADER_LEN, plain->data, plain->len, iv);
   } else if (!fg_random_public (iv, sizeof iv, err)) {
      bson_free (blob);
      return false;
   }
   if (!fg_aead_seal (key, blob, FG_BLOB_HEADER_LEN, iv, plain->data, plain->len, blob + FG_BLOB_HEADER_LEN, err)) {
      bson_free (blob);
      return false;
   }
   out->value_type = BSON_TYPE_BINARY;
   out->value.v_binary.subtype = BSON_SUBTYPE_ENCRYPTED;
   out->value.v_binary.data = blob;
   out->value.v_binary.data_len = (uint32_t)len;
   return true;
}

bool
fg_value_encrypt (fg_data_key *key, const uint8_t key_id[16], fg_algorithm algorithm, const bson_value_t *value,
                  bson_value_t *out, fg_error *err)
{
   bool is_binary_6 = value->value_type == BSON_TYPE_BINARY && value->value.v_binary.subtype == BSON_SUBTYPE_ENCRYPTED;
   fg_plain plain;

   if (!fg_value_check_type ((uint8_t)value->value_type, is_binary_6, algorithm, err)) {
      return false;
   }
   bool ok = fg_plain_begin (&plain, value, err) &&
             seal (key, key_id, algorithm, (uint8_t)value->value_type, &plain, out, err);
   fg_plain_end (&plain);
   return ok;
}

bool
fg_blob_check (const uint8_t *blob, size_t len, fg_error *err)
{
   if (len < FG_BLOB_LEAST || (len - FG_BLOB_HEADER_LEN) % 16 != 0) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_TRUNCATED, NULL,
                           "malformed ciphertext: %zu bytes are too few or no whole number of blocks", len);
   }
   if (!fg_blob_is_ours (blob[0])) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_UNSUPPORTED, NULL,
                           "ciphertext of kind %u cannot be decrypted here", blob[0]);
   }
   if (never_encrypted (blob[17])) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INVALID, NULL,
                           "malformed ciphertext: it claims the BSON type 0x%02x, which is never encrypted", blob[17]);
   }
   return true;
}

/* A nested value is checked all the way down: what verified was sealed by a key holder, but perhaps not by a careful one. */
static bool
is_sound (uint8_t type, const uint8_t *plain, size_t len)
{
   size_t used = 0;

   if (!fg_bson_value_len (type, plain, len, &used, NULL) || used != len) {
      return false;
   }
   if (type == 0x03 || type == 0x04) {
      return fg_document_visit_key_ids (plain, len, NULL, NULL, NULL);
   }
   if (type == 0x0F) {
      size_t code = 0;
      return fg_bson_value_len (0x02, plain + 4, len - 4, &code, NULL) &&
             fg_document_visit_key_ids (plain + 4 + code, len - 4 - code, NULL, NULL, NULL);
   }
   return type != 0x08 || plain[0] <= 1;
}

bool
fg_blob_open (fg_data_key *key, const uint8_t *blob, size_t len, uint8_t *out, size_t *out_len, fg_error *err)
{
   size_t n = 0;

   if (!fg_aead_open (key, blob, FG_BLOB_HEADER_LEN, blob + FG_BLOB_HEADER_LEN, len - FG_BLOB_HEADER_LEN, out, &n,
                      err)) {
      return false;
   }
   if (!is_sound (blob[17], out, n)) {
      fg_memzero (out, n);
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INVALID, NULL,
                           "decrypted, but not a value of the BSON type 0x%02x that the ciphertext claims", blob[17]);
   }
   *out_len = n;
   return true;
}

/* frame: room for {"": value}: int32 length, type byte, empty name, then the plaintext. */
static bool
decrypt_framed (fg_data_key *key, const uint8_t *blob, size_t len, uint8_t *frame, bson_value_t *out, fg_error *err)
{
   size_t n = 0;
   bson_t doc;
   bson_iter_t iter;

   if (!fg_blob_open (key, blob, len, frame + 6, &n, err)) {
      return false;
   }
   uint32_t total = (uint32_t)(6 + n + 1);
   for (int i = 0; i < 4; i++) {
      frame[i] = (uint8_t)(total >> (8 * i));
   }
   frame[4] = blob[17];
   frame[5] = 0;
   frame[6 + n] = 0;
   bool ok = bson_init_static (&doc, frame, total) && bson_iter_init (&iter, &doc) && bson_iter_next (&iter);
   if (ok) {
      bson_value_copy (bson_iter_value (&iter), out);
   }
   fg_memzero (frame, total);
   return ok || fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INVALID, NULL, "decrypted, but not a BSON value");
}

bool
fg_value_decrypt (fg_data_key *key, const uint8_t *blob, size_t len, bson_value_t *out, fg_error *err)
{
   uint8_t small[1024];
   size_t need = 7 + len;

   if (need <= sizeof small) {
      return decrypt_framed (key, blob, len, small, out, err);
   }
   uint8_t *frame = malloc (need);
   if (!frame) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_NOMEM, NULL, "out of memory");
   }
   bool ok = decrypt_framed (key, blob, len, frame, out, err);
   free (frame);
   return ok;
}
