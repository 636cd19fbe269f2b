/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/certificate.h"
#include "client/keys/shred.h"
#include "client/kms/call.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const fg_suite_name = "client.shred";

/* --- a Transit engine with two keys, which may refuse, or lie ------------------------------------------------------------------ */

typedef struct transit {
   struct {
      int latest, min_decryption, min_encryption, min_available;
   } keys[2]; /* "old", "new" */
   bool refuses; /* config and trim: 403 */
   bool says_trimmed; /* and is not */
   bool forgets_to_trim; /* takes the order, and neither does nor says it */
   bool new_is_dead; /* decrypts nothing under "new" */
   int made; /* a driver inserts a key under "old" at the next disabling, once */
   fg_key_vault *vault;
   fg_client *driver;
} transit;

static const char *
after (const char *text, const char *name)
{
   const char *at = strstr (text, name);

   return at ? at + strlen (name) : NULL;
}

static int
number (const char *body, const char *name)
{
   const char *at = after (body, name);

   return at ? (int)strtol (at, NULL, 10) : 0;
}

static void
answer (fg_http_reply *reply, long status, const char *text)
{
   reply->status = status;
   reply->len = strlen (text);
   memcpy (reply->body->bytes, text, reply->len);
}

static void
encrypt (transit *t, int key, const char *body, fg_http_reply *reply)
{
   char text[1024];
   const char *plain = after (body, "\"plaintext\":\"");

   snprintf (text, sizeof text, "{\"data\":{\"ciphertext\":\"vault:v%d:%.*s\"}}", t->keys[key].latest,
             (int)strcspn (plain, "\""), plain);
   answer (reply, 200, text);
}

static void
decrypt (transit *t, int key, const char *body, fg_http_reply *reply)
{
   char text[1024];
   const char *version = after (body, "vault:v");
   int n = (int)strtol (version, NULL, 10);
   const char *plain = strchr (version, ':') + 1;
   bool gone = n < t->keys[key].min_decryption || n < t->keys[key].min_available;

   if ((gone && !t->says_trimmed) || (key == 1 && t->new_is_dead)) {
      answer (reply, 400, "{\"errors\":[\"ciphertext version is disallowed\"]}");
      return;
   }
   snprintf (text, sizeof text, "{\"data\":{\"plaintext\":\"%.*s\"}}", (int)strcspn (plain, "\""), plain);
   answer (reply, 200, text);
}

static void
describe (const transit *t, int key, fg_http_reply *reply)
{
   char text[512];

   snprintf (text, sizeof text,
             "{\"data\":{\"latest_version\":%d,\"min_decryption_version\":%d,\"min_encryption_version\":%d,"
             "\"min_available_version\":%d}}",
             t->keys[key].latest, t->keys[key].min_decryption, t->keys[key].min_encryption, t->keys[key].min_available);
   answer (reply, 200, text);
}

static void
configure (transit *t, int key, const char *body, fg_http_reply *reply)
{
   int decryption = number (body, "\"min_decryption_version\": ");

   if (t->made && decryption > 1) {
      /* Wrapped before the KMS refused it, and inserted now. */
      bson_t *master_key = bson_new_from_json ((const uint8_t *)"{\"key\":\"old\"}", -1, NULL);
      fg_key_document_parts parts = {.id = (const uint8_t *)"0123456789abcdef", .now_ms = 1};
      uint8_t zero[96] = {0};
      fg_wrapped wrapped;
      bson_t stored;
      t->made = 0;
      CU_ASSERT_TRUE (fg_kms_wrap (t->driver->kms, "vault", master_key, zero, &wrapped, &stored, NULL));
      parts.material = wrapped.bytes;
      parts.material_len = wrapped.len;
      parts.master_key = &stored;
      bson_t *document = fg_key_document_build (&parts, NULL);
      CU_ASSERT_TRUE (t->vault->ops->insert (t->vault->self, document, NULL));
      bson_destroy (document);
      bson_destroy (&stored);
      bson_destroy (master_key);
   }
   t->keys[key].min_decryption = decryption;
   t->keys[key].min_encryption = number (body, "\"min_encryption_version\": ");
   answer (reply, 204, "");
}

