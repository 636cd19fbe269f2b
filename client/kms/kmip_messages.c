/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kmip.h"

enum {
   TAG_ATTRIBUTE = 0x420008,
   TAG_ATTRIBUTE_NAME = 0x42000A,
   TAG_ATTRIBUTE_VALUE = 0x42000B,
   TAG_BATCH_COUNT = 0x42000D,
   TAG_BATCH_ITEM = 0x42000F,
   TAG_BLOCK_CIPHER_MODE = 0x420011,
   TAG_CRYPTOGRAPHIC_ALGORITHM = 0x420028,
   TAG_CRYPTOGRAPHIC_PARAMETERS = 0x42002B,
   TAG_IV_COUNTER_NONCE = 0x42003D,
   TAG_KEY_BLOCK = 0x420040,
   TAG_KEY_FORMAT_TYPE = 0x420042,
   TAG_KEY_MATERIAL = 0x420043,
   TAG_KEY_VALUE = 0x420045,
   TAG_OBJECT_TYPE = 0x420057,
   TAG_OPERATION = 0x42005C,
   TAG_PADDING_METHOD = 0x42005F,
   TAG_PROTOCOL_VERSION = 0x420069,
   TAG_VERSION_MAJOR = 0x42006A,
   TAG_VERSION_MINOR = 0x42006B,
   TAG_REQUEST_HEADER = 0x420077,
   TAG_REQUEST_MESSAGE = 0x420078,
   TAG_REQUEST_PAYLOAD = 0x420079,
   TAG_RESPONSE_MESSAGE = 0x42007B,
   TAG_RESPONSE_PAYLOAD = 0x42007C,
   TAG_RESULT_MESSAGE = 0x42007D,
   TAG_RESULT_REASON = 0x42007E,
   TAG_RESULT_STATUS = 0x42007F,
   TAG_REVOCATION_REASON = 0x420081,
   TAG_REVOCATION_REASON_CODE = 0x420082,
   TAG_SECRET_DATA = 0x420085,
   TAG_SECRET_DATA_TYPE = 0x420086,
   TAG_TEMPLATE_ATTRIBUTE = 0x420091,
   TAG_UNIQUE_IDENTIFIER = 0x420094,
   TAG_DATA = 0x4200C2,
   TAG_RANDOM_IV = 0x4200C5
};

enum {
   OBJECT_SYMMETRIC_KEY = 2,
   OBJECT_SECRET_DATA = 7,
   SECRET_SEED = 2,
   FORMAT_OPAQUE = 2,
   ALGORITHM_AES = 3,
   MODE_CBC = 1,
   PADDING_PKCS5 = 3,
   USAGE_ENCRYPT_DECRYPT = 12,
   REVOKED_CEASED = 6
};

/* --- requests ---------------------------------------------------------------------------------------------------------- */

static void
begin_attribute (fg_ttlv_writer *w, const char *name)
{
   fg_ttlv_begin (w, TAG_ATTRIBUTE);
   fg_ttlv_text (w, TAG_ATTRIBUTE_NAME, name);
}

static void
integer_attribute (fg_ttlv_writer *w, const char *name, int32_t value)
{
   begin_attribute (w, name);
   fg_ttlv_integer (w, TAG_ATTRIBUTE_VALUE, value);
   fg_ttlv_end (w);
}

static void
register_payload (fg_ttlv_writer *w, const fg_kmip_request *request)
{
   fg_ttlv_enumeration (w, TAG_OBJECT_TYPE, OBJECT_SECRET_DATA);
   fg_ttlv_begin (w, TAG_TEMPLATE_ATTRIBUTE);
   integer_attribute (w, "Cryptographic Usage Mask", 0);
   fg_ttlv_end (w);
   fg_ttlv_begin (w, TAG_SECRET_DATA);
   fg_ttlv_enumeration (w, TAG_SECRET_DATA_TYPE, SECRET_SEED);
   fg_ttlv_begin (w, TAG_KEY_BLOCK);
   fg_ttlv_enumeration (w, TAG_KEY_FORMAT_TYPE, FORMAT_OPAQUE);
   fg_ttlv_begin (w, TAG_KEY_VALUE);
   fg_ttlv_bytes (w, TAG_KEY_MATERIAL, request->data, request->len);
   fg_ttlv_end (w);
   fg_ttlv_end (w);
   fg_ttlv_end (w);
}

