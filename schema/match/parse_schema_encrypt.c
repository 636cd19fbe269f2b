/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include "base/base.h"

/* encrypt and encryptMetadata: strict grammars; algorithm and keyId are checked and then mean nothing to the server. */

#define SERVER_DUPLICATE_FIELD 40413
#define SERVER_UNKNOWN_FIELD 40415
#define SERVER_POINTER_BAD_ESCAPE 51063
#define SERVER_POINTER_EMPTY 51064
#define SERVER_POINTER_NO_SLASH 51065
#define SERVER_KEY_WRONG_SUBTYPE 51084
#define SERVER_KEY_WRONG_TYPE 51085
#define SERVER_KEY_NOT_BINDATA 51088
#define UUID_SUBTYPE 4
#define UUID_SIZE 16

static bool
fail (fg_schema *schema, int32_t code, const char *message)
{
   fg_parse_error (schema->parser, code, "%s", message);
   return false;
}

static bool
check_algorithm (fg_schema *schema, const char *owner, const fg_value *value)
{
   if (value->type != BSON_STRING) {
      return fg_schema_wrong_type (schema, "BSON field '%s.algorithm' is the wrong type '%s', expected type 'string'",
                                   owner, fg_type_name (value->type));
   }
   const char *name = (const char *)value->data + 4;
   if (strcmp (name, "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic") == 0 ||
       strcmp (name, "AEAD_AES_256_CBC_HMAC_SHA_512-Random") == 0) {
      return true;
   }
   fg_parse_error (schema->parser, SERVER_BAD_VALUE,
                   "Enumeration value '%s' for field '%s.algorithm' is not a valid value.", name, owner);
   return false;
}

static bool
check_pointer (fg_schema *schema, const fg_value *value)
{
   size_t len;
   const char *text = fg_value_string (value, &len);

   if (len == 0) {
      return fail (schema, SERVER_POINTER_EMPTY, "Empty JSONPointers are not supported");
   }
   if (text[0] != '/') {
      return fail (schema, SERVER_POINTER_NO_SLASH, "JSONPointer must start with a '/'");
   }
   for (size_t i = 0; i < len; i++) {
      if (text[i] == '~' && text[i + 1] != '0' && text[i + 1] != '1') { /* text[len] is NUL */
         return fail (schema, SERVER_POINTER_BAD_ESCAPE, "A ~ in JSONPointer must be followed by a 0 or a 1");
      }
   }
   return true;
}

static bool
check_key (fg_schema *schema, const fg_value *key)
{
   if (key->type != BSON_BINDATA) {
      fg_parse_error (schema->parser, SERVER_KEY_NOT_BINDATA, "Array elements must have type BinData, found %s",
                      fg_type_name (key->type));
      return false;
   }
   if (key->data[4] != UUID_SUBTYPE) {
      fg_parse_error (schema->parser, SERVER_KEY_WRONG_SUBTYPE, "Array elements must have bindata type UUID, found %d",
                      key->data[4]);
      return false;
   }
   if (key->len - 5 != UUID_SIZE) {
      return fail (schema, 207, "uuid must be a 16-byte binary field with UUID (4) subtype");
   }
   return true;
}

static bool
check_key_id (fg_schema *schema, const fg_value *value)
{
   fg_cursor cursor;
   fg_element key;

   if (value->type == BSON_STRING) {
      return check_pointer (schema, value);
   }
   if (value->type != BSON_ARRAY) {
      fg_parse_error (schema->parser, SERVER_KEY_WRONG_TYPE,
                      "Expected either string or array of UUID for EncryptSchemaKeyId, found %s",
                      fg_type_name (value->type));
      return false;
   }
   fg_cursor_open (&cursor, value);
   while (fg_cursor_next (&cursor, &key)) {
      if (!check_key (schema, &key.value)) {
         return false;
      }
   }
   return true;
}

typedef struct seen_members {
   bool algorithm, key_id, bson_type;
} seen_members;

static bool
first_time (fg_schema *schema, const char *owner, const fg_element *member, bool *seen)
{
   if (*seen) {
      fg_parse_error (schema->parser, SERVER_DUPLICATE_FIELD, "BSON field '%s.%s' is a duplicate field", owner,
                      member->name);
      return false;
   }
   *seen = true;
   return true;
}

static bool
check_member (fg_schema *schema, const char *owner, const fg_element *member, seen_members *seen, fg_node *encrypted)
{
   if (strcmp (member->name, "algorithm") == 0) {
      return first_time (schema, owner, member, &seen->algorithm) && check_algorithm (schema, owner, &member->value);
   }
   if (strcmp (member->name, "keyId") == 0) {
      return first_time (schema, owner, member, &seen->key_id) && check_key_id (schema, &member->value);
   }
   if (encrypted && strcmp (member->name, "bsonType") == 0) {
      encrypted->u.encrypted.typed = true;
      return first_time (schema, owner, member, &seen->bson_type) &&
             fg_parse_schema_types (schema->parser, member, false, true, &encrypted->u.encrypted.types);
   }
   fg_parse_error (schema->parser, SERVER_UNKNOWN_FIELD, "BSON field '%s.%s' is an unknown field.", owner,
                   member->name);
   return false;
}

static bool
check_members (fg_schema *schema, const fg_element *keyword, fg_node *encrypted)
{
   fg_cursor cursor;
   fg_element member;
   seen_members seen = {false, false, false};

   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &member)) {
      if (!check_member (schema, keyword->name, &member, &seen, encrypted)) {
         return false;
      }
   }
   return true;
}

static bool
parse_encrypt (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_ENCRYPT];

   if (keyword->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'encrypt' must be an object ");
   }
   fg_node *node = fg_schema_leaf (schema, N_ENCRYPTED, keyword, 0);
   if (!node || !check_members (schema, keyword, node)) {
      return false;
   }
   schema->parser->matcher->has_encrypt = true;
   fg_schema_add (schema, node);
   return true;
}

static bool
parse_metadata (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_ENCRYPT_METADATA];

   if (keyword->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'encryptMetadata' must be an object ");
   }
   if (fg_parse_count (&keyword->value) == 0) {
      return fg_schema_bad_parse (schema, "$jsonSchema keyword 'encryptMetadata' cannot be an empty object ");
   }
   return check_members (schema, keyword, NULL);
}

bool
fg_parse_schema_encryption (fg_schema *schema)
{
   bool encrypt = fg_schema_has (schema, KW_ENCRYPT);
   bool metadata = fg_schema_has (schema, KW_ENCRYPT_METADATA);

   if (!encrypt && !metadata) {
      return true;
   }
   if (schema->parser->flags & FG_MATCHER_NO_ENCRYPT_KEYWORDS) {
      return fail (schema, SERVER_FEATURE_NOT_ALLOWED,
                   "Encryption-related validator keywords are not allowed in this context");
   }
   if (encrypt && metadata) {
      return fg_schema_bad_parse (schema, "Cannot specify both $jsonSchema keywords 'encrypt' and 'encryptMetadata'");
   }
   return encrypt ? parse_encrypt (schema) : parse_metadata (schema);
}