static bool
http (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request, fg_http_reply *reply,
      fg_io_failure *failure, fg_error *err)
{
   transit *t = ctx;
   char body[1024] = "";
   int key = strstr (request->path, "/old") ? 0 : 1;

   (void)tls;
   (void)timeout_ms;
   (void)failure;
   (void)err;
   if (request->body_len) {
      memcpy (body, request->body, request->body_len < sizeof body - 1 ? request->body_len : sizeof body - 1);
   }
   if (strstr (request->path, "/encrypt/")) {
      encrypt (t, key, body, reply);
   } else if (strstr (request->path, "/decrypt/")) {
      decrypt (t, key, body, reply);
   } else if (strcmp (request->method, "GET") == 0) {
      describe (t, key, reply);
   } else if (t->refuses) {
      answer (reply, 403, "{\"errors\":[\"permission denied\"]}");
   } else if (strstr (request->path, "/rotate")) {
      t->keys[key].latest++;
      answer (reply, 204, "");
   } else if (strstr (request->path, "/config")) {
      configure (t, key, body, reply);
   } else {
      if (!t->forgets_to_trim) {
         t->keys[key].min_available = number (body, "\"min_available_version\": ");
      }
      answer (reply, 204, "");
   }
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

/* --- a vault with two keys under "old", one of which is shredded ---------------------------------------------------------------- */

typedef struct scene {
   transit t;
   fg_kms_io io;
   fg_key_vault *vault;
   fg_client *client;
   fg_shred shred;
   fg_roll roll;
   char dir[64];
   char backup[96];
} scene;

static bson_t *
json (const char *text)
{
   return bson_new_from_json ((const uint8_t *)text, -1, NULL);
}

static fg_client *
new_client (scene *s)
{
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   bson_t *providers = json ("{\"vault\":{\"endpoint\":\"v.x\",\"token\":\"t\"}}");

   options.key_vault = s->vault;
   options.kms_providers = providers;
   fg_client *client = fg_client_new_with_io (&options, &s->io, NULL);
   bson_destroy (providers);
   return client;
}

static void
make_key (scene *s, const char *name, uint8_t id[FG_KEY_ID_LEN])
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   bson_t *master_key = json ("{\"key\":\"old\"}");

   options.master_key = master_key;
   options.key_alt_names = &name;
   options.n_key_alt_names = 1;
   CU_ASSERT_TRUE (fg_client_create_data_key (s->client, "vault", &options, id, NULL));
   bson_destroy (master_key);
}

static void
begin (scene *s)
{
   uint8_t id[FG_KEY_ID_LEN];
   bson_t *names = json ("{\"0\":\"user:42\"}");

   memset (s, 0, sizeof *s);
   for (int i = 0; i < 2; i++) {
      s->t.keys[i].latest = 1;
      s->t.keys[i].min_decryption = 1;
   }
   s->io = (fg_kms_io){.ctx = &s->t, .http = http, .now = now, .pause_ms = no_pause};
   s->vault = fg_key_vault_memory_new (NULL);
   s->client = new_client (s);
   s->t.vault = s->vault;
   s->t.driver = s->client;
   CU_ASSERT_PTR_NOT_NULL_FATAL (s->client);
   make_key (s, "user:41", id);
   make_key (s, "user:42", id);
   snprintf (s->dir, sizeof s->dir, "/tmp/fieldguard-shred-XXXXXX");
   CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (s->dir));
   snprintf (s->backup, sizeof s->backup, "%s/backup.json", s->dir);
   s->shred = (fg_shred){.client = s->client, .dir = s->dir};
   snprintf (s->roll.id, sizeof s->roll.id, "00112233-4455-4677-8899-aabbccddeeff");
   s->roll.vault = strdup ("memory");
   s->roll.backup = strdup (s->backup);
   s->roll.old_master_key = json ("{\"provider\":\"vault\",\"key\":\"old\"}");
   s->roll.new_master_key = json ("{\"provider\":\"vault\",\"key\":\"new\"}");
   s->roll.retention_ms = -1;
   s->roll.began_ms = 1;
   CU_ASSERT_TRUE (fg_roll_add_key (&s->roll, id, names, NULL));
   bson_destroy (names);
}

static void
end (scene *s)
{
   char command[128];

   fg_roll_clear (&s->roll);
   fg_client_free (s->client);
   fg_key_vault_free (s->vault);
   snprintf (command, sizeof command, "rm -rf '%s'", s->dir);
   CU_ASSERT_EQUAL (system (command), 0); /* NOLINT(cert-env33-c): a folder of our own */
}

