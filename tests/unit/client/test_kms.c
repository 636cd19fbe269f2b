/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kms.h"
#include "tests/unit/client/vectors.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <strings.h>

const char *const fg_suite_name = "client.kms";

/* --- a world that plays recorded exchanges ----------------------------------------------------------------------------- */

typedef struct step {
   const char *endpoint; /* NULL: any */
   const char *request; /* the recorded HTTP request; NULL: any */
   const char *reply; /* HTTP; NULL: a network failure */
   const char *reply_hex; /* KMIP */
   const char *request_hex;
} step;

typedef struct world {
   const step *steps;
   size_t n;
   size_t at;
   int64_t now;
   size_t pauses;
   bool differs;
} world;

static void
complain (world *w, const char *what, const char *got)
{
   fprintf (stderr, "exchange %zu: %s differs: %s\n", w->at, what, got);
   w->differs = true;
}

/* The value of a recorded header, NULL when it is not there. */
static bool
sent_header (const fg_http_request *request, const char *line, size_t len)
{
   const char *colon = memchr (line, ':', len);
   size_t name_len = (size_t)(colon - line);
   const char *value = colon + 1 + strspn (colon + 1, " ");
   size_t value_len = len - (size_t)(value - line);

   for (size_t i = 0; i < request->n_headers; i++) {
      const fg_http_header *h = &request->headers[i];
      if (strlen (h->name) == name_len && strncasecmp (h->name, line, name_len) == 0) {
         return strlen (h->value) == value_len && memcmp (h->value, value, value_len) == 0;
      }
   }
   return false;
}

/* Connection and the two that the transport writes are not ours; a Host without its port and what is signed over it differ on purpose in one recording. */
static bool
to_be_ignored (const char *line)
{
   static const char *const names[] = {"Connection:", "Content-Length:", "Host:", "Authorization: AWS4"};

   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strncasecmp (line, names[i], strlen (names[i])) == 0) {
         return true;
      }
   }
   return false;
}

static void
compare_http (world *w, const char *recorded, const fg_http_request *request)
{
   char first[2200];
   const char *line = strstr (recorded, "\r\n") + 2;
   const char *body = strstr (recorded, "\r\n\r\n") + 4;

   snprintf (first, sizeof first, "%s %s HTTP/1.1\r\n", request->method, request->path);
   if (strncmp (recorded, first, strlen (first)) != 0) {
      complain (w, "request line", first);
   }
   while (line < body - 2) {
      size_t len = strcspn (line, "\r");
      if (!to_be_ignored (line) && !sent_header (request, line, len)) {
         complain (w, "header", line);
      }
      line += len + 2;
   }
   /* Where upstream leaves out the escaping of a form or keeps base64url's padding, and where the key is not ours, bodies are compared by the test. */
   if (!strstr (body, "client_secret=") && !strstr (body, "assertion=") && !strstr (body, "=\"}") &&
       (strlen (body) != request->body_len || memcmp (body, request->body, request->body_len) != 0)) {
      complain (w, "body", "(withheld)");
   }
}

static bool
play_http (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request,
           fg_http_reply *reply, fg_io_failure *failure, fg_error *err)
{
   world *w = ctx;

   (void)tls;
   (void)timeout_ms;
   if (w->at >= w->n) {
      complain (w, "number of requests", request->path);
      *failure = FG_IO_FATAL;
      return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "no more");
   }
   const step *s = &w->steps[w->at++];
   if (s->endpoint && strncmp (s->endpoint, request->endpoint, strcspn (request->endpoint, ":")) != 0) {
      complain (w, "endpoint", request->endpoint);
   }
   if (s->request) {
      compare_http (w, s->request, request);
   }
   if (!s->reply) {
      *failure = FG_IO_NETWORK;
      return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "connection reset");
   }
   const char *body = strstr (s->reply, "\r\n\r\n");
   reply->status = strtol (s->reply + 9, NULL, 10);
   reply->len = body ? strlen (body + 4) : 0;
   if (reply->len) {
      memcpy (reply->body->bytes, body + 4, reply->len);
   }
   return true;
}

