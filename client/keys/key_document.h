/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEY_DOCUMENT_H
#define FG_CLIENT_KEY_DOCUMENT_H

/*
 * Key documents, as libmongocrypt writes them: _id, keyAltNames (left out when there are none), keyMaterial, creationDate, updateDate, status, masterKey {provider,
 * ...}. Reading refuses what it does not know, so that a document with a meaning we miss is never used as if it had none.
 */

#include <bson/bson.h>
#include <fieldguard/client.h>

/* Views into the document that was parsed. */
typedef struct fg_key_document {
   uint8_t id[FG_KEY_ID_LEN];
   const uint8_t *material;
   size_t material_len;
   int64_t creation_ms;
   int64_t update_ms;
   bson_t master_key;
   const char *provider; /* "local", "aws:eu", ... */
   bson_t alt_names; /* an array of strings; empty when there are none */
   size_t n_alt_names;
} fg_key_document;

bool fg_key_document_parse (const bson_t *bson, fg_key_document *doc, fg_error *err) FG_WARN_UNUSED;

typedef struct fg_key_document_parts {
   const uint8_t *id;
   const char *const *alt_names;
   size_t n_alt_names;
   const uint8_t *material;
   size_t material_len;
   int64_t now_ms;
   const bson_t *master_key;
} fg_key_document_parts;

/* A new document (bson_destroy). */
bson_t *fg_key_document_build (const fg_key_document_parts *parts, fg_error *err) FG_WARN_UNUSED;

/* A copy with another wrapping and updateDate. */
bson_t *fg_key_document_rewrapped (const bson_t *bson, const bson_t *master_key, const uint8_t *material, size_t len,
                                   int64_t now_ms, fg_error *err) FG_WARN_UNUSED;
/* A copy with the name added (unless it is there) or removed; an empty list of names is no list. */
bson_t *fg_key_document_with_name (const bson_t *bson, const char *name, fg_error *err) FG_WARN_UNUSED;
bson_t *fg_key_document_without_name (const bson_t *bson, const char *name, fg_error *err) FG_WARN_UNUSED;
bool fg_key_document_has_name (const fg_key_document *doc, const char *name);

/* 8-4-4-4-12 and a NUL. */
#define FG_UUID_TEXT_LEN 37u
void fg_uuid_text (const uint8_t id[FG_KEY_ID_LEN], char text[FG_UUID_TEXT_LEN]);
/* With or without hyphens; any letter case. */
bool fg_uuid_parse (const char *text, uint8_t id[FG_KEY_ID_LEN]) FG_WARN_UNUSED;

/* Milliseconds since 1970. */
int64_t fg_now_ms (void);

#endif /* FG_CLIENT_KEY_DOCUMENT_H */
