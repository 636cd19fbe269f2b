/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/epoch.h"

#include "client/client_internal.h"
#include "client/keys/key_document.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>

/* --- names of master keys --------------------------------------------------------------------------------------------- */

static void
add (fg_buf *buf, const char *text)
{
   fg_buf_append_str (buf, text ? text : "");
   fg_buf_append (buf, "\n", 1);
}

/* Hosts and Azure's key names: letter case, the scheme and the default port do not matter. */
static void
add_host (fg_buf *buf, const char *text)
{
   char host[256] = "";

   if (text && fg_endpoint_copy (text, host, sizeof host)) {
      size_t n = strlen (host);
      if (n > 4 && strcmp (host + n - 4, ":443") == 0) {
         host[n - 4] = '\0';
      }
   }
   for (char *p = host; *p; p++) {
      *p = (char)tolower ((unsigned char)*p);
   }
   add (buf, host);
}

static void
add_lower (fg_buf *buf, const char *text)
{
   for (; text && *text; text++) {
      char c = (char)tolower ((unsigned char)*text);
      fg_buf_append (buf, &c, 1);
   }
   add (buf, "");
}

static void
name_aws (fg_buf *buf, const char *provider, const bson_t *key)
{
   const char *name = fg_bson_text (key, "key");

   (void)provider;
   add (buf, "aws");
   if (name && strncmp (name, "arn:", 4) != 0) {
      add (buf, fg_bson_text (key, "region"));
   }
   add (buf, name);
}

static void
name_azure (fg_buf *buf, const char *provider, const bson_t *key)
{
   (void)provider;
   add (buf, "azure");
   add_host (buf, fg_bson_text (key, "keyVaultEndpoint"));
   add_lower (buf, fg_bson_text (key, "keyName"));
}

static void
name_gcp (fg_buf *buf, const char *provider, const bson_t *key)
{
   (void)provider;
   add (buf, "gcp");
   add (buf, fg_bson_text (key, "projectId"));
   add (buf, fg_bson_text (key, "location"));
   add (buf, fg_bson_text (key, "keyRing"));
   add (buf, fg_bson_text (key, "keyName"));
}

static void
name_kmip (fg_buf *buf, const char *provider, const bson_t *key)
{
   if (fg_bson_text (key, "keyId")) {
      add (buf, provider);
      add (buf, fg_bson_text (key, "keyId"));
   }
}

static void
name_vault (fg_buf *buf, const char *provider, const bson_t *key)
{
   const char *mount = fg_bson_text (key, "mount");

   add (buf, provider);
   add (buf, mount ? mount : "transit");
   add (buf, fg_bson_text (key, "key"));
}

static void
name_local (fg_buf *buf, const char *provider, const bson_t *key)
{
   (void)key;
   add (buf, provider);
}

static const struct {
   const char *type;
   void (*name) (fg_buf *buf, const char *provider, const bson_t *key);
} types[] = {
   {"aws", name_aws},   {"azure", name_azure}, {"gcp", name_gcp},
   {"kmip", name_kmip}, {"vault", name_vault}, {"local", name_local},
};
#define N_TYPES (sizeof types / sizeof types[0])

bool
fg_epoch_id (const char *provider, const bson_t *master_key, char id[FG_EPOCH_ID_LEN], fg_error *err)
{
   size_t len = strcspn (provider, ":");
   bson_t none = BSON_INITIALIZER;
   uint8_t digest[32];
   fg_buf name = {0};
   size_t i = 0;

   id[0] = '\0';
   while (i < N_TYPES && (strlen (types[i].type) != len || strncmp (types[i].type, provider, len) != 0)) {
      i++;
   }
   if (i == N_TYPES) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_UNSUPPORTED, provider, "no KMS provider is called `%s`", provider);
   }
   types[i].name (&name, provider, master_key ? master_key : &none);
   bool ok =
      !name.failed && (name.len == 0 || EVP_Digest (name.data, name.len, digest, NULL, EVP_sha256 (), NULL) == 1);
   for (size_t n = 0; ok && name.len && n < (FG_EPOCH_ID_LEN - 1) / 2; n++) {
      snprintf (id + 2 * n, 3, "%02x", digest[n]);
   }
   fg_buf_free (&name);
   return ok || fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
}

bool
fg_epoch_id_of_stored (const bson_t *master_key, char id[FG_EPOCH_ID_LEN], fg_error *err)
{
   const char *provider = fg_bson_text (master_key, "provider");

   id[0] = '\0';
   return provider ? fg_epoch_id (provider, master_key, id, err)
                   : fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, "masterKey", "masterKey names no provider");
}

/* --- reading the marker ------------------------------------------------------------------------------------------------ */

typedef struct reading {
   fg_epochs *epochs;
   uint32_t n;
   bool ok;
   fg_error *err;
} reading;

static bool
read_marker (void *ctx, const bson_t *bson)
{
   reading *r = ctx;
   fg_key_document doc;
   bson_iter_t iter;
   char buf[16];
   const char *key;

   r->ok = fg_key_document_parse (bson, &doc, r->err) && bson_iter_init (&iter, &doc.alt_names);
   if (!r->ok) {
      return false;
   }
   r->epochs->found = true;
   memcpy (r->epochs->marker, doc.id, FG_KEY_ID_LEN);
   while (r->ok && bson_iter_next (&iter)) {
      size_t n = bson_uint32_to_string (r->n++, &key, buf, sizeof buf);
      r->ok = bson_append_utf8 (r->epochs->names, key, (int)n, bson_iter_utf8 (&iter, NULL), -1) ||
              fg_error_set (r->err, FG_ERROR_KEY, FG_E_TOO_LARGE, NULL, "the epoch marker has too many names");
   }
   return r->ok;
}