static bool
keep_last (void *ctx, const bson_t *param)
{
   bson_t **last = ctx;

   bson_destroy (*last);
   *last = bson_copy (param);
   return true;
}

static bson_t *
last_certificate (const scene *s)
{
   fg_audit_report report = {.size = sizeof report};
   bson_t *last = NULL;

   CU_ASSERT_TRUE (fg_certificates_read (s->dir, NULL, keep_last, &last, &report, NULL));
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   return last;
}

static size_t
under (const scene *s, const char *key)
{
   char text[64];
   fg_epoch_census census = {0};

   snprintf (text, sizeof text, "{\"provider\":\"vault\",\"key\":\"%s\"}", key);
   bson_t *master_key = json (text);
   CU_ASSERT_TRUE (fg_shred_census (&s->shred, master_key, &census, NULL));
   bson_destroy (master_key);
   return census.under;
}

/* --- the cases ---------------------------------------------------------------------------------------------------------------------- */

static void
test_to_the_end (void)
{
   scene s;
   fg_error err = {0};

   begin (&s);
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (s.roll.stage, FG_ROLL_DONE);
   CU_ASSERT_EQUAL (under (&s, "old"), 0);
   CU_ASSERT_EQUAL (under (&s, "new"), 2); /* the survivor and the marker */
   bson_t *certificate = last_certificate (&s);
   CU_ASSERT_STRING_EQUAL (fg_kms_text_at (certificate, "stage"), "ended");
   CU_ASSERT_STRING_EQUAL (fg_kms_text_at (certificate, "kms.state"), "destroyed");
   CU_ASSERT_STRING_EQUAL (fg_kms_text_at (certificate, "keys.0.keyAltNames.0"), "user:42");
   CU_ASSERT_FALSE (fg_kms_bool_at (certificate, "kms.opensHereStill"));
   CU_ASSERT_PTR_NULL (fg_kms_text_at (certificate, "kms.canBeUndoneBy"));
   bson_destroy (certificate);
   end (&s);
}

static void
test_grace (void)
{
   scene s;
   fg_error err = {0};
   bson_t *certificate;

   begin (&s);
   s.roll.grace_ms = 3600000;
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (s.roll.stage, FG_ROLL_GRACE);
   CU_ASSERT_EQUAL (s.t.keys[0].min_available, 0); /* disabled, not destroyed */
   CU_ASSERT_EQUAL (s.t.keys[0].min_decryption, s.t.keys[0].latest);
   certificate = last_certificate (&s);
   CU_ASSERT_STRING_EQUAL (fg_kms_text_at (certificate, "stage"), "rolled");
   CU_ASSERT_STRING_EQUAL (fg_kms_text_at (certificate, "kms.state"), "disabled");
   bson_destroy (certificate);
   s.roll.grace_until_ms = 1;
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (s.roll.stage, FG_ROLL_DONE);
   end (&s);
}

static void
test_kms_refuses (void)
{
   scene s;
   fg_error err = {0};

   begin (&s);
   s.t.refuses = true;
   CU_ASSERT_FALSE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (s.roll.stage, FG_ROLL_DESTROYING); /* all but the end */
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   CU_ASSERT_EQUAL (under (&s, "old"), 0);
   CU_ASSERT_PTR_NOT_NULL (strstr (s.roll.close_note, "refused: "));
   CU_ASSERT_PTR_NOT_NULL (strstr (s.roll.disable_note, "permission denied"));
   bson_t *certificate = last_certificate (&s);
   CU_ASSERT_STRING_EQUAL (fg_kms_text_at (certificate, "stage"), "rolled");
   CU_ASSERT_TRUE (fg_kms_bool_at (certificate, "kms.opensHereStill"));
   bson_destroy (certificate);
   s.t.refuses = false;
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (s.roll.stage, FG_ROLL_DONE);
   end (&s);
}

static void
test_kms_lies (void)
{
   scene s;
   fg_error err = {0};

   begin (&s);
   s.t.forgets_to_trim = true;
   CU_ASSERT_FALSE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_MISMATCH);
   s.t.forgets_to_trim = false;
   s.t.says_trimmed = true; /* and unwraps all the same */
   CU_ASSERT_FALSE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_MISMATCH);
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "still unwraps"));
   bson_t *certificate = last_certificate (&s);
   CU_ASSERT_STRING_EQUAL (fg_kms_text_at (certificate, "stage"), "rolled");
   bson_destroy (certificate);
   s.t.says_trimmed = false;
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   end (&s);
}

