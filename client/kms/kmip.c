/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kmip.h"
#include "client/kms/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * KMIP over TLS. Plain: the server keeps 96 bytes as a secret, hands them out, and the wrapping is done here, as with a local key. Delegated: the server keeps an AES key, which
 * never leaves it, and wraps and unwraps itself; keyMaterial is then the IV and what the server returned.
 */

typedef struct kmip_state {
   char endpoint[256];
} kmip_state;

static void
kmip_clear (fg_kms_provider *provider)
{
   free (provider->state);
}

static bool
kmip_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const names[] = {"endpoint", NULL};
   const char *endpoint = fg_bson_text (config, "endpoint");
   kmip_state *s = calloc (1, sizeof *s);

   provider->state = s;
   if (!s) {
      return fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
   }
   if (!fg_config_only (provider, config, names, err)) {
      return false;
   }
   return (endpoint && fg_endpoint_check (endpoint, true) &&
           fg_endpoint_copy (endpoint, s->endpoint, sizeof s->endpoint - 6)) ||
          fg_kms_error (err, FG_E_INVALID, provider, "configuration field `endpoint`: missing or invalid endpoint");
}

/* One exchange; *reply owns what *payload views. */
static bool
exchange (fg_kms_provider *provider, const bson_t *master_key, const fg_kmip_request *request, fg_secret **reply,
          fg_ttlv *payload, fg_error *err)
{
   const kmip_state *s = provider->state;
   const char *own = fg_bson_text (master_key, "endpoint");
   char endpoint[256];
   fg_ttlv_writer w;
   fg_error inner = {0};

   *reply = NULL;
   if (!fg_endpoint_copy (own ? own : s->endpoint, endpoint, sizeof endpoint - 6)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "invalid endpoint");
   }
   if (!strchr (endpoint, ':')) {
      size_t n = strlen (endpoint);
      snprintf (endpoint + n, sizeof endpoint - n, ":5696");
   }
   bool ok = fg_kmip_build (request, &w, err);
   if (ok && !provider->io->kmip (provider->io->ctx, &provider->tls, provider->timeout_ms, endpoint, w.out->bytes,
                                  w.len, reply, &inner)) {
      ok = fg_kms_error (err, inner.code, provider, "%s: %s", endpoint, inner.message);
   }
   fg_secret_free (w.out);
   ok = ok && fg_kmip_read (provider, request->operation, (*reply)->bytes, (*reply)->len, payload, err);
   if (!ok) {
      fg_secret_free (*reply);
      *reply = NULL;
   }
   return ok;
}

/* --- the master key ---------------------------------------------------------------------------------------------------- */

/* Register or Create, then Activate. */
static bool
make_master_key (fg_kms_provider *provider, const bson_t *master_key, const fg_kmip_request *creation,
                 char id[FG_KMIP_ID_MAX], fg_error *err)
{
   const fg_kmip_request activation = {.operation = FG_KMIP_ACTIVATE, .id = id};
   fg_secret *reply = NULL;
   fg_ttlv payload;

   bool ok =
      exchange (provider, master_key, creation, &reply, &payload, err) && fg_kmip_read_id (provider, &payload, id, err);
   fg_secret_free (reply);
   ok = ok && exchange (provider, master_key, &activation, &reply, &payload, err);
   if (ok) {
      fg_secret_free (reply);
   }
   return ok;
}

static bool
register_secret (fg_kms_provider *provider, const bson_t *master_key, char id[FG_KMIP_ID_MAX], fg_error *err)
{
   fg_secret *secret = fg_secret_new (FG_DATA_KEY_LEN, err);
   bool ok = secret && fg_random_private (secret->bytes, FG_DATA_KEY_LEN, err);

   if (ok) {
      const fg_kmip_request creation = {.operation = FG_KMIP_REGISTER, .data = secret->bytes, .len = secret->len};
      ok = make_master_key (provider, master_key, &creation, id, err);
   }
   fg_secret_free (secret);
   return ok;
}

static fg_data_key *
get_master_key (fg_kms_provider *provider, const bson_t *master_key, const char *id, fg_error *err)
{
   const fg_kmip_request request = {.operation = FG_KMIP_GET, .id = id};
   fg_secret *reply = NULL;
   fg_ttlv payload;
   const uint8_t *bytes = NULL;
   fg_data_key *key = NULL;

   if (exchange (provider, master_key, &request, &reply, &payload, err) &&
       fg_kmip_read_secret (provider, &payload, &bytes, err)) {
      key = fg_data_key_new (bytes, err);
   }
   fg_secret_free (reply);
   return key;
}

/* --- wrapping ---------------------------------------------------------------------------------------------------------- */