bool
fg_epochs_load (fg_key_vault *vault, fg_epochs *epochs, fg_error *err)
{
   static const char *const name = FG_EPOCH_MARKER;
   reading r = {.epochs = epochs, .ok = true, .err = err};

   memset (epochs, 0, sizeof *epochs);
   epochs->names = bson_new ();
   if (!vault->ops->find (vault->self, NULL, 0, &name, 1, read_marker, &r, err) || !r.ok) {
      fg_epochs_clear (epochs);
      return false;
   }
   return true;
}

void
fg_epochs_clear (fg_epochs *epochs)
{
   bson_destroy (epochs->names);
   memset (epochs, 0, sizeof *epochs);
}

fg_epoch_state
fg_epochs_state (const fg_epochs *epochs, const char *id)
{
   fg_epoch_state state = FG_EPOCH_OPEN;
   bson_iter_t iter;

   if (!id[0] || !epochs->names || !bson_iter_init (&iter, epochs->names)) {
      return FG_EPOCH_OPEN;
   }
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_utf8 (&iter, NULL);
      if (strncmp (name, FG_EPOCH_DESTROYED_PREFIX, sizeof FG_EPOCH_DESTROYED_PREFIX - 1) == 0 &&
          strcmp (name + sizeof FG_EPOCH_DESTROYED_PREFIX - 1, id) == 0) {
         return FG_EPOCH_DESTROYED;
      }
      if (strncmp (name, FG_EPOCH_CLOSED_PREFIX, sizeof FG_EPOCH_CLOSED_PREFIX - 1) == 0 &&
          strcmp (name + sizeof FG_EPOCH_CLOSED_PREFIX - 1, id) == 0) {
         state = FG_EPOCH_CLOSED;
      }
   }
   return state;
}

bool
fg_epoch_must_be_open (fg_key_vault *vault, const char *provider, const bson_t *master_key, fg_error *err)
{
   char id[FG_EPOCH_ID_LEN];
   fg_epochs epochs;

   if (!fg_epoch_id (provider, master_key, id, err)) {
      return false;
   }
   if (!id[0]) {
      return true;
   }
   if (!fg_epochs_load (vault, &epochs, err)) {
      return false;
   }
   fg_epoch_state state = fg_epochs_state (&epochs, id);
   fg_epochs_clear (&epochs);
   return state == FG_EPOCH_OPEN ||
          fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, provider,
                        "this master key of `%s` is a%s epoch of the key vault: nothing is wrapped under it any more; "
                        "name the new epoch's master key",
                        provider, state == FG_EPOCH_CLOSED ? " closed" : " destroyed");
}

bool
fg_epoch_is_marker (const bson_t *key_document)
{
   fg_key_document doc;

   return fg_key_document_parse (key_document, &doc, NULL) && fg_key_document_has_name (&doc, FG_EPOCH_MARKER);
}

/* --- writing it -------------------------------------------------------------------------------------------------------- */

/* A driver's createDataKey made by us: another client may win the race for the name, which is as good. */
static bool
make_marker (fg_client *client, const char *name, const char *provider, const bson_t *master_key, fg_error *err)
{
   const char *const names[] = {FG_EPOCH_MARKER, name};
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   uint8_t id[FG_KEY_ID_LEN];
   fg_error inner = {0};

   options.master_key = master_key;
   options.key_alt_names = names;
   options.n_key_alt_names = 2;
   if (fg_client_create_data_key (client, provider, &options, id, &inner) || inner.code == FG_E_EXISTS) {
      return true;
   }
   if (err) {
      *err = inner;
   }
   return false;
}

static bool
add_to_marker (fg_client *client, const uint8_t marker[FG_KEY_ID_LEN], const char *name, fg_error *err)
{
   bson_t *previous = NULL;
   bool ok = fg_client_add_key_alt_name (client, marker, name, &previous, err) &&
             (previous || fg_error_set (err, FG_ERROR_KEY, FG_E_NOT_FOUND, FG_EPOCH_MARKER,
                                        "the epoch marker was deleted meanwhile: run the command again"));

   bson_destroy (previous);
   return ok;
}

bool
fg_epoch_mark (fg_client *client, const char id[FG_EPOCH_ID_LEN], fg_epoch_state state, const char *provider,
               const bson_t *master_key, fg_error *err)
{
   char name[sizeof FG_EPOCH_DESTROYED_PREFIX + FG_EPOCH_ID_LEN];
   fg_epochs epochs;

   snprintf (name, sizeof name, "%s%s",
             state == FG_EPOCH_DESTROYED ? FG_EPOCH_DESTROYED_PREFIX : FG_EPOCH_CLOSED_PREFIX, id);
   /* Twice: the first time round the marker may have to be made. */
   for (int round = 0; round < 2; round++) {
      if (!fg_epochs_load (client->vault, &epochs, err)) {
         return false;
      }
      bool found = epochs.found;
      bool done = fg_epochs_state (&epochs, id) >= state;
      uint8_t marker[FG_KEY_ID_LEN];
      memcpy (marker, epochs.marker, sizeof marker);
      fg_epochs_clear (&epochs);
      if (done) {
         return true;
      }
      if (found ? !add_to_marker (client, marker, name, err) : !make_marker (client, name, provider, master_key, err)) {
         return false;
      }
   }
   if (!fg_epochs_load (client->vault, &epochs, err)) {
      return false;
   }
   bool done = fg_epochs_state (&epochs, id) >= state;
   fg_epochs_clear (&epochs);
   return done || fg_error_set (err, FG_ERROR_KEY, FG_E_IO, FG_EPOCH_MARKER, "the epoch marker was not written");
}