/* A key that a driver wrapped before the KMS refused it, and stored after the vault was read: the old master key is enabled once more for it. */
static void
test_late_key (void)
{
   scene s;
   fg_error err = {0};

   begin (&s);
   s.t.made = 1;
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_EQUAL (s.t.made, 0);
   CU_ASSERT_EQUAL (s.roll.stage, FG_ROLL_DONE);
   CU_ASSERT_EQUAL (under (&s, "old"), 0);
   CU_ASSERT_EQUAL (under (&s, "new"), 3);
   end (&s);
}

static void
test_backup_does_not_open (void)
{
   scene s;
   fg_error err = {0};

   begin (&s);
   s.roll.grace_ms = 3600000;
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   s.t.new_is_dead = true;
   s.roll.grace_until_ms = 1;
   CU_ASSERT_FALSE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "the old epoch stays"));
   CU_ASSERT_EQUAL (s.roll.stage, FG_ROLL_GRACE);
   CU_ASSERT_EQUAL (s.t.keys[0].min_available, 0);
   end (&s);
}

/* Every stage again from its start, with the journal that is on disk. */
static void
test_journal (void)
{
   scene s;
   fg_error err = {0};
   fg_rolls rolls;

   begin (&s);
   s.roll.grace_ms = 3600000;
   CU_ASSERT_TRUE (fg_roll_save (s.dir, &s.roll, &err));
   CU_ASSERT_TRUE (fg_shred_run (&s.shred, &s.roll, &err));
   CU_ASSERT_TRUE (fg_rolls_load (s.dir, &rolls, &err));
   CU_ASSERT_EQUAL_FATAL (rolls.n, 1);
   CU_ASSERT_EQUAL (rolls.list[0].stage, FG_ROLL_GRACE);
   CU_ASSERT_EQUAL (rolls.list[0].n_keys, 1);
   CU_ASSERT_STRING_EQUAL (rolls.list[0].backup, s.backup);
   for (int stage = FG_ROLL_DELETING; stage < FG_ROLL_GRACE; stage++) {
      if (stage != FG_ROLL_HELD) {
         rolls.list[0].stage = (fg_roll_stage)stage;
         CU_ASSERT_TRUE (fg_shred_run (&s.shred, &rolls.list[0], &err));
         CU_ASSERT_EQUAL (rolls.list[0].stage, FG_ROLL_GRACE);
      }
   }
   int lock = fg_rolls_lock (s.dir, &err);
   CU_ASSERT_TRUE (lock >= 0);
   CU_ASSERT_EQUAL (fg_rolls_lock (s.dir, &err), -1);
   close (lock);
   fg_rolls_clear (&rolls);
   end (&s);
}

static void
test_bad_journal (void)
{
   static const char *const bad[] = {
      "",
      "{",
      "{}",
      "{\"version\":1}",
      "{\"version\":2,\"roll\":\"00112233-4455-4677-8899-aabbccddeeff\"}",
      "{\"version\":1,\"roll\":\"../../x\",\"stage\":\"held\"}",
      "{\"version\":1,\"roll\":\"00112233-4455-4677-8899-aabbccddeeff\",\"stage\":\"other\"}",
      "{\"version\":1,\"roll\":\"00112233-4455-4677-8899-aabbccddeeff\",\"stage\":\"grace\",\"vault\":\"v\","
      "\"oldMasterKey\":{\"provider\":\"local\"},\"keys\":[]}"};

   for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      fg_roll roll = {0};
      fg_error err = {0};
      CU_ASSERT_FALSE (fg_roll_parse ((const uint8_t *)bad[i], strlen (bad[i]), &roll, &err));
      CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
   }
}

const fg_test fg_tests[] = {{"to-the-end", test_to_the_end},
                            {"grace", test_grace},
                            {"kms-refuses", test_kms_refuses},
                            {"kms-lies", test_kms_lies},
                            {"late-key", test_late_key},
                            {"backup-does-not-open", test_backup_does_not_open},
                            {"journal", test_journal},
                            {"bad-journal", test_bad_journal},
                            {NULL, NULL}};
