/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kms.h"
#include "tests/unit/client/vectors.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <strings.h>
#include <unistd.h>

const char *const fg_suite_name = "client.identity";

/* --- a world that answers one request after the other ------------------------------------------------------------------- */

typedef struct step {
   const char *request; /* "GET http://host/path" */
   const char *header; /* "Name: value" that must be among the headers; NULL: any */
   long status; /* 0: a network failure */
   const char *body;
   const char *sent; /* what the request's body must contain; NULL: any */
} step;

typedef struct world {
   const step *steps;
   size_t at;
   size_t n;
   int64_t now;
   int64_t longest; /* time limit of a plain request */
   bool differs;
} world;

static bool
has_header (const fg_http_request *request, const char *line)
{
   size_t len = strcspn (line, ":");

   for (size_t i = 0; i < request->n_headers; i++) {
      const fg_http_header *h = &request->headers[i];
      if (strlen (h->name) == len && strncasecmp (h->name, line, len) == 0 && strcmp (h->value, line + len + 2) == 0) {
         return true;
      }
   }
   return false;
}

static bool
answer (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request, fg_http_reply *reply,
        fg_io_failure *failure, fg_error *err)
{
   world *w = ctx;
   char line[3000];
   const step *s = &w->steps[w->at];

   (void)tls;
   snprintf (line, sizeof line, "%s %s://%s%s", request->method, request->plain ? "http" : "https", request->endpoint,
             request->path);
   *failure = FG_IO_FATAL;
   if (w->at == w->n || strcmp (s->request, line) != 0 || (s->header && !has_header (request, s->header)) ||
       (s->sent && !memmem (request->body, request->body_len, s->sent, strlen (s->sent)))) {
      fprintf (stderr, "request %zu: %s\n", w->at, line);
      w->differs = true;
      return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "not expected");
   }
   w->at++;
   w->longest = request->plain && timeout_ms > w->longest ? timeout_ms : w->longest;
   if (s->status == 0) {
      *failure = FG_IO_NETWORK;
      return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "no route to host");
   }
   reply->status = s->status;
   reply->len = strlen (s->body);
   memcpy (reply->body->bytes, s->body, reply->len);
   return true;
}

static int64_t
now (void *ctx)
{
   return ((world *)ctx)->now;
}

static void
no_pause (void *ctx, int64_t ms)
{
   (void)ctx;
   (void)ms;
}

static void
clear_environment (void)
{
   static const char *const names[] = {
      "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_SESSION_TOKEN",
      "AWS_WEB_IDENTITY_TOKEN_FILE",
      "AWS_ROLE_ARN",
      "AWS_ROLE_SESSION_NAME",
      "AWS_REGION",
      "AWS_DEFAULT_REGION",
      "AWS_ENDPOINT_URL_STS",
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
      "AWS_CONTAINER_CREDENTIALS_FULL_URI",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
      "AWS_EC2_METADATA_DISABLED",
      "AWS_EC2_METADATA_SERVICE_ENDPOINT",
      "AZURE_CLIENT_ID",
      "AZURE_POD_IDENTITY_AUTHORITY_HOST",
      "GOOGLE_APPLICATION_CREDENTIALS",
      "GCE_METADATA_HOST",
      "VAULT_ADDR",
      "VAULT_TOKEN",
   };

   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      unsetenv (names[i]);
   }
}