static bool
play_kmip (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const char *endpoint, const uint8_t *message,
           size_t len, fg_secret **reply, fg_error *err)
{
   world *w = ctx;
   uint8_t bytes[2048];

   (void)tls;
   (void)timeout_ms;
   if (w->at >= w->n) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "no more");
   }
   const step *s = &w->steps[w->at++];
   if (s->endpoint && strcmp (s->endpoint, endpoint) != 0) {
      complain (w, "endpoint", endpoint);
   }
   size_t n = s->request_hex ? unhex (s->request_hex, bytes, sizeof bytes) : 0;
   /* Register carries 96 random bytes at its end. */
   size_t compare = n > 96 && bytes[0x5B] == 3 ? n - 96 : n;
   if (s->request_hex && (n != len || memcmp (bytes, message, compare) != 0)) {
      complain (w, "KMIP request", s->request_hex);
   }
   n = unhex (s->reply_hex, bytes, sizeof bytes);
   *reply = fg_secret_copy (bytes, n, err);
   return *reply != NULL;
}

static int64_t
play_now (void *ctx)
{
   return ((world *)ctx)->now;
}

static void
play_pause (void *ctx, int64_t ms)
{
   world *w = ctx;

   w->pauses++;
   if (ms < 0 || ms > 20000) {
      complain (w, "pause", "too long");
   }
}

static fg_kms_io
io_of (world *w)
{
   return (fg_kms_io){.ctx = w, .http = play_http, .kmip = play_kmip, .now = play_now, .pause_ms = play_pause};
}

/* --- providers as the recordings had them ------------------------------------------------------------------------------ */

