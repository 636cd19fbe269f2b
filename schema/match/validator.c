/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/encrypted_fields.h"

#include "base/base.h"
#include "schema/match/explain.h"

#include <stdlib.h>

/* A collection's validation options: the validator in its context, and the implicit validator of encryptedFields. */

struct fg_validator {
   fg_matcher *matcher; /* NULL: none */
   fg_matcher *encrypted_fields; /* NULL: none */
   fg_validation_level level;
   fg_validation_action action;
};

typedef struct options_members {
   fg_value validator, level, action, encrypted_fields;
} options_members;

static bool
take_members (const fg_value *options, options_members *m, fg_error *err)
{
   fg_cursor cursor;
   fg_element element;

   fg_cursor_open (&cursor, options);
   while (fg_cursor_next (&cursor, &element)) {
      if (strcmp (element.name, "validator") == 0) {
         m->validator = element.value;
      } else if (strcmp (element.name, "validationLevel") == 0) {
         m->level = element.value;
      } else if (strcmp (element.name, "validationAction") == 0) {
         m->action = element.value;
      } else if (strcmp (element.name, "encryptedFields") == 0) {
         m->encrypted_fields = element.value;
      }
   }
   return cursor.bad ? fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the options are not well-formed BSON")
                     : true;
}

static bool
wrong_type (fg_error *err, const char *name, uint8_t type, const char *expected)
{
   return fg_error_set (err, FG_ERROR_SERVER, SERVER_TYPE_MISMATCH, name,
                        "BSON field 'create.%s' is the wrong type '%s', expected type '%s'", name, fg_type_name (type),
                        expected);
}

static bool
parse_choice (const fg_value *value, const char *name, const char *const *choices, int *out, fg_error *err)
{
   if (value->type == 0) {
      return true;
   }
   if (value->type != BSON_STRING) {
      return wrong_type (err, name, value->type, "string");
   }
   const char *text = (const char *)value->data + 4;
   for (int i = 0; choices[i]; i++) {
      if (strcmp (text, choices[i]) == 0) {
         *out = i;
         return true;
      }
   }
   return fg_error_set (err, FG_ERROR_SERVER, SERVER_BAD_VALUE, name,
                        "Enumeration value '%s' for field 'create.%s' is not a valid value.", text, name);
}

static bool
parse_level_and_action (fg_validator *validator, const options_members *m, fg_error *err)
{
   static const char *const levels[] = {"strict", "moderate", "off", NULL};
   static const char *const actions[] = {"error", "warn", "errorAndLog", NULL};
   int level = FG_LEVEL_STRICT;
   int action = FG_ACTION_ERROR;

   if (!parse_choice (&m->level, "validationLevel", levels, &level, err) ||
       !parse_choice (&m->action, "validationAction", actions, &action, err)) {
      return false;
   }
   validator->level = (fg_validation_level)level;
   validator->action = (fg_validation_action)action;
   return true;
}

static bool
parse_encrypted_fields (fg_validator *validator, const fg_value *config, fg_error *err)
{
   if (config->type == 0) {
      return true;
   }
   if (config->type != BSON_OBJECT) {
      return wrong_type (err, "encryptedFields", config->type, "object");
   }
   if (!fg_encrypted_fields_compile (config, &validator->encrypted_fields, err)) {
      return false;
   }
   if (!validator->encrypted_fields) {
      return true;
   }
   if (validator->level != FG_LEVEL_STRICT) {
      return fg_error_set (err, FG_ERROR_SERVER, SERVER_BAD_VALUE, "validationLevel",
                           "Validation levels other than 'strict' are not allowed on encrypted collections");
   }
   if (validator->action == FG_ACTION_WARN) {
      return fg_error_set (err, FG_ERROR_SERVER, SERVER_BAD_VALUE, "validationAction",
                           "Validation action of 'warn' is not allowed on encrypted collections");
   }
   return true;
}

static bool
parse_validator (fg_validator *validator, const fg_value *predicate, uint32_t flags, fg_error *err)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;

   if (predicate->type == 0) {
      return true;
   }
   if (predicate->type != BSON_OBJECT) {
      return wrong_type (err, "validator", predicate->type, "object");
   }
   if (predicate->len == 5) {
      return true; /* {} */
   }
   options.context = FG_MATCHER_VALIDATOR;
   options.flags = flags;
   /* So that a plaintext that breaks the rule is not written to the server's log. */
   if (validator->action != FG_ACTION_ERROR || validator->level == FG_LEVEL_MODERATE || validator->encrypted_fields) {
      options.flags |= FG_MATCHER_NO_ENCRYPT_KEYWORDS;
   }
   validator->matcher = fg_matcher_compile (predicate->data, predicate->len, &options, err);
   return validator->matcher != NULL;
}

fg_validator *
fg_validator_compile (const uint8_t *options, size_t len, uint32_t matcher_flags, fg_error *err)
{
   fg_value document = fg_value_of_document (options, len);
   options_members m = {0};
   fg_validator *validator = calloc (1, sizeof *validator);

   if (!validator) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   if (!take_members (&document, &m, err) || !parse_level_and_action (validator, &m, err) ||
       !parse_encrypted_fields (validator, &m.encrypted_fields, err) ||
       !parse_validator (validator, &m.validator, matcher_flags, err)) {
      fg_validator_free (validator);
      return NULL;
   }
   return validator;
}

void
fg_validator_free (fg_validator *validator)
{
   if (!validator) {
      return;
   }
   fg_matcher_free (validator->matcher);
   fg_matcher_free (validator->encrypted_fields);
   free (validator);
}

fg_validation_level
fg_validator_level (const fg_validator *validator)
{
   return validator->level;
}

fg_validation_action
fg_validator_action (const fg_validator *validator)
{
   return validator->action;
}

bool
fg_validator_is_empty (const fg_validator *validator)
{
   return !validator->matcher && !validator->encrypted_fields;
}

bool
fg_validator_has_encrypted_fields (const fg_validator *validator)
{
   return validator->encrypted_fields != NULL;
}

fg_match
fg_validator_check (const fg_validator *validator, const uint8_t *doc, size_t len, fg_error *err)
{
   fg_match result = FG_MATCH_YES;

   if (validator->matcher) {
      result = fg_matcher_check (validator->matcher, doc, len, err);
   }
   if (result == FG_MATCH_YES && validator->encrypted_fields) {
      result = fg_matcher_check (validator->encrypted_fields, doc, len, err);
   }
   return result;
}

/* Whichever half refuses is explained; the encrypted fields last, as they stand in mongod's conjunction. */
bool
fg_validator_explain (const fg_validator *validator, const uint8_t *doc, size_t len, const fg_explain_options *options,
                      bson_t *details, fg_error *err)
{
   fg_value document = fg_value_of_document (doc, len);
   const fg_matcher *matcher = validator->matcher;

   if (!matcher || fg_matcher_check (matcher, doc, len, err) == FG_MATCH_YES) {
      matcher = validator->encrypted_fields;
   }
   if (!matcher) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                           "the document matches: there is nothing to explain");
   }
   return fg_explain_document (matcher, validator->encrypted_fields, &document, options, details, err);
}