static bson_t *
from_json (const char *json)
{
   bson_t *bson = bson_new_from_json ((const uint8_t *)json, -1, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (bson);
   return bson;
}

static fg_kms *
kms_of (world *w, fg_kms_io *io, const char *config_json, fg_error *err)
{
   bson_t *config = from_json (config_json);

   *io = (fg_kms_io){.ctx = w, .http = answer, .now = now, .pause_ms = no_pause};
   fg_kms *kms = fg_kms_new (config, NULL, 10000, io, err);
   bson_destroy (config);
   return kms;
}

static bool
unwrap (fg_kms *kms, const char *key_json, fg_error *err)
{
   bson_t *key = from_json (key_json);
   fg_secret *dek = NULL;
   bool ok = fg_kms_unwrap (kms, key, (const uint8_t *)"vault:v1:AAAA", 13, &dek, err);

   fg_secret_free (dek);
   bson_destroy (key);
   return ok;
}

/* One unwrapping, which must make exactly these requests. */
static bool
play (const char *config, const char *key, const step *steps, size_t n, fg_error *err)
{
   world w = {.steps = steps, .n = n, .now = 1540000000};
   fg_kms_io io;
   fg_kms *kms = kms_of (&w, &io, config, err);
   bool ok = kms && unwrap (kms, key, err);

   CU_ASSERT_FALSE (w.differs);
   CU_ASSERT_EQUAL (w.at, n);
   CU_ASSERT_TRUE (w.longest <= 3000);
   fg_kms_free (kms);
   return ok;
}

#define A16 "AAAAAAAAAAAAAAAA"
#define DEK_BASE64 A16 A16 A16 A16 A16 A16 A16 A16

/* --- AWS ---------------------------------------------------------------------------------------------------------------- */

#define AWS_KEY "{\"provider\": \"aws\", \"region\": \"us-east-1\", \"key\": \"arn\"}"
#define AWS_CALL "POST https://kms.us-east-1.amazonaws.com/"
#define AWS_GOOD 200, "{\"Plaintext\": \"" DEK_BASE64 "\"}", NULL
#define AWS_CREDENTIALS                                                                                                \
   "{\"Code\": \"Success\", \"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"hush-hush\", \"Token\": \"session1\", "  \
   "\"Expiration\": \"2018-10-20T06:00:00Z\"}"
#define ROLES "/latest/meta-data/iam/security-credentials/"

static void
test_aws_environment (void)
{
   const step steps[] = {{AWS_CALL, "X-Amz-Security-Token: from-the-environment", AWS_GOOD}};
   fg_error err = {0};

   clear_environment ();
   setenv ("AWS_ACCESS_KEY_ID", "AKID", 1);
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, NULL, 0, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "go together"));
   setenv ("AWS_SECRET_ACCESS_KEY", "hush-hush", 1);
   setenv ("AWS_SESSION_TOKEN", "from-the-environment", 1);
   CU_ASSERT_TRUE (play ("{\"aws\": {}}", AWS_KEY, steps, 1, &err));
}

static void
test_aws_container (void)
{
   const step relative[] = {{"GET http://169.254.170.2/v2/credentials/1?x=2", NULL, 200, AWS_CREDENTIALS, NULL},
                            {AWS_CALL, "X-Amz-Security-Token: session1", AWS_GOOD}};
   const step full[] = {{"GET http://169.254.170.23/v1/credentials", "Authorization: bear", 200, AWS_CREDENTIALS, NULL},
                        {AWS_CALL, "X-Amz-Security-Token: session1", AWS_GOOD}};
   fg_error err = {0};

   clear_environment ();
   setenv ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1?x=2", 1);
   CU_ASSERT_TRUE (play ("{\"aws\": {}}", AWS_KEY, relative, 2, &err));
   setenv ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ".example.com/", 1);
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, NULL, 0, &err));
   unsetenv ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
   setenv ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials", 1);
   setenv ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "bear", 1);
   CU_ASSERT_TRUE (play ("{\"aws\": {}}", AWS_KEY, full, 2, &err));
   /* In the clear to a host that is not near. */
   setenv ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/v1/credentials", 1);
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, NULL, 0, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   setenv ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1.example.com/", 1);
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, NULL, 0, &err));
}

static void
test_aws_instance (void)
{
   const step steps[] = {
      {"PUT http://169.254.169.254/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600", 200,
       "sess==", NULL},
      {"GET http://169.254.169.254" ROLES, "X-aws-ec2-metadata-token: sess==", 200, "my-role\n", NULL},
      {"GET http://169.254.169.254" ROLES "my-role", "X-aws-ec2-metadata-token: sess==", 200, AWS_CREDENTIALS, NULL},
      {AWS_CALL, "X-Amz-Security-Token: session1", AWS_GOOD}};
   const step nowhere[] = {{steps[0].request, NULL, 0, NULL, NULL},
                           {steps[0].request, NULL, 0, NULL, NULL},
                           {steps[0].request, NULL, 0, NULL, NULL}};
   const step path[] = {steps[0], {steps[1].request, NULL, 200, "../../x", NULL}};
   fg_error err = {0};

   clear_environment ();
   CU_ASSERT_TRUE (play ("{\"aws\": {}}", AWS_KEY, steps, 4, &err));
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, nowhere, 3, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "get the instance's credentials"));
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, path, 2, &err));
   setenv ("AWS_EC2_METADATA_DISABLED", "true", 1);
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, NULL, 0, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "set AWS_ACCESS_KEY_ID"));
}