static bson_t *
from_json (const char *json)
{
   bson_t *bson = bson_new_from_json ((const uint8_t *)json, -1, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (bson);
   return bson;
}

/* The recordings' RSA key is not here: its signature is not compared. */
static bson_t *
gcp_config (void)
{
   EVP_PKEY *key = EVP_RSA_gen (2048);
   PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8 (key);
   uint8_t *der = NULL;
   int len = i2d_PKCS8_PRIV_KEY_INFO (info, &der);
   bson_t *config = BCON_NEW ("gcp", "{", "email", BCON_UTF8 ("sa@proj.iam.gserviceaccount.com"), "privateKey",
                              BCON_BIN (BSON_SUBTYPE_BINARY, der, (uint32_t)len), "}");

   OPENSSL_free (der);
   PKCS8_PRIV_KEY_INFO_free (info);
   EVP_PKEY_free (key);
   return config;
}

static bson_t *
config_for (const char *name)
{
   if (strncmp (name, "gcp", 3) == 0) {
      return gcp_config ();
   }
   if (strcmp (name, "azure-unwrap-accessToken") == 0) {
      return from_json ("{\"azure\": {\"accessToken\": \"GIVEN\"}}");
   }
   if (strncmp (name, "azure", 5) == 0) {
      return from_json (
         "{\"azure\": {\"tenantId\": \"tenant\", \"clientId\": \"client id&\", \"clientSecret\": \"se cret+/=\"}}");
   }
   if (strcmp (name, "kmip-register") == 0) {
      return from_json ("{\"kmip\": {\"endpoint\": \"kmip.example.com\"}}");
   }
   if (strncmp (name, "kmip", 4) == 0) {
      return from_json ("{\"kmip\": {\"endpoint\": \"localhost:5696\"}}");
   }
   return strstr (name, "token")
             ? from_json ("{\"aws\": {\"accessKeyId\": \"AKIDEXAMPLE\", \"secretAccessKey\": \"s\", \"sessionToken\": "
                          "\"sess\"}}")
             : from_json ("{\"aws\": {\"accessKeyId\": \"AKIDEXAMPLE\", \"secretAccessKey\": \"s\"}}");
}

static const char *
stored_key_for (const char *name)
{
   if (strcmp (name, "aws-decrypt") == 0) {
      return "{\"provider\": \"aws\", \"region\": \"us-east-1\", \"key\": \"arn:aws:kms:us-east-1:1:key/k\"}";
   }
   if (strcmp (name, "aws-decrypt-token-endpoint") == 0) {
      return "{\"provider\": \"aws\", \"region\": \"us-east-1\", \"key\": \"arn:aws:kms:us-east-1:1:key/k\", "
             "\"endpoint\": \"kms.example.com:8443\"}";
   }
   if (strcmp (name, "azure-unwrap") == 0) {
      return "{\"provider\": \"azure\", \"keyVaultEndpoint\": \"myvault.vault.azure.net\", \"keyName\": \"kn\"}";
   }
   if (strcmp (name, "azure-unwrap-accessToken") == 0) {
      return "{\"provider\": \"azure\", \"keyVaultEndpoint\": \"myvault.vault.azure.net\", \"keyName\": \"kn\", "
             "\"keyVersion\": \"kv1\"}";
   }
   if (strcmp (name, "gcp-decrypt-version") == 0) {
      return "{\"provider\": \"gcp\", \"projectId\": \"p\", \"location\": \"global\", \"keyRing\": \"r\", \"keyName\": "
             "\"k\", \"keyVersion\": \"7\"}";
   }
   return "{\"provider\": \"kmip\", \"delegated\": true, \"keyId\": \"12\"}";
}

/* --- the recordings ---------------------------------------------------------------------------------------------------- */

static const uint8_t recorded_dek_start[] = {0xC4, 0xF4, 0xC0, 0x8C};

static int64_t
recorded_time (const char *request)
{
   const char *date = strstr (request, "X-Amz-Date:");
   struct tm tm = {0};

   if (!date || sscanf (date + 11, "%4d%2d%2dT%2d%2d%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
                        &tm.tm_min, &tm.tm_sec) != 6) {
      return 1795316958;
   }
   tm.tm_year -= 1900;
   tm.tm_mon -= 1;
   return (int64_t)timegm (&tm);
}

static size_t
read_steps (const bson_iter_t *test, step *steps, int64_t *now)
{
   bson_iter_t start;
   bson_iter_t exchanges;
   bson_iter_t element;
   size_t n = 0;

   CU_ASSERT_TRUE_FATAL (bson_iter_recurse (test, &start) && bson_iter_find (&start, "exchanges") &&
                         bson_iter_recurse (&start, &exchanges));
   while (bson_iter_next (&exchanges) && bson_iter_recurse (&exchanges, &element)) {
      step *s = &steps[n++];
      memset (s, 0, sizeof *s);
      while (bson_iter_next (&element)) {
         const char *key = bson_iter_key (&element);
         const char *text = BSON_ITER_HOLDS_UTF8 (&element) ? bson_iter_utf8 (&element, NULL) : NULL;
         if (strcmp (key, "endpoint") == 0) {
            s->endpoint = text;
         } else if (strcmp (key, "request") == 0) {
            s->request = text;
            *now = recorded_time (text);
         } else if (strcmp (key, "reply") == 0) {
            s->reply = text;
         } else if (strcmp (key, "requestHex") == 0) {
            s->request_hex = text;
         } else if (strcmp (key, "replyHex") == 0) {
            s->reply_hex = text;
         }
      }
   }
   return n;
}

/* Out of the plaintext that the first recording sends. */
static void
recorded_dek (const bson_t *all, uint8_t dek[96])
{
   bson_iter_t iter;
   bson_iter_t found;

   CU_ASSERT_TRUE_FATAL (bson_iter_init (&iter, all) &&
                         bson_iter_find_descendant (&iter, "aws-encrypt.exchanges.0.request", &found));
   const char *text = strstr (bson_iter_utf8 (&found, NULL), "\"Plaintext\": \"") + 14;
   uint8_t out[100];
   CU_ASSERT_EQUAL_FATAL (EVP_DecodeBlock (out, (const uint8_t *)text, 128), 96);
   memcpy (dek, out, 96);
   CU_ASSERT_EQUAL (memcmp (dek, recorded_dek_start, 4), 0);
}

static bool
same_document (const bson_t *a, const bson_iter_t *b)
{
   const uint8_t *data;
   uint32_t len;

   bson_iter_document (b, &len, &data);
   return a->len == len && memcmp (bson_get_data (a), data, len) == 0;
}

static void
check_wrap (fg_kms *kms, const char *provider, const bson_iter_t *test, const uint8_t dek[96])
{
   bson_iter_t start, result, material;
   bson_t given = BSON_INITIALIZER;
   bson_t view, stored;
   const uint8_t *data;
   uint32_t len;
   static fg_wrapped wrapped;
   fg_error err = {0};

   CU_ASSERT_TRUE_FATAL (bson_iter_recurse (test, &start) &&
                         bson_iter_find_descendant (&start, "result.masterKey", &result));
   bson_iter_document (&result, &len, &data);
   CU_ASSERT_TRUE_FATAL (bson_init_static (&view, data, len));
   bson_copy_to_excluding_noinit (&view, &given, "provider", strstr (bson_iter_key (test), "keyid") ? "" : "keyId",
                                  NULL);
   bool ok = fg_kms_wrap (kms, provider, &given, dek, &wrapped, &stored, &err);
   if (!ok) {
      fprintf (stderr, "%s\n", err.message);
   }
   CU_ASSERT_TRUE_FATAL (ok);
   CU_ASSERT_TRUE (same_document (&stored, &result));
   CU_ASSERT_TRUE_FATAL (bson_iter_recurse (test, &start) &&
                         bson_iter_find_descendant (&start, "result.keyMaterial", &material));
   bson_iter_binary (&material, NULL, &len, &data);
   CU_ASSERT_EQUAL (wrapped.len, len);
   if (strcmp (provider, "kmip") != 0 || fg_bson_true (&given, "delegated")) {
      CU_ASSERT_EQUAL (memcmp (wrapped.bytes, data, len), 0); /* else random */
   }
   bson_destroy (&stored);
   bson_destroy (&given);
}

static void
check_unwrap (fg_kms *kms, const char *name, const uint8_t dek[96])
{
   const uint8_t short_material[4] = {1, 2, 3, 4};
   uint8_t long_material[112];
   bool kmip = strncmp (name, "kmip", 4) == 0;
   bson_t *stored = from_json (stored_key_for (name));
   fg_secret *out = NULL;
   fg_error err = {0};

   for (size_t i = 0; i < 112; i++) {
      long_material[i] = (uint8_t)(i < 16 ? i : i - 16);
   }
   bool ok = fg_kms_unwrap (kms, stored, kmip ? long_material : short_material, kmip ? 112 : 4, &out, &err);
   if (!ok) {
      fprintf (stderr, "%s\n", err.message);
   }
   CU_ASSERT_TRUE_FATAL (ok);
   CU_ASSERT_EQUAL (memcmp (out->bytes, dek, 96), 0);
   fg_secret_free (out);
   bson_destroy (stored);
}

static void
test_recordings (void)
{
   bson_t *all = vector_json ("kms-transcripts/libmongocrypt-1.20.1.json");
   bson_iter_t iter;
   uint8_t dek[96];
   size_t played = 0;

   if (!all) {
      fg_test_skip ("no vectors here");
      return;
   }
   recorded_dek (all, dek);
   CU_ASSERT_TRUE_FATAL (bson_iter_init (&iter, all));
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      step steps[8];
      bson_iter_t probe;
      world w = {.steps = steps};
      if (!BSON_ITER_HOLDS_DOCUMENT (&iter) || !bson_iter_recurse (&iter, &probe) ||
          !bson_iter_find (&probe, "exchanges")) {
         continue;
      }
      w.n = read_steps (&iter, steps, &w.now);
      bson_t *config = config_for (name);
      const fg_kms_io io = io_of (&w);
      fg_kms *kms = fg_kms_new (config, NULL, 1000, &io, NULL);
      CU_ASSERT_PTR_NOT_NULL_FATAL (kms);
      char provider[8] = "";
      memcpy (provider, name, strcspn (name, "-"));
      if (bson_iter_recurse (&iter, &probe) && bson_iter_find_descendant (&probe, "result.keyMaterial", &probe)) {
         check_wrap (kms, provider, &iter, dek);
      } else {
         check_unwrap (kms, name, dek);
      }
      if (w.differs || w.at != w.n) {
         fprintf (stderr, "recording %s: %zu of %zu exchanges\n", name, w.at, w.n);
         CU_FAIL ("differs from the recording");
      }
      played++;
      fg_kms_free (kms);
      bson_destroy (config);
   }
   CU_ASSERT_TRUE (played >= 14);
   bson_destroy (all);
}

