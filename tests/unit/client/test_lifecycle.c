/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/call.h"
#include "client/kms/lifecycle.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

const char *const fg_suite_name = "client.lifecycle";

/* --- a world that answers from a script -------------------------------------------------------------------------------- */

typedef struct step {
   const char *method;
   const char *path; /* a part of it; for aws, of the target */
   const char *body; /* a part of it; NULL: any */
   long status;
   const char *reply;
} step;

typedef struct world {
   const step *steps;
   size_t n;
   size_t at;
   bool surprised;
} world;

static bool
script (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request, fg_http_reply *reply,
        fg_io_failure *failure, fg_error *err)
{
   world *w = ctx;
   char body[512] = "";
   const char *where = request->path;

   (void)tls;
   (void)timeout_ms;
   (void)err;
   *failure = FG_IO_FATAL;
   for (size_t i = 0; i < request->n_headers; i++) {
      if (strcmp (request->headers[i].name, "X-Amz-Target") == 0) {
         where = request->headers[i].value;
      }
   }
   if (request->body_len < sizeof body) {
      memcpy (body, request->body, request->body_len);
   }
   const step *s = &w->steps[w->at];
   if (w->at == w->n || strcmp (s->method, request->method) != 0 || !strstr (where, s->path) ||
       (s->body && !strstr (body, s->body))) {
      printf ("# unexpected: %s %s %s\n", request->method, where, body);
      w->surprised = true;
      reply->status = 500;
      return true;
   }
   w->at++;
   reply->status = s->status;
   reply->len = strlen (s->reply);
   memcpy (reply->body->bytes, s->reply, reply->len);
   return true;
}

static int64_t
now (void *ctx)
{
   (void)ctx;
   return 1700000000;
}

static void
no_pause (void *ctx, int64_t ms)
{
   (void)ctx;
   (void)ms;
}

