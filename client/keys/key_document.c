/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_document.h"

#include "base/base.h"

#include <time.h>

#define MATERIAL_MAX 65536u /* no KMS answers with more */

static bool
bad (fg_error *err, const char *field, const char *what)
{
   return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, field, "key document: `%s` %s", field, what);
}

/* --- one reader a field --------------------------------------------------------------------------------------------- */

static bool
read_id (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;

   if (!BSON_ITER_HOLDS_BINARY (iter)) {
      return bad (err, "_id", "is no UUID");
   }
   bson_iter_binary (iter, &subtype, &len, &data);
   if (subtype != BSON_SUBTYPE_UUID || len != FG_KEY_ID_LEN) {
      return bad (err, "_id", "is no UUID");
   }
   memcpy (doc->id, data, FG_KEY_ID_LEN);
   return true;
}

static bool
read_material (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   bson_subtype_t subtype;
   uint32_t len;

   if (!BSON_ITER_HOLDS_BINARY (iter)) {
      return bad (err, "keyMaterial", "is no binary of subtype 0");
   }
   bson_iter_binary (iter, &subtype, &len, &doc->material);
   if (subtype != BSON_SUBTYPE_BINARY || len == 0 || len > MATERIAL_MAX) {
      return bad (err, "keyMaterial", "is no binary of subtype 0 with 1 to 65536 bytes");
   }
   doc->material_len = len;
   return true;
}

static bool
read_creation (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   if (!BSON_ITER_HOLDS_DATE_TIME (iter)) {
      return bad (err, "creationDate", "is no date");
   }
   doc->creation_ms = bson_iter_date_time (iter);
   return true;
}

static bool
read_update (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   if (!BSON_ITER_HOLDS_DATE_TIME (iter)) {
      return bad (err, "updateDate", "is no date");
   }
   doc->update_ms = bson_iter_date_time (iter);
   return true;
}

/* Drivers write 0 and ignore what they read. */
static bool
read_status (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   (void)doc;
   return BSON_ITER_HOLDS_INT (iter) || bad (err, "status", "is no integer");
}

static bool
read_version (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   (void)doc;
   return (BSON_ITER_HOLDS_INT (iter) && bson_iter_as_int64 (iter) == 0) ||
          bad (err, "version", "is not 0: written by something newer");
}

static bool
read_master_key (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   const uint8_t *data;
   uint32_t len;
   bson_iter_t provider;

   if (!BSON_ITER_HOLDS_DOCUMENT (iter)) {
      return bad (err, "masterKey", "is no document");
   }
   bson_iter_document (iter, &len, &data);
   if (!bson_init_static (&doc->master_key, data, len) ||
       !bson_iter_init_find (&provider, &doc->master_key, "provider") || !BSON_ITER_HOLDS_UTF8 (&provider)) {
      return bad (err, "masterKey", "names no provider");
   }
   doc->provider = bson_iter_utf8 (&provider, NULL);
   return true;
}

/* The names before this one, which the iterator stands on. */
static bool
name_repeats (const bson_t *names, const bson_iter_t *stop)
{
   const char *name = bson_iter_utf8 (stop, NULL);
   bson_iter_t iter;

   if (!bson_iter_init (&iter, names)) {
      return false;
   }
   while (bson_iter_next (&iter) && bson_iter_key (&iter) != bson_iter_key (stop)) {
      if (strcmp (bson_iter_utf8 (&iter, NULL), name) == 0) {
         return true;
      }
   }
   return false;
}

static bool
read_alt_names (const bson_iter_t *iter, fg_key_document *doc, fg_error *err)
{
   const uint8_t *data;
   uint32_t len;
   bson_iter_t name;

   if (!BSON_ITER_HOLDS_ARRAY (iter)) {
      return bad (err, "keyAltNames", "is no array");
   }
   bson_iter_array (iter, &len, &data);
   if (!bson_init_static (&doc->alt_names, data, len) || !bson_iter_init (&name, &doc->alt_names)) {
      return bad (err, "keyAltNames", "is malformed");
   }
   while (bson_iter_next (&name)) {
      if (!BSON_ITER_HOLDS_UTF8 (&name)) {
         return bad (err, "keyAltNames", "has an element that is no string");
      }
      if (name_repeats (&doc->alt_names, &name)) {
         return bad (err, "keyAltNames", "has a name twice");
      }
      doc->n_alt_names++;
   }
   return true;
}