static void
create_payload (fg_ttlv_writer *w)
{
   fg_ttlv_enumeration (w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
   fg_ttlv_begin (w, TAG_TEMPLATE_ATTRIBUTE);
   begin_attribute (w, "Cryptographic Algorithm");
   fg_ttlv_enumeration (w, TAG_ATTRIBUTE_VALUE, ALGORITHM_AES);
   fg_ttlv_end (w);
   integer_attribute (w, "Cryptographic Length", 256);
   integer_attribute (w, "Cryptographic Usage Mask", USAGE_ENCRYPT_DECRYPT);
   fg_ttlv_end (w);
}

static void
cipher_payload (fg_ttlv_writer *w, const fg_kmip_request *request)
{
   fg_ttlv_text (w, TAG_UNIQUE_IDENTIFIER, request->id);
   fg_ttlv_begin (w, TAG_CRYPTOGRAPHIC_PARAMETERS);
   fg_ttlv_enumeration (w, TAG_BLOCK_CIPHER_MODE, MODE_CBC);
   fg_ttlv_enumeration (w, TAG_PADDING_METHOD, PADDING_PKCS5);
   fg_ttlv_enumeration (w, TAG_CRYPTOGRAPHIC_ALGORITHM, ALGORITHM_AES);
   if (request->operation == FG_KMIP_ENCRYPT) {
      fg_ttlv_boolean (w, TAG_RANDOM_IV, true);
   }
   fg_ttlv_end (w);
   fg_ttlv_bytes (w, TAG_DATA, request->data, request->len);
   if (request->operation == FG_KMIP_DECRYPT) {
      fg_ttlv_bytes (w, TAG_IV_COUNTER_NONCE, request->iv, 16);
   }
}

static void
payload (fg_ttlv_writer *w, const fg_kmip_request *request)
{
   switch (request->operation) {
   case FG_KMIP_REGISTER:
      register_payload (w, request);
      break;
   case FG_KMIP_CREATE:
      create_payload (w);
      break;
   case FG_KMIP_ENCRYPT:
   case FG_KMIP_DECRYPT:
      cipher_payload (w, request);
      break;
   case FG_KMIP_REVOKE:
      fg_ttlv_text (w, TAG_UNIQUE_IDENTIFIER, request->id);
      fg_ttlv_begin (w, TAG_REVOCATION_REASON);
      fg_ttlv_enumeration (w, TAG_REVOCATION_REASON_CODE, REVOKED_CEASED);
      fg_ttlv_end (w);
      break;
   case FG_KMIP_GET_ATTRIBUTES:
      fg_ttlv_text (w, TAG_UNIQUE_IDENTIFIER, request->id);
      fg_ttlv_text (w, TAG_ATTRIBUTE_NAME, "State");
      break;
   case FG_KMIP_DESTROY:
   case FG_KMIP_GET:
   case FG_KMIP_ACTIVATE:
   default:
      fg_ttlv_text (w, TAG_UNIQUE_IDENTIFIER, request->id);
      break;
   }
}

bool
fg_kmip_build (const fg_kmip_request *request, fg_ttlv_writer *w, fg_error *err)
{
   /* Encrypt and Decrypt came with 1.2; everything else is asked for at 1.0, except Create, which belongs to them. */
   bool later = request->operation == FG_KMIP_CREATE || request->operation == FG_KMIP_ENCRYPT ||
                request->operation == FG_KMIP_DECRYPT;

   if (!fg_ttlv_writer_init (w, err)) {
      return false;
   }
   fg_ttlv_begin (w, TAG_REQUEST_MESSAGE);
   fg_ttlv_begin (w, TAG_REQUEST_HEADER);
   fg_ttlv_begin (w, TAG_PROTOCOL_VERSION);
   fg_ttlv_integer (w, TAG_VERSION_MAJOR, 1);
   fg_ttlv_integer (w, TAG_VERSION_MINOR, later ? 2 : 0);
   fg_ttlv_end (w);
   fg_ttlv_integer (w, TAG_BATCH_COUNT, 1);
   fg_ttlv_end (w);
   fg_ttlv_begin (w, TAG_BATCH_ITEM);
   fg_ttlv_enumeration (w, TAG_OPERATION, (uint32_t)request->operation);
   fg_ttlv_begin (w, TAG_REQUEST_PAYLOAD);
   payload (w, request);
   fg_ttlv_end (w);
   fg_ttlv_end (w);
   fg_ttlv_end (w);
   return !w->failed || fg_error_set (err, FG_ERROR_KMS, FG_E_TOO_LARGE, NULL, "a KMIP request would be too large");
}

/* --- replies ----------------------------------------------------------------------------------------------------------- */

static bool
malformed (const fg_kms_provider *provider, fg_error *err)
{
   return fg_kms_error (err, FG_E_INVALID, provider, "the KMIP server's reply is malformed");
}

static const char *
reason_name (uint32_t reason)
{
   static const char *const names[] = {NULL,
                                       "Item Not Found",
                                       "Response Too Large",
                                       "Authentication Not Successful",
                                       "Invalid Message",
                                       "Operation Not Supported",
                                       "Missing Data",
                                       "Invalid Field",
                                       "Feature Not Supported",
                                       "Operation Canceled By Requester",
                                       "Cryptographic Failure",
                                       "Illegal Operation",
                                       "Permission Denied",
                                       "Object Archived"};

   if (reason == 0x100) {
      return "General Failure";
   }
   return reason < sizeof names / sizeof names[0] && names[reason] ? names[reason] : "reason unknown here";
}

static bool
refused (const fg_kms_provider *provider, const fg_ttlv *batch_item, uint32_t status, fg_error *err)
{
   char words[256] = "";
   uint32_t reason = 0;
   fg_ttlv found;

   if (fg_ttlv_find (batch_item, TAG_RESULT_REASON, &found) && !fg_ttlv_as_u32 (&found, &reason)) {
      reason = 0;
   }
   if (fg_ttlv_find (batch_item, TAG_RESULT_MESSAGE, &found) && found.type == FG_TTLV_TEXT) {
      size_t n = found.len < sizeof words - 1 ? found.len : sizeof words - 1;
      for (size_t i = 0; i < n; i++) {
         words[i] = found.value[i] >= 0x20 && found.value[i] < 0x7F ? (char)found.value[i] : '?';
      }
   }
   return fg_kms_error (err,
                        reason == 1                   ? FG_E_NOT_FOUND
                        : reason == 3 || reason == 12 ? FG_E_DENIED
                                                      : FG_E_IO,
                        provider, "the KMIP server refused: status %u, reason 0x%x (%s)%s%s", status, reason,
                        reason_name (reason), words[0] ? ": " : "", words);
}

bool
fg_kmip_read (const fg_kms_provider *provider, fg_kmip_operation operation, const uint8_t *reply, size_t len,
              fg_ttlv *payload_out, fg_error *err)
{
   fg_ttlv message;
   fg_ttlv item;
   fg_ttlv found;
   uint32_t status = 0;
   uint32_t answered = 0;
   size_t used = 0;

   if (!fg_ttlv_read (reply, len, &message, &used) || used != len || message.tag != TAG_RESPONSE_MESSAGE ||
       !fg_ttlv_find (&message, TAG_BATCH_ITEM, &item) || !fg_ttlv_find (&item, TAG_RESULT_STATUS, &found) ||
       !fg_ttlv_as_u32 (&found, &status)) {
      return malformed (provider, err);
   }
   if (status != 0) {
      return refused (provider, &item, status, err);
   }
   if (!fg_ttlv_find (&item, TAG_OPERATION, &found) || !fg_ttlv_as_u32 (&found, &answered) ||
       answered != (uint32_t)operation || !fg_ttlv_find (&item, TAG_RESPONSE_PAYLOAD, payload_out) ||
       payload_out->type != FG_TTLV_STRUCTURE) {
      return malformed (provider, err);
   }
   return true;
}

bool
fg_kmip_read_id (const fg_kms_provider *provider, const fg_ttlv *payload_in, char id[FG_KMIP_ID_MAX], fg_error *err)
{
   fg_ttlv found;

   if (!fg_ttlv_find (payload_in, TAG_UNIQUE_IDENTIFIER, &found) || found.type != FG_TTLV_TEXT || found.len == 0 ||
       found.len >= FG_KMIP_ID_MAX || memchr (found.value, 0, found.len)) {
      return malformed (provider, err);
   }
   memcpy (id, found.value, found.len);
   id[found.len] = '\0';
   return true;
}

bool
fg_kmip_read_state (const fg_kms_provider *provider, const fg_ttlv *payload_in, uint32_t *state, fg_error *err)
{
   fg_ttlv attribute;
   fg_ttlv found;

   if (!fg_ttlv_find (payload_in, TAG_ATTRIBUTE, &attribute) || attribute.type != FG_TTLV_STRUCTURE ||
       !fg_ttlv_find (&attribute, TAG_ATTRIBUTE_VALUE, &found) || !fg_ttlv_as_u32 (&found, state)) {
      return malformed (provider, err);
   }
   return true;
}

bool
fg_kmip_read_secret (const fg_kms_provider *provider, const fg_ttlv *payload_in, const uint8_t **data, fg_error *err)
{
   fg_ttlv found;

   if (!fg_ttlv_find (payload_in, TAG_SECRET_DATA, &found) || !fg_ttlv_find (&found, TAG_KEY_BLOCK, &found) ||
       !fg_ttlv_find (&found, TAG_KEY_VALUE, &found) || !fg_ttlv_find (&found, TAG_KEY_MATERIAL, &found) ||
       found.type != FG_TTLV_BYTES) {
      return malformed (provider, err);
   }
   if (found.len != FG_DATA_KEY_LEN) {
      return fg_kms_error (err, FG_E_INVALID, provider, "the KMIP secret has %zu bytes, not 96", found.len);
   }
   *data = found.value;
   return true;
}

bool
fg_kmip_read_data (const fg_kms_provider *provider, const fg_ttlv *payload_in, const uint8_t **data, size_t *len,
                   const uint8_t **iv, fg_error *err)
{
   fg_ttlv found;

   if (!fg_ttlv_find (payload_in, TAG_DATA, &found) || found.type != FG_TTLV_BYTES || found.len == 0) {
      return malformed (provider, err);
   }
   *data = found.value;
   *len = found.len;
   if (!iv) {
      return true;
   }
   if (!fg_ttlv_find (payload_in, TAG_IV_COUNTER_NONCE, &found) || found.type != FG_TTLV_BYTES || found.len != 16) {
      return malformed (provider, err);
   }
   *iv = found.value;
   return true;
}