/* --- replies of every kind --------------------------------------------------------------------------------------------- */

#define AWS_KEY "{\"provider\": \"aws\", \"region\": \"us-east-1\", \"key\": \"arn\"}"
#define AWS_CONFIG "{\"aws\": {\"accessKeyId\": \"AKIDEXAMPLE\", \"secretAccessKey\": \"topsecretkey\"}}"

static bool
unwrap_with (world *w, const char *config_json, const char *key_json, const uint8_t *material, size_t len,
             fg_error *err)
{
   bson_t *config = from_json (config_json);
   bson_t *stored = from_json (key_json);
   const fg_kms_io io = io_of (w);
   fg_secret *dek = NULL;
   fg_kms *kms = fg_kms_new (config, NULL, 1000, &io, err);
   bool ok = kms && fg_kms_unwrap (kms, stored, material, len, &dek, err);

   fg_secret_free (dek);
   fg_kms_free (kms);
   bson_destroy (stored);
   bson_destroy (config);
   return ok;
}

static void
test_bad_replies (void)
{
   static const struct {
      const char *reply;
      int32_t code;
      size_t requests; /* how often it is tried */
      const char *words;
   } cases[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n{\"__type\":\"X\",\"message\":\"validation error: 1\"}", FG_E_IO, 1,
       "validation error: 1"},
      {"HTTP/1.1 403 Forbidden\r\n\r\n{\"Message\":\"not allowed\"}", FG_E_DENIED, 1, "not allowed"},
      {"HTTP/1.1 404 Not Found\r\n\r\n<html>", FG_E_NOT_FOUND, 1, "404"},
      {"HTTP/1.1 429 Slow\r\n\r\n{}", FG_E_BUSY, 3, "429"},
      {"HTTP/1.1 503 Later\r\n\r\n{}", FG_E_BUSY, 3, "503"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}", FG_E_BUSY,
       1, "Rate exceeded"},
      {"HTTP/1.1 500 Oops\r\n\r\n", FG_E_IO, 3, "500"},
      {"HTTP/1.1 509 Oops\r\n\r\n", FG_E_IO, 3, "509"},
      {"HTTP/1.1 418 Teapot\r\n\r\n", FG_E_IO, 1, "418"},
      {"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example.com/\r\n\r\n", FG_E_IO, 1,
       "redirects are not followed"},
      {"HTTP/1.1 204 None\r\n\r\n", FG_E_IO, 1, "204"},
      {"HTTP/1.1 200 OK\r\n\r\nBADJSON", FG_E_INVALID, 1, "no JSON"},
      {"HTTP/1.1 200 OK\r\n\r\n", FG_E_INVALID, 1, "no JSON"},
      {"HTTP/1.1 200 OK\r\n\r\n{\"x\": 1}", FG_E_INVALID, 1, "`Plaintext`"},
      {"HTTP/1.1 200 OK\r\n\r\n{\"Plaintext\": 1}", FG_E_INVALID, 1, "`Plaintext`"},
      {"HTTP/1.1 200 OK\r\n\r\n{\"Plaintext\": \"A\"}", FG_E_INVALID, 1, "base64"},
      {"HTTP/1.1 200 OK\r\n\r\n{\"Plaintext\": \"AAAA\"}", FG_E_INVALID, 1, "3 bytes, not 96"},
      {NULL, FG_E_IO, 3, "connection reset"},
   };
   const uint8_t material[4] = {1, 2, 3, 4};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      const step steps[3] = {{.reply = cases[i].reply}, {.reply = cases[i].reply}, {.reply = cases[i].reply}};
      world w = {.steps = steps, .n = 3};
      fg_error err = {0};
      CU_ASSERT_FALSE (unwrap_with (&w, AWS_CONFIG, AWS_KEY, material, sizeof material, &err));
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_KMS);
      CU_ASSERT_EQUAL (err.code, cases[i].code);
      CU_ASSERT_EQUAL (w.at, cases[i].requests);
      CU_ASSERT_EQUAL (w.pauses, cases[i].requests - 1);
      CU_ASSERT_PTR_NOT_NULL (strstr (err.message, cases[i].words));
      CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "aws"));
      CU_ASSERT_PTR_NULL (strstr (err.message, "topsecretkey"));
      CU_ASSERT_PTR_NULL (strstr (err.message, "elsewhere"));
   }
}