static const struct {
   const char *name;
   bool required;
   bool (*read) (const bson_iter_t *iter, fg_key_document *doc, fg_error *err);
} fields[] = {
   {"_id", true, read_id},
   {"keyAltNames", false, read_alt_names},
   {"keyMaterial", true, read_material},
   {"creationDate", true, read_creation},
   {"updateDate", true, read_update},
   {"status", true, read_status},
   {"masterKey", true, read_master_key},
   {"version", false, read_version},
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static size_t
field_index (const char *name)
{
   size_t i = 0;

   while (i < N_FIELDS && strcmp (fields[i].name, name) != 0) {
      i++;
   }
   return i;
}

bool
fg_key_document_parse (const bson_t *bson, fg_key_document *doc, fg_error *err)
{
   static const uint8_t empty_array[5] = {5, 0, 0, 0, 0};
   bool seen[N_FIELDS] = {false};
   bson_iter_t iter;

   memset (doc, 0, sizeof *doc);
   if (!bson_init_static (&doc->alt_names, empty_array, sizeof empty_array) ||
       !bson_validate (bson, BSON_VALIDATE_NONE, NULL) || !bson_iter_init (&iter, bson)) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, NULL, "key document: malformed BSON");
   }
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      size_t i = field_index (name);
      if (i == N_FIELDS) {
         return bad (err, name, "is not a field that key documents have");
      }
      if (seen[i]) {
         return bad (err, name, "stands there twice");
      }
      seen[i] = true;
      if (!fields[i].read (&iter, doc, err)) {
         return false;
      }
   }
   for (size_t i = 0; i < N_FIELDS; i++) {
      if (fields[i].required && !seen[i]) {
         return bad (err, fields[i].name, "is missing");
      }
   }
   return true;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static bool
append_index (bson_t *array, size_t i, const char *text)
{
   char buf[16];
   const char *key;
   size_t n = bson_uint32_to_string ((uint32_t)i, &key, buf, sizeof buf);

   return bson_append_utf8 (array, key, (int)n, text, -1);
}

static bool
append_names (bson_t *bson, const char *const *names, size_t n)
{
   bson_t array;
   bool ok = bson_append_array_begin (bson, "keyAltNames", -1, &array);

   for (size_t i = 0; ok && i < n; i++) {
      ok = append_index (&array, i, names[i]);
   }
   return ok && bson_append_array_end (bson, &array);
}

static bson_t *
built (bson_t *bson, bool ok, fg_error *err)
{
   if (!ok) {
      bson_destroy (bson);
      fg_error_set (err, FG_ERROR_KEY, FG_E_TOO_LARGE, NULL, "key document: too large for BSON");
      return NULL;
   }
   return bson;
}

bson_t *
fg_key_document_build (const fg_key_document_parts *parts, fg_error *err)
{
   bson_t *bson = bson_new ();
   bool ok = bson_append_binary (bson, "_id", -1, BSON_SUBTYPE_UUID, parts->id, FG_KEY_ID_LEN);

   if (parts->n_alt_names) {
      ok = ok && append_names (bson, parts->alt_names, parts->n_alt_names);
   }
   ok = ok &&
        bson_append_binary (bson, "keyMaterial", -1, BSON_SUBTYPE_BINARY, parts->material,
                            (uint32_t)parts->material_len) &&
        BSON_APPEND_DATE_TIME (bson, "creationDate", parts->now_ms) &&
        BSON_APPEND_DATE_TIME (bson, "updateDate", parts->now_ms) && BSON_APPEND_INT32 (bson, "status", 0) &&
        BSON_APPEND_DOCUMENT (bson, "masterKey", parts->master_key);
   return built (bson, ok, err);
}