static fg_kms *
new_kms (world *w, fg_kms_io *io)
{
   bson_t *config = bson_new_from_json (
      (const uint8_t *)"{\"local\":{\"key\":\""
                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                       "\"},"
                       "\"aws\":{\"accessKeyId\":\"a\",\"secretAccessKey\":\"b\"},\"azure\":{\"accessToken\":\"t\"},"
                       "\"gcp\":{\"accessToken\":\"t\"},\"vault\":{\"endpoint\":\"v.x\",\"token\":\"t\"}}",
      -1, NULL);
   *io = (fg_kms_io){.ctx = w, .http = script, .now = now, .pause_ms = no_pause};
   fg_kms *kms = fg_kms_new (config, NULL, 1000, io, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (kms);
   bson_destroy (config);
   return kms;
}

static const char aws_key[] = "{\"provider\":\"aws\",\"region\":\"r\",\"key\":\"alias/k\"}";
static const char azure_key[] = "{\"provider\":\"azure\",\"keyVaultEndpoint\":\"v.vault.azure.net\",\"keyName\":\"k\"}";
static const char gcp_key[] =
   "{\"provider\":\"gcp\",\"projectId\":\"p\",\"location\":\"l\",\"keyRing\":\"r\",\"keyName\":\"k\"}";
static const char vault_key[] = "{\"provider\":\"vault\",\"key\":\"k\"}";

static bool
run (const char *key, const step *steps, size_t n, fg_lifecycle_step what, bool *done, fg_error *err)
{
   world w = {.steps = steps, .n = n};
   fg_kms_io io;
   fg_kms *kms = new_kms (&w, &io);
   bson_t *stored = bson_new_from_json ((const uint8_t *)key, -1, NULL);
   bool ok = fg_kms_master_key_step (kms, stored, what, 7, done, err);

   CU_ASSERT_FALSE (w.surprised);
   CU_ASSERT_EQUAL (w.at, n);
   bson_destroy (stored);
   fg_kms_free (kms);
   return ok;
}

static fg_master_key_status
state_of (const char *key, const step *steps, size_t n, bool expect)
{
   world w = {.steps = steps, .n = n};
   fg_kms_io io;
   fg_kms *kms = new_kms (&w, &io);
   bson_t *stored = bson_new_from_json ((const uint8_t *)key, -1, NULL);
   fg_master_key_status status;

   CU_ASSERT_EQUAL (fg_kms_master_key_state (kms, stored, &status, NULL), expect);
   CU_ASSERT_EQUAL (w.at, n);
   bson_destroy (stored);
   fg_kms_free (kms);
   return status;
}

#define COUNT(a) (sizeof (a) / sizeof (a)[0])
#define ENABLED "{\"KeyMetadata\":{\"Arn\":\"arn:k\",\"KeyState\":\"Enabled\"}}"
#define PENDING "{\"KeyMetadata\":{\"Arn\":\"arn:k\",\"KeyState\":\"PendingDeletion\",\"DeletionDate\":1.8E9}}"

static void
test_aws (void)
{
   static const step enabled[] = {{"POST", "DescribeKey", "alias/k", 200, ENABLED}};
   static const step pending[] = {{"POST", "DescribeKey", "alias/k", 200, PENDING}};
   static const step nothing[] = {{"POST", "DescribeKey", NULL, 200, "{}"}};
   static const step disable[] = {{"POST", "DescribeKey", "alias/k", 200, ENABLED},
                                  {"POST", "DisableKey", "arn:k", 200, ""}};
   static const step destroy[] = {{"POST", "DescribeKey", "alias/k", 200, ENABLED},
                                  {"POST", "ScheduleKeyDeletion", "\"PendingWindowInDays\": 7", 200, "{}"}};
   static const step refused[] = {{"POST", "DescribeKey", "alias/k", 200, ENABLED},
                                  {"POST", "DisableKey", "arn:k", 400, "{\"__type\":\"AccessDeniedException\"}"}};
   bool done = false;
   fg_error err = {0};

   fg_master_key_status status = state_of (aws_key, enabled, 1, true);
   CU_ASSERT_EQUAL (status.state, FG_MASTER_KEY_ENABLED);
   CU_ASSERT_STRING_EQUAL (status.name, "arn:k");
   status = state_of (aws_key, pending, 1, true);
   CU_ASSERT_EQUAL (status.state, FG_MASTER_KEY_SCHEDULED);
   CU_ASSERT_EQUAL (status.until_s, 1800000000);
   state_of (aws_key, nothing, 1, false);
   CU_ASSERT_TRUE (run (aws_key, NULL, 0, FG_STEP_CLOSE, &done, &err));
   CU_ASSERT_FALSE (done);
   CU_ASSERT_TRUE (run (aws_key, disable, COUNT (disable), FG_STEP_DISABLE, &done, &err));
   CU_ASSERT_TRUE (done);
   CU_ASSERT_TRUE (run (aws_key, destroy, COUNT (destroy), FG_STEP_DESTROY, &done, &err));
   CU_ASSERT_TRUE (run (aws_key, pending, 1, FG_STEP_DESTROY, &done, &err)); /* already */
   CU_ASSERT_FALSE (run (aws_key, refused, COUNT (refused), FG_STEP_DISABLE, &done, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "AccessDeniedException"));
}

#define BUNDLE(enabled, ops)                                                                                           \
   "{\"key\":{\"kid\":\"https://v.vault.azure.net/keys/k/abc123\",\"key_ops\":[" ops                                   \
   "]},\"attributes\":{\"enabled\":" enabled ",\"recoveryLevel\":\"Recoverable\"}}"

static void
test_azure (void)
{
   static const step good[] = {{"GET", "/keys/k?", NULL, 200, BUNDLE ("true", "\"wrapKey\",\"unwrapKey\"")}};
   static const step closed[] = {{"GET", "/keys/k?", NULL, 200, BUNDLE ("true", "\"unwrapKey\"")}};
   static const step off[] = {{"GET", "/keys/k?", NULL, 200, BUNDLE ("false", "\"unwrapKey\"")}};
   static const step soft[] = {{"GET", "/keys/k?", NULL, 404, "{}"},
                               {"GET", "/deletedkeys/k?", NULL, 200, "{\"scheduledPurgeDate\":1800000000}"}};
   static const step gone[] = {{"GET", "/keys/k?", NULL, 404, "{}"}, {"GET", "/deletedkeys/k?", NULL, 404, "{}"}};
   static const step no_right[] = {{"GET", "/keys/k?", NULL, 404, "{}"}, {"GET", "/deletedkeys/k?", NULL, 403, "{}"}};
   static const step close[] = {{"GET", "/keys/k?", NULL, 200, BUNDLE ("true", "\"wrapKey\"")},
                                {"PATCH", "/keys/k/abc123?", "\"key_ops\": [\"unwrapKey\"]", 200, "{}"}};
   static const step destroy[] = {{"GET", "/keys/k?", NULL, 200, BUNDLE ("true", "\"wrapKey\"")},
                                  {"DELETE", "/keys/k?", NULL, 200, "{}"}};
   bool done = false;
   fg_error err = {0};

   CU_ASSERT_EQUAL (state_of (azure_key, good, 1, true).state, FG_MASTER_KEY_ENABLED);
   CU_ASSERT_EQUAL (state_of (azure_key, closed, 1, true).state, FG_MASTER_KEY_UNWRAPS_ONLY);
   CU_ASSERT_EQUAL (state_of (azure_key, off, 1, true).state, FG_MASTER_KEY_DISABLED);
   CU_ASSERT_EQUAL (state_of (azure_key, soft, 2, true).until_s, 1800000000);
   CU_ASSERT_EQUAL (state_of (azure_key, gone, 2, true).state, FG_MASTER_KEY_DESTROYED);
   state_of (azure_key, no_right, 2, false); /* not allowed to know is not "destroyed" */
   CU_ASSERT_TRUE (run (azure_key, close, 2, FG_STEP_CLOSE, &done, &err));
   CU_ASSERT_TRUE (done);
   CU_ASSERT_TRUE (run (azure_key, destroy, 2, FG_STEP_DESTROY, &done, &err));
}

#define VERSION(n, state) "{\"name\":\"x/cryptoKeyVersions/" n "\",\"state\":\"" state "\"}"
#define VERSIONS(list) "{\"cryptoKeyVersions\":[" list "]}"

static void
test_gcp (void)
{
   static const step list[] = {
      {"GET", "/cryptoKeyVersions?", NULL, 200, VERSIONS (VERSION ("1", "DESTROYED") "," VERSION ("2", "ENABLED"))}};
   static const step scheduled[] = {
      {"GET", "/cryptoKeyVersions?", NULL, 200,
       VERSIONS ("{\"name\":\"x/1\",\"state\":\"DESTROY_SCHEDULED\",\"destroyTime\":\"2027-01-15T08:00:00.5Z\"}")}};
   static const step none[] = {{"GET", "/cryptoKeyVersions?", NULL, 200, VERSIONS ("")}};
   static const step lies[] = {{"GET", "/cryptoKeyVersions?", NULL, 200, VERSIONS ("7")}};
   static const step more[] = {{"GET", "/cryptoKeyVersions?", NULL, 200, "{\"nextPageToken\":\"x\"}"}};
   static const step destroy[] = {
      {"GET", "/cryptoKeyVersions?", NULL, 200,
       VERSIONS (VERSION ("1", "ENABLED") "," VERSION ("2", "DISABLED") "," VERSION ("3", "DESTROYED"))},
      {"POST", "/cryptoKeyVersions/1:destroy", NULL, 200, "{}"},
      {"POST", "/cryptoKeyVersions/2:destroy", NULL, 200, "{}"}};
   bool done = false;
   fg_error err = {0};

   CU_ASSERT_EQUAL (state_of (gcp_key, list, 1, true).state, FG_MASTER_KEY_ENABLED);
   fg_master_key_status status = state_of (gcp_key, scheduled, 1, true);
   CU_ASSERT_EQUAL (status.state, FG_MASTER_KEY_SCHEDULED);
   CU_ASSERT_EQUAL (status.until_s, 1800000000);
   state_of (gcp_key, none, 1, false);
   state_of (gcp_key, lies, 1, false);
   state_of (gcp_key, more, 1, false);
   CU_ASSERT_TRUE (run (gcp_key, destroy, 3, FG_STEP_DESTROY, &done, &err));
}

#define KEY(latest, dec, enc, avail)                                                                                   \
   "{\"data\":{\"latest_version\":" latest ",\"min_decryption_version\":" dec ",\"min_encryption_version\":" enc       \
   ",\"min_available_version\":" avail "}}"

static void
test_vault (void)
{
   static const step fresh[] = {{"GET", "/v1/transit/keys/k", NULL, 200, KEY ("1", "1", "0", "0")}};
   static const step closed[] = {{"GET", "/keys/k", NULL, 200, KEY ("2", "1", "2", "0")}};
   static const step trimmed[] = {{"GET", "/keys/k", NULL, 200, KEY ("3", "3", "3", "3")}};
   static const step gone[] = {{"GET", "/keys/k", NULL, 404, "{\"errors\":[]}"}};
   static const step close[] = {{"GET", "/keys/k", NULL, 200, KEY ("1", "1", "0", "0")},
                                {"POST", "/keys/k/rotate", NULL, 204, ""},
                                {"GET", "/keys/k", NULL, 200, KEY ("2", "1", "0", "0")},
                                {"POST", "/keys/k/config", "\"min_encryption_version\": 2", 204, ""}};
   static const step destroy[] = {{"GET", "/keys/k", NULL, 200, KEY ("2", "1", "2", "0")},
                                  {"POST", "/keys/k/rotate", NULL, 200, "{}"},
                                  {"GET", "/keys/k", NULL, 200, KEY ("3", "1", "2", "0")},
                                  {"POST", "/keys/k/config", "\"min_decryption_version\": 3", 204, ""},
                                  {"POST", "/keys/k/trim", "\"min_available_version\": 3", 204, ""}};
   bool done = false;
   fg_error err = {0};

   CU_ASSERT_EQUAL (state_of (vault_key, fresh, 1, true).state, FG_MASTER_KEY_ENABLED);
   CU_ASSERT_EQUAL (state_of (vault_key, closed, 1, true).state, FG_MASTER_KEY_UNWRAPS_ONLY);
   CU_ASSERT_EQUAL (state_of (vault_key, trimmed, 1, true).state, FG_MASTER_KEY_DESTROYED);
   CU_ASSERT_EQUAL (state_of (vault_key, gone, 1, true).state, FG_MASTER_KEY_DESTROYED);
   CU_ASSERT_TRUE (run (vault_key, close, 4, FG_STEP_CLOSE, &done, &err));
   CU_ASSERT_TRUE (run (vault_key, closed, 1, FG_STEP_CLOSE, &done, &err)); /* already */
   CU_ASSERT_TRUE (run (vault_key, destroy, 5, FG_STEP_DESTROY, &done, &err));
   CU_ASSERT_TRUE (run (vault_key, trimmed, 1, FG_STEP_DESTROY, &done, &err));
}

static void
test_local (void)
{
   bool done = true;
   fg_error err = {0};

   CU_ASSERT_TRUE (run ("{\"provider\":\"local\"}", NULL, 0, FG_STEP_DESTROY, &done, &err));
   CU_ASSERT_FALSE (done);
   CU_ASSERT_EQUAL (state_of ("{\"provider\":\"local\"}", NULL, 0, true).state, FG_MASTER_KEY_UNKNOWN);
   CU_ASSERT_FALSE (run ("{\"provider\":\"kmip\",\"keyId\":\"1\"}", NULL, 0, FG_STEP_DESTROY, &done, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
}

const fg_test fg_tests[] = {{"aws", test_aws},     {"azure", test_azure}, {"gcp", test_gcp},
                            {"vault", test_vault}, {"local", test_local}, {NULL, NULL}};