static bool
plain_wrap (fg_kms_provider *provider, const bson_t *master_key, const char *id, const uint8_t dek[FG_DATA_KEY_LEN],
            fg_wrapped *wrapped, fg_error *err)
{
   fg_data_key *master = get_master_key (provider, master_key, id, err);
   bool ok = master && fg_kms_seal_with (master, dek, wrapped, err);

   fg_data_key_free (master);
   return ok;
}

static bool
delegated_wrap (fg_kms_provider *provider, const bson_t *master_key, const char *id, const uint8_t dek[FG_DATA_KEY_LEN],
                fg_wrapped *wrapped, fg_error *err)
{
   const fg_kmip_request request = {.operation = FG_KMIP_ENCRYPT, .id = id, .data = dek, .len = FG_DATA_KEY_LEN};
   fg_secret *reply = NULL;
   fg_ttlv payload;
   const uint8_t *data = NULL;
   const uint8_t *iv = NULL;
   size_t len = 0;

   bool ok = exchange (provider, master_key, &request, &reply, &payload, err) &&
             fg_kmip_read_data (provider, &payload, &data, &len, &iv, err);
   if (ok && len > sizeof wrapped->bytes - 16) {
      ok = fg_kms_error (err, FG_E_TOO_LARGE, provider, "the wrapped key has %zu bytes", len);
   }
   if (ok) {
      memcpy (wrapped->bytes, iv, 16);
      memcpy (wrapped->bytes + 16, data, len);
      wrapped->len = 16 + len;
   }
   fg_secret_free (reply);
   return ok;
}

static bool
kmip_wrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN], fg_wrapped *wrapped,
           fg_error *err)
{
   const fg_kmip_request creation = {.operation = FG_KMIP_CREATE};
   const char *id = fg_bson_text (master_key, "keyId");
   bool delegated = fg_bson_true (master_key, "delegated");

   if (!id) {
      bool made = delegated ? make_master_key (provider, master_key, &creation, wrapped->key_id, err)
                            : register_secret (provider, master_key, wrapped->key_id, err);
      if (!made) {
         return false;
      }
      id = wrapped->key_id;
   }
   return delegated ? delegated_wrap (provider, master_key, id, dek, wrapped, err)
                    : plain_wrap (provider, master_key, id, dek, wrapped, err);
}

static bool
delegated_unwrap (fg_kms_provider *provider, const bson_t *master_key, const char *id, const uint8_t *wrapped,
                  size_t len, fg_secret **dek, fg_error *err)
{
   if (len <= 16) {
      return fg_kms_error (err, FG_E_INVALID, provider, "keyMaterial has %zu bytes, too few for an IV and a key", len);
   }
   const fg_kmip_request request = {
      .operation = FG_KMIP_DECRYPT, .id = id, .data = wrapped + 16, .len = len - 16, .iv = wrapped};
   fg_secret *reply = NULL;
   fg_ttlv payload;
   const uint8_t *data = NULL;
   size_t n = 0;

   if (exchange (provider, master_key, &request, &reply, &payload, err) &&
       fg_kmip_read_data (provider, &payload, &data, &n, NULL, err)) {
      *dek = fg_secret_copy (data, n, err);
   }
   fg_secret_free (reply);
   return *dek != NULL;
}

static bool
kmip_unwrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t *wrapped, size_t len, fg_secret **dek,
             fg_error *err)
{
   const char *id = fg_bson_text (master_key, "keyId");

   if (fg_bson_true (master_key, "delegated")) {
      return delegated_unwrap (provider, master_key, id, wrapped, len, dek, err);
   }
   fg_data_key *master = get_master_key (provider, master_key, id, err);
   bool ok = master && fg_kms_open_with (provider, master, wrapped, len, dek, err);
   fg_data_key_free (master);
   return ok;
}

bool
fg_kms_kmip_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kmip_request *request,
                  fg_secret **reply, fg_ttlv *payload, fg_error *err)
{
   return exchange (provider, master_key, request, reply, payload, err);
}

static const fg_master_key_field kmip_fields[] = {
   {.name = "endpoint", .kind = FG_FIELD_ENDPOINT_ANY_HOST},
   {.name = "delegated", .kind = FG_FIELD_TRUE},
   {.name = "keyId", .kind = FG_FIELD_TEXT, .filled_by_wrap = true},
   {.name = NULL},
};

const fg_kms_ops fg_kms_kmip = {
   .type = "kmip",
   .fields = kmip_fields,
   .configure = kmip_configure,
   .wrap = kmip_wrap,
   .unwrap = kmip_unwrap,
   .clear = kmip_clear,
   .lifecycle = &fg_kms_kmip_lifecycle,
};