bson_t *
fg_key_document_rewrapped (const bson_t *old, const bson_t *master_key, const uint8_t *material, size_t len,
                           int64_t now_ms, fg_error *err)
{
   bson_t *bson = bson_new ();
   bson_iter_t iter;
   bool ok = bson_iter_init (&iter, old);

   while (ok && bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      if (strcmp (name, "keyMaterial") == 0) {
         ok = bson_append_binary (bson, name, -1, BSON_SUBTYPE_BINARY, material, (uint32_t)len);
      } else if (strcmp (name, "masterKey") == 0) {
         ok = BSON_APPEND_DOCUMENT (bson, name, master_key);
      } else if (strcmp (name, "updateDate") == 0) {
         ok = BSON_APPEND_DATE_TIME (bson, name, now_ms);
      } else {
         ok = bson_append_iter (bson, NULL, 0, &iter);
      }
   }
   return built (bson, ok, err);
}

/* The names of names, without `without`, then `with`; either may be NULL. */
static bool
append_changed_names (bson_t *bson, const fg_key_document *doc, const char *with, const char *without)
{
   bson_t array = BSON_INITIALIZER;
   bson_iter_t iter;
   size_t n = 0;
   bool ok = bson_iter_init (&iter, &doc->alt_names);

   while (ok && bson_iter_next (&iter)) {
      const char *name = bson_iter_utf8 (&iter, NULL);
      if (!without || strcmp (name, without) != 0) {
         ok = append_index (&array, n++, name);
      }
   }
   if (with) {
      ok = ok && append_index (&array, n++, with);
   }
   if (n) {
      ok = ok && BSON_APPEND_ARRAY (bson, "keyAltNames", &array);
   }
   bson_destroy (&array);
   return ok;
}

static bson_t *
with_names_changed (const bson_t *old, const char *with, const char *without, fg_error *err)
{
   fg_key_document doc;
   bson_iter_t iter;

   if (!fg_key_document_parse (old, &doc, err)) {
      return NULL;
   }
   if (with && fg_key_document_has_name (&doc, with)) {
      with = NULL;
   }
   bson_t *bson = bson_new ();
   bool ok = bson_iter_init (&iter, old);
   while (ok && bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      ok = strcmp (name, "keyAltNames") == 0 || bson_append_iter (bson, NULL, 0, &iter);
      if (strcmp (name, "_id") == 0) {
         ok = ok && append_changed_names (bson, &doc, with, without);
      }
   }
   return built (bson, ok, err);
}

bson_t *
fg_key_document_with_name (const bson_t *old, const char *name, fg_error *err)
{
   return with_names_changed (old, name, NULL, err);
}

bson_t *
fg_key_document_without_name (const bson_t *old, const char *name, fg_error *err)
{
   return with_names_changed (old, NULL, name, err);
}

bool
fg_key_document_has_name (const fg_key_document *doc, const char *name)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, &doc->alt_names)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (strcmp (bson_iter_utf8 (&iter, NULL), name) == 0) {
         return true;
      }
   }
   return false;
}

/* --- identifiers and time ------------------------------------------------------------------------------------------- */

void
fg_uuid_text (const uint8_t id[FG_KEY_ID_LEN], char text[FG_UUID_TEXT_LEN])
{
   static const char digits[] = "0123456789abcdef";
   size_t n = 0;

   for (size_t i = 0; i < FG_KEY_ID_LEN; i++) {
      if (i == 4 || i == 6 || i == 8 || i == 10) {
         text[n++] = '-';
      }
      text[n++] = digits[id[i] >> 4];
      text[n++] = digits[id[i] & 15];
   }
   text[n] = '\0';
}

static int
hex_digit (char c)
{
   if (c >= '0' && c <= '9') {
      return c - '0';
   }
   char lower = (char)(c | 0x20);
   return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool
fg_uuid_parse (const char *text, uint8_t id[FG_KEY_ID_LEN])
{
   bool hyphens = strlen (text) == FG_UUID_TEXT_LEN - 1;
   size_t n = 0;

   if (!hyphens && strlen (text) != 2 * FG_KEY_ID_LEN) {
      return false;
   }
   for (size_t i = 0; i < FG_KEY_ID_LEN; i++) {
      if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10) && text[n++] != '-') {
         return false;
      }
      int high = hex_digit (text[n]);
      int low = high < 0 ? -1 : hex_digit (text[n + 1]);
      if (low < 0) {
         return false;
      }
      id[i] = (uint8_t)(high << 4 | low);
      n += 2;
   }
   return true;
}

int64_t
fg_now_ms (void)
{
   struct timespec now;

   clock_gettime (CLOCK_REALTIME, &now);
   return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