/* The second attempt succeeds. */
static void
test_retry_succeeds (void)
{
   char good[300] = "HTTP/1.1 200 OK\r\n\r\n{\"Plaintext\":\"";
   const step steps[2] = {{.reply = "HTTP/1.1 503 Busy\r\n\r\n"}, {.reply = good}};
   world w = {.steps = steps, .n = 2};
   const uint8_t material[4] = {1, 2, 3, 4};
   fg_error err = {0};

   size_t n = strlen (good);
   memset (good + n, 'A', 128);
   snprintf (good + n + 128, sizeof good - n - 128, "\"}");
   CU_ASSERT_TRUE (unwrap_with (&w, AWS_CONFIG, AWS_KEY, material, sizeof material, &err));
   CU_ASSERT_EQUAL (w.at, 2);
}

/* Tokens are asked for once, and again when they are about to expire. */
static void
test_token_is_kept (void)
{
   char good[300] = "HTTP/1.1 200 OK\r\n\r\n{\"value\":\"";
   const char *token = "HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"T\",\"expires_in\":\"3600\"}";
   bson_t *config = from_json ("{\"azure:main\": {\"tenantId\": \"t\", \"clientId\": \"c\", \"clientSecret\": \"s\"}}");
   bson_t *stored =
      from_json ("{\"provider\": \"azure:main\", \"keyVaultEndpoint\": \"v.vault.azure.net\", \"keyName\": \"k\"}");
   const step steps[] = {{.reply = token}, {.reply = good}, {.reply = good}, {.reply = token}, {.reply = good}};
   world w = {.steps = steps, .n = 5, .now = 1000};
   const fg_kms_io io = io_of (&w);
   const uint8_t material[4] = {0};
   fg_secret *dek = NULL;

   size_t n = strlen (good);
   memset (good + n, 'A', 128);
   snprintf (good + n + 128, sizeof good - n - 128, "\"}");
   fg_kms *kms = fg_kms_new (config, NULL, 1000, &io, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (kms);
   for (int i = 0; i < 3; i++) {
      w.now += i == 2 ? 3596 : 0;
      CU_ASSERT_TRUE_FATAL (fg_kms_unwrap (kms, stored, material, 4, &dek, NULL));
      fg_secret_free (dek);
   }
   CU_ASSERT_EQUAL (w.at, 5);
   fg_kms_free (kms);
   bson_destroy (stored);
   bson_destroy (config);
}

/* Transit of Vault and OpenBao: the shapes of its API's documentation. */
static void
test_vault (void)
{
   static const char *const key = "{\"provider\": \"vault\", \"mount\": \"kv/transit\", \"key\": \"mongo\"}";
   static const char *const config =
      "{\"vault\": {\"endpoint\": \"vault.internal:8200\", \"token\": \"hvs.secret\", \"namespace\": \"team\"}}";
   char reply[300] = "HTTP/1.1 200 OK\r\n\r\n{\"request_id\":\"1\",\"data\":{\"plaintext\":\"";
   const char *request =
      "POST /v1/kv/transit/decrypt/mongo HTTP/1.1\r\nX-Vault-Token:hvs.secret\r\nX-Vault-Namespace:team\r\n"
      "Content-Type:application/json\r\n\r\n{\"ciphertext\":\"vault:v1:AAAA\"}";
   const step steps[] = {{.endpoint = "vault.internal:8200", .request = request, .reply = reply}};
   const step denied[] = {{.reply = "HTTP/1.1 403 Forbidden\r\n\r\n{\"errors\":[\"permission denied\"]}"}};
   world w = {.steps = steps, .n = 1};
   fg_error err = {0};

   size_t n = strlen (reply);
   memset (reply + n, 'A', 128);
   snprintf (reply + n + 128, sizeof reply - n - 128, "\"}}");
   CU_ASSERT_TRUE (unwrap_with (&w, config, key, (const uint8_t *)"vault:v1:AAAA", 13, &err));
   CU_ASSERT_FALSE (w.differs);
   w = (world){.steps = denied, .n = 1};
   CU_ASSERT_FALSE (unwrap_with (&w, config, key, (const uint8_t *)"vault:v1:AAAA", 13, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "permission denied"));
   CU_ASSERT_FALSE (
      unwrap_with (&w, config, key, (const uint8_t *)"vault:v1:\"},", 12, &err)); /* no way out of the JSON */
   CU_ASSERT_EQUAL (err.code, FG_E_INVALID);
}

/* masterKey documents that drivers accept and refuse, and options that would weaken TLS. */
static void
test_master_keys (void)
{
   static const struct {
      const char *json;
      bool good;
   } cases[] = {
      {"{\"provider\": \"aws\", \"region\": \"r\", \"key\": \"k\"}", true},
      {"{\"provider\": \"aws\", \"region\": \"r\", \"key\": \"k\", \"endpoint\": \"example.com\"}", true},
      {"{\"provider\": \"aws\", \"region\": \"r\", \"key\": \"k\", \"endpoint\": \"invalid endpoint\"}", false},
      {"{\"provider\": \"aws\", \"key\": \"k\"}", false},
      {"{\"provider\": \"aws\", \"region\": \"r\"}", false},
      {"{\"provider\": \"aws\", \"region\": \"r\", \"key\": \"k\", \"extra\": 1}", false},
      {"{\"provider\": \"aws\", \"region\": \"r\", \"key\": \"\"}", false},
      {"{\"provider\": \"aws:other\", \"region\": \"r\", \"key\": \"k\"}", false},
      {"{\"provider\": \"aws\", \"region\": \"evil.example.com/\", \"key\": \"k\"}", false},
      {"{\"region\": \"r\", \"key\": \"k\"}", false},
      {"{\"provider\": \"nobody\"}", false},
   };
   const uint8_t material[4] = {0};
   char good[300] = "HTTP/1.1 200 OK\r\n\r\n{\"Plaintext\":\"";
   size_t n = strlen (good);
   const step steps[] = {{.reply = good}};

   memset (good + n, 'A', 128);
   snprintf (good + n + 128, sizeof good - n - 128, "\"}");
   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      world w = {.steps = steps, .n = 1};
      fg_error err = {0};
      bool ok = unwrap_with (&w, AWS_CONFIG, cases[i].json, material, 4, &err);
      if (ok != cases[i].good) {
         fprintf (stderr, "%s: %s\n", cases[i].json, err.message);
      }
      CU_ASSERT_EQUAL (ok, cases[i].good);
      CU_ASSERT_EQUAL (w.at, cases[i].good ? 1 : 0);
   }
}