/* A file in a folder of its own, for the time of a test. */
static char folder[64];

static const char *
file_with (const char *name, const char *text)
{
   static char path[128];

   snprintf (folder, sizeof folder, "/tmp/fieldguard-identity-XXXXXX");
   CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (folder));
   snprintf (path, sizeof path, "%s/%s", folder, name);
   FILE *f = fopen (path, "w");
   CU_ASSERT_PTR_NOT_NULL_FATAL (f);
   fputs (text, f);
   fclose (f);
   return path;
}

static void
remove_file (const char *path)
{
   unlink (path);
   rmdir (folder);
}

static void
test_aws_web_identity (void)
{
   const step steps[] = {
      {"POST https://sts.eu-west-1.amazonaws.com/", "Accept: application/json", 200,
       "{\"AssumeRoleWithWebIdentityResponse\": {\"AssumeRoleWithWebIdentityResult\": {\"Credentials\": "
       "{\"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"hush-hush\", \"SessionToken\": \"session2\", "
       "\"Expiration\": 1540003600}}}}",
       "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=fieldguard&WebIdentityToken=eyJ.a%2Bb"},
      {AWS_CALL, "X-Amz-Security-Token: session2", AWS_GOOD}};
   const char *path = file_with ("token", "eyJ.a+b\n");
   fg_error err = {0};

   clear_environment ();
   setenv ("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
   setenv ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
   setenv ("AWS_REGION", "eu-west-1", 1);
   CU_ASSERT_TRUE (play ("{\"aws\": {}}", AWS_KEY, steps, 2, &err));
   remove_file (path);
   CU_ASSERT_FALSE (play ("{\"aws\": {}}", AWS_KEY, NULL, 0, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
}

/* Asked for once, again five minutes before the end, and the old ones serve to their end when there are no new ones. */
static void
test_kept_until_they_expire (void)
{
   const step once = {"GET http://169.254.170.2/c", NULL, 200, AWS_CREDENTIALS, NULL};
   const step call = {AWS_CALL, "X-Amz-Security-Token: session1", AWS_GOOD};
   const step denied = {"GET http://169.254.170.2/c", NULL, 404, "{}", NULL};
   const step steps[] = {once, call, call, once, call, denied, call, denied};
   world w = {.steps = steps, .n = 8, .now = 1540000000}; /* they end at 1540015200 */
   fg_kms_io io;
   fg_error err = {0};

   clear_environment ();
   setenv ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
   fg_kms *kms = kms_of (&w, &io, "{\"aws\": {}}", &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (kms);
   CU_ASSERT_TRUE (unwrap (kms, AWS_KEY, &err));
   w.now = 1540014800;
   CU_ASSERT_TRUE (unwrap (kms, AWS_KEY, &err));
   w.now = 1540014950;
   CU_ASSERT_TRUE (unwrap (kms, AWS_KEY, &err));
   CU_ASSERT_TRUE (unwrap (kms, AWS_KEY, &err));
   w.now = 1540015200;
   CU_ASSERT_FALSE (unwrap (kms, AWS_KEY, &err));
   CU_ASSERT_FALSE (w.differs);
   CU_ASSERT_EQUAL (w.at, 8);
   fg_kms_free (kms);
}

/* --- Azure -------------------------------------------------------------------------------------------------------------- */

#define AZURE_KEY "{\"provider\": \"azure\", \"keyVaultEndpoint\": \"v.vault.azure.net\", \"keyName\": \"k\"}"
#define AZURE_CALL "POST https://v.vault.azure.net/keys/k//unwrapkey?api-version=7.1"
#define IMDS                                                                                                           \
   "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault."    \
   "azure.net%2F"

static void
test_azure_machine (void)
{
   const step good = {IMDS, "Metadata: true", 200, "{\"access_token\": \"T1\", \"expires_in\": \"3600\"}", NULL};
   const step call = {AZURE_CALL, "Authorization: Bearer T1", 200, "{\"value\": \"" DEK_BASE64 "\"}", NULL};
   const step steps[] = {good, call};
   const step warming_up[] = {{IMDS, NULL, 410, "", NULL}, good, call};
   const step user_assigned[] = {{IMDS "&client_id=1234", NULL, 200, good.body, NULL}, call};
   /* A token that the vault refuses is asked for anew, once. */
   const step refused = {AZURE_CALL, "Authorization: Bearer T1", 401, "{\"error\": {\"message\": \"expired\"}}", NULL};
   const step again[] = {good, refused, good, call};
   const step for_ever[] = {good, refused, good, refused};
   fg_error err = {0};

   clear_environment ();
   CU_ASSERT_TRUE (play ("{\"azure\": {}}", AZURE_KEY, steps, 2, &err));
   CU_ASSERT_TRUE (play ("{\"azure\": {}}", AZURE_KEY, warming_up, 3, &err));
   CU_ASSERT_TRUE (play ("{\"azure\": {}}", AZURE_KEY, again, 4, &err));
   CU_ASSERT_FALSE (play ("{\"azure\": {}}", AZURE_KEY, for_ever, 4, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   setenv ("AZURE_CLIENT_ID", "1234", 1);
   CU_ASSERT_TRUE (play ("{\"azure\": {}}", AZURE_KEY, user_assigned, 2, &err));
}

/* The cases of the driver specification: empty JSON, no JSON, 404, 500. */
static void
test_azure_bad_machine (void)
{
   static const struct {
      long status;
      const char *body;
      size_t requests;
   } cases[] = {{200, "{}", 1},
                {200, "no JSON", 1},
                {200, "{\"access_token\": \"T\"}", 1},
                {200, "{\"access_token\": \"T\", \"expires_in\": \"soon\"}", 1},
                {404, "", 3},
                {500, "", 3},
                {302, "", 1},
                {0, NULL, 3}};

   clear_environment ();
   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      const step s = {IMDS, NULL, cases[i].status, cases[i].body, NULL};
      const step steps[] = {s, s, s};
      fg_error err = {0};
      CU_ASSERT_FALSE (play ("{\"azure\": {}}", AZURE_KEY, steps, cases[i].requests, &err));
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_KMS);
      CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "managed identity"));
   }
}

/* A token for one cloud is not shown to a host of another domain, whoever wrote that into a key document. */
static void
test_token_stays_in_its_domain (void)
{
   const step steps[] = {{IMDS, NULL, 200, "{\"access_token\": \"T1\", \"expires_in\": 3600}", NULL},
                         {AZURE_CALL, "Authorization: Bearer T1", 200, "{\"value\": \"" DEK_BASE64 "\"}", NULL},
                         {"GET http://169.254.169.254/metadata/identity/oauth2/"
                          "token?api-version=2018-02-01&resource=https%3A%2F%2Fexample.com%2F",
                          NULL, 400, "{\"error\": \"invalid_resource\"}", NULL}};
   world w = {.steps = steps, .n = 3, .now = 1540000000};
   fg_kms_io io;
   fg_error err = {0};

   clear_environment ();
   fg_kms *kms = kms_of (&w, &io, "{\"azure\": {}}", &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (kms);
   CU_ASSERT_TRUE (unwrap (kms, AZURE_KEY, &err));
   CU_ASSERT_FALSE (
      unwrap (kms, "{\"provider\": \"azure\", \"keyVaultEndpoint\": \"evil.example.com\", \"keyName\": \"k\"}", &err));
   CU_ASSERT_FALSE (w.differs);
   CU_ASSERT_EQUAL (w.at, 3);
   fg_kms_free (kms);
}

/* --- Google ------------------------------------------------------------------------------------------------------------- */

#define GCP_KEY                                                                                                        \
   "{\"provider\": \"gcp\", \"projectId\": \"p\", \"location\": \"l\", \"keyRing\": \"r\", \"keyName\": \"k\"}"
#define GCP_CALL "POST https://cloudkms.googleapis.com/v1/projects/p/locations/l/keyRings/r/cryptoKeys/k:decrypt"
#define GCP_GOOD 200, "{\"plaintext\": \"" DEK_BASE64 "\"}", NULL

static void
test_gcp_machine (void)
{
   const step steps[] = {
      {"GET http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
       "Metadata-Flavor: Google", 200, "{\"access_token\": \"T1\", \"expires_in\": 3600}", NULL},
      {GCP_CALL, "Authorization: Bearer T1", GCP_GOOD}};
   fg_error err = {0};

   clear_environment ();
   CU_ASSERT_TRUE (play ("{\"gcp\": {}}", GCP_KEY, steps, 2, &err));
   /* The machine's token goes to Google alone. */
   CU_ASSERT_FALSE (play ("{\"gcp\": {}}",
                          "{\"provider\": \"gcp\", \"projectId\": \"p\", \"location\": \"l\", \"keyRing\": \"r\", "
                          "\"keyName\": \"k\", \"endpoint\": \"kms.example.com\"}",
                          NULL, 0, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
}

/* {type, client_email, private_key (PEM), token_uri}, as Google's console gives it out. */
static void
test_gcp_file (void)
{
   const step steps[] = {{"POST https://oauth2.example.com/tok", NULL, 200,
                          "{\"access_token\": \"T2\", \"expires_in\": 3600}", "grant-type%3Ajwt-bearer&assertion=eyJ"},
                         {GCP_CALL, "Authorization: Bearer T2", GCP_GOOD}};
   static const char no_key[] =
      "{\"client_email\": \"a@b\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END "
      "PRIVATE KEY-----\"}";
   static const char *const bad[] = {"no JSON", "{}", "{\"client_email\": \"a@b\"}", no_key,
                                     "{\"client_email\": \"a@b\", \"private_key\": \"\\u0041\"}"};
   EVP_PKEY *key = EVP_RSA_gen (2048);
   BIO *bio = BIO_new (BIO_s_mem ());
   char pem[4096] = "";
   char text[8192];
   fg_error err = {0};

   CU_ASSERT_EQUAL_FATAL (PEM_write_bio_PrivateKey (bio, key, NULL, NULL, 0, NULL, NULL), 1);
   size_t n = 0;
   for (char c; BIO_read (bio, &c, 1) == 1 && n + 2 < sizeof pem;) {
      if (c == '\n') {
         pem[n++] = '\\';
         c = 'n';
      }
      pem[n++] = c;
   }
   snprintf (text, sizeof text,
             "{\"type\": \"service_account\", \"client_email\": \"sa@p.iam.gserviceaccount.com\", \"private_key\": "
             "\"%s\", \"token_uri\": \"https://oauth2.example.com/tok\"}\n",
             pem);
   clear_environment ();
   const char *path = file_with ("sa.json", text);
   setenv ("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
   CU_ASSERT_TRUE (play ("{\"gcp\": {}}", GCP_KEY, steps, 2, &err));
   remove_file (path);
   CU_ASSERT_FALSE (play ("{\"gcp\": {}}", GCP_KEY, NULL, 0, &err));
   for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      path = file_with ("sa.json", bad[i]);
      setenv ("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
      CU_ASSERT_FALSE (play ("{\"gcp\": {}}", GCP_KEY, NULL, 0, &err));
      CU_ASSERT_PTR_NULL (strstr (err.message, "AAAA"));
      remove_file (path);
   }
   BIO_free (bio);
   EVP_PKEY_free (key);
}

/* --- Vault -------------------------------------------------------------------------------------------------------------- */

#define VAULT_KEY "{\"provider\": \"vault\", \"key\": \"k\"}"
#define VAULT_CALL "POST https://v:8200/v1/transit/decrypt/k"
#define VAULT_GOOD 200, "{\"data\": {\"plaintext\": \"" DEK_BASE64 "\"}}", NULL

static void
test_vault_files (void)
{
   const step steps[] = {{VAULT_CALL, "X-Vault-Token: hvs.file", VAULT_GOOD}};
   const step environment[] = {{VAULT_CALL, "X-Vault-Token: hvs.environment", VAULT_GOOD}};
   const char *path = file_with (".vault-token", "hvs.file\n");
   char config[300];
   fg_error err = {0};

   clear_environment ();
   snprintf (config, sizeof config, "{\"vault\": {\"endpoint\": \"v:8200\", \"tokenFile\": \"%s\"}}", path);
   CU_ASSERT_TRUE (play (config, VAULT_KEY, steps, 1, &err));
   setenv ("HOME", folder, 1);
   CU_ASSERT_TRUE (play ("{\"vault\": {\"endpoint\": \"v:8200\"}}", VAULT_KEY, steps, 1, &err));
   setenv ("VAULT_ADDR", "https://v:8200", 1);
   setenv ("VAULT_TOKEN", "hvs.environment", 1);
   CU_ASSERT_TRUE (play ("{\"vault\": {}}", VAULT_KEY, environment, 1, &err));
   setenv ("VAULT_ADDR", "http://127.0.0.1:8200", 1);
   CU_ASSERT_FALSE (play ("{\"vault\": {}}", VAULT_KEY, NULL, 0, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "TLS is required"));
   clear_environment ();
   remove_file (path);
   CU_ASSERT_FALSE (play (config, VAULT_KEY, NULL, 0, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   /* Where the token goes is not for a key document to say. */
   CU_ASSERT_FALSE (play ("{\"vault\": {\"endpoint\": \"v:8200\", \"token\": \"t\"}}",
                          "{\"provider\": \"vault\", \"key\": \"k\", \"endpoint\": \"evil.example.com\"}", NULL, 0,
                          &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
}

static void
test_vault_approle (void)
{
   static const char config[] =
      "{\"vault\": {\"endpoint\": \"v:8200\", \"namespace\": \"team\", \"roleId\": \"r-1\", \"secretId\": \"s-1\"}}";
   const step login = {"POST https://v:8200/v1/auth/approle/login", "X-Vault-Namespace: team", 200,
                       "{\"auth\": {\"client_token\": \"hvs.1\", \"lease_duration\": 600}}",
                       "{\"role_id\":\"r-1\",\"secret_id\":\"s-1\"}"};
   const step call = {VAULT_CALL, "X-Vault-Token: hvs.1", VAULT_GOOD};
   const step refused = {VAULT_CALL, NULL, 403, "{\"errors\": [\"permission denied\"]}", NULL};
   const step steps[] = {login, call};
   const step revoked[] = {login, refused, login, call};
   const step denied[] = {{login.request, NULL, 400, "{\"errors\": [\"invalid role or secret ID\"]}", NULL}};
   fg_error err = {0};

   clear_environment ();
   CU_ASSERT_TRUE (play (config, VAULT_KEY, steps, 2, &err));
   CU_ASSERT_TRUE (play (config, VAULT_KEY, revoked, 4, &err));
   CU_ASSERT_FALSE (play (config, VAULT_KEY, denied, 1, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "invalid role or secret ID"));
   CU_ASSERT_PTR_NULL (strstr (err.message, "s-1"));
   CU_ASSERT_FALSE (play ("{\"vault\": {\"endpoint\": \"v:8200\", \"roleId\": \"r\", \"secretId\": \"a\\\"b\"}}",
                          VAULT_KEY, NULL, 0, &err));
}

/* What must not be configured. */
static void
test_configurations (void)
{
   static const char *const bad[] = {
      "{\"aws:a\": {}}",
      "{\"azure:a\": {}}",
      "{\"gcp:a\": {}}",
      "{\"vault:a\": {}}",
      "{\"kmip\": {}}",
      "{\"local\": {}}",
      "{\"vault\": {\"endpoint\": \"v\", \"token\": \"t\", \"tokenFile\": \"f\"}}",
      "{\"vault\": {\"endpoint\": \"v\", \"roleId\": \"r\"}}",
      "{\"vault\": {\"endpoint\": \"v\", \"roleId\": \"r\", \"secretId\": \"s\", \"authMount\": \"../x\"}}",
      "{\"vault\": {\"token\": \"t\"}}"};

   clear_environment ();
   for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      world w = {0};
      fg_kms_io io;
      fg_error err = {0};
      fg_kms *kms = kms_of (&w, &io, bad[i], &err);
      CU_ASSERT_PTR_NULL (kms);
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_KMS);
      fg_kms_free (kms);
   }
}

const fg_test fg_tests[] = {
   {"aws_environment", test_aws_environment},
   {"aws_container", test_aws_container},
   {"aws_instance", test_aws_instance},
   {"aws_web_identity", test_aws_web_identity},
   {"kept_until_they_expire", test_kept_until_they_expire},
   {"azure_machine", test_azure_machine},
   {"azure_bad_machine", test_azure_bad_machine},
   {"token_stays_in_its_domain", test_token_stays_in_its_domain},
   {"gcp_machine", test_gcp_machine},
   {"gcp_file", test_gcp_file},
   {"vault_files", test_vault_files},
   {"vault_approle", test_vault_approle},
   {"configurations", test_configurations},
   {NULL, NULL},
};