static void
test_tls_options (void)
{
   static const struct {
      const char *json;
      bool good;
   } cases[] = {
      {"{\"aws\": {\"tlsCAFile\": \"/x\", \"tlsCertificateKeyFile\": \"/y\", \"tlsCertificateKeyFilePassword\": "
       "\"p\"}}",
       true},
      {"{\"kmip\": {\"tlsInsecure\": true}}", true}, /* another provider's */
      {"{\"aws\": {\"tlsDisableOCSPEndpointCheck\": true}}", true},
      {"{\"aws\": {\"tlsInsecure\": true}}", false},
      {"{\"aws\": {\"tlsAllowInvalidCertificates\": true}}", false},
      {"{\"aws\": {\"tlsallowinvalidhostnames\": false}}", false},
      {"{\"aws\": {\"tls\": false}}", false},
      {"{\"aws\": {\"tlsCAFile\": 1}}", false},
      {"{\"aws\": {\"somethingElse\": 1}}", false},
      {"{\"aws\": 1}", false},
   };
   bson_t *config = from_json (AWS_CONFIG);

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      bson_t *options = from_json (cases[i].json);
      fg_error err = {0};
      fg_kms *kms = fg_kms_new (config, options, 1000, &fg_kms_real_io, &err);
      CU_ASSERT_EQUAL (kms != NULL, cases[i].good);
      fg_kms_free (kms);
      bson_destroy (options);
   }
   bson_destroy (config);
}

const fg_test fg_tests[] = {
   {"recordings", test_recordings},
   {"bad_replies", test_bad_replies},
   {"retry_succeeds", test_retry_succeeds},
   {"token_is_kept", test_token_is_kept},
   {"vault", test_vault},
   {"master_keys", test_master_keys},
   {"tls_options", test_tls_options},
   {NULL, NULL},
};
