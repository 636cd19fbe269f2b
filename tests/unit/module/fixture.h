/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_MODULE_FIXTURE_H
#define FG_TEST_MODULE_FIXTURE_H

/* fieldguard.so in the real loader, a protected collection, and a host that does what a host does around one write. */

#include "base/base.h"
#include "tests/unit/runner.h"

#include <fieldguard/audit.h>
#include <fieldguard/host.h>

#include <bson/bson.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct world {
   char dir[64];
   char audit[128];
   fg_loader *loader;
   fg_collection *people; /* ssn: random string; */
   char logged[8192];
   fg_refusal refusal; /* of the last write or DDL; err_info already released */
   char details[2048]; /* its errInfo as JSON */
} world;

#define PROTECTED                                                                                                      \
   "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"ssn\":{\"encrypt\":{\"bsonType\":\"string\",\"algorithm\":"     \
   "\"AEAD_AES_256_CBC_HMAC_SHA_512-Random\",\"keyId\":[{\"$binary\":{\"base64\":\"AQEBAQEBAQEBAQEBAQEBAQ==\","        \
   "\"subType\":\"04\"}}]}}}}}}"
#define UNPROTECTED "{\"validator\":{\"$jsonSchema\":{\"required\":[\"x\"]}}}"

static inline void
keep_log (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   world *w = ctx;
   size_t n = strlen (w->logged);

   (void)severity;
   (void)id;
   snprintf (w->logged + n, sizeof w->logged - n, "%s %s\n", message, attr_json ? attr_json : "");
}

static inline void
setting (world *w, const char *name, const char *value)
{
   fg_error err = {0};

   CU_ASSERT (fg_loader_set_setting (w->loader, name, value, true, NULL, &err));
   CU_ASSERT_STRING_EQUAL (err.message, "");
}

/* settings: "name=value", ended by NULL; the audit path comes by itself unless settings[0] is "". */
static inline bool
begin_in (world *w, uint32_t host_flags, const char *const *settings, fg_error *err)
{
   const fg_loader_options options = {.size = sizeof options,
                                      .host_name = "test",
                                      .host_version = "1",
                                      .host_flags = host_flags,
                                      .ctx = w,
                                      .log = keep_log};
   char path[512];

   memset (w, 0, sizeof *w);
   snprintf (w->dir, sizeof w->dir, "/tmp/fg-module-XXXXXX");
   CU_ASSERT_FATAL (mkdtemp (w->dir) != NULL);
   snprintf (w->audit, sizeof w->audit, "%s/audit.log", w->dir);
   w->loader = fg_loader_new (&options, NULL);
   CU_ASSERT_FATAL (w->loader != NULL);
   snprintf (path, sizeof path, "%s/lib/fieldguard.so", fg_test_build_dir ());
   CU_ASSERT_FATAL (fg_loader_load (w->loader, path, NULL));
   if (!settings[0] || settings[0][0]) {
      setting (w, "fieldguard.auditPath", w->audit);
   }
   for (; *settings; settings++) {
      char name[64];
      const char *equals = strchr (*settings, '=');
      if (equals) {
         snprintf (name, sizeof name, "%.*s", (int)(equals - *settings), *settings);
         setting (w, name, equals + 1);
      }
   }
   return fg_loader_start (w->loader, err);
}

static inline bool
begin_with (world *w, const char *const *settings, fg_error *err)
{
   return begin_in (w, FG_HOST_HAS_POST_IMAGE | FG_HOST_JUDGES_RENAMES, settings, err);
}

static inline void
end (world *w)
{
   char command[128];
   fg_ddl_request unload = {.size = sizeof unload, .ddl = FG_DDL_UNLOAD};

   if (w->people) {
      unload.collection = w->people;
      fg_loader_ddl_apply (w->loader, &unload);
      fg_collection_free (w->people);
   }
   fg_loader_free (w->loader);
   snprintf (command, sizeof command, "rm -rf '%s'", w->dir);
   CU_ASSERT (system (command) == 0);
}

/* --- documents ------------------------------------------------------------------------------------------------------------ */

static inline bson_t *
json (const char *text)
{
   bson_error_t error;
   bson_t *doc = bson_new_from_json ((const uint8_t *)text, -1, &error);

   CU_ASSERT_FATAL (doc != NULL);
   return doc;
}

/* {ssn: <what encrypting a short string at random gives>}: first byte, key id, type, IV, one block, tag. */
static inline bson_t *
encrypted (uint8_t first_byte)
{
   uint8_t blob[18 + 16 + 16 + 32];
   bson_t *doc = bson_new ();

   for (size_t i = 0; i < sizeof blob; i++) {
      blob[i] = (uint8_t)(i * 37 + 129);
   }
   blob[0] = first_byte;
   memset (blob + 1, 1, 16);
   blob[17] = 2;
   BSON_APPEND_BINARY (doc, "ssn", BSON_SUBTYPE_ENCRYPTED, blob, sizeof blob);
   return doc;
}

/* --- what a host does ------------------------------------------------------------------------------------------------------- */

static inline void
keep_refusal (world *w, fg_refusal *refusal)
{
   w->refusal = *refusal;
   w->details[0] = '\0';
   if (refusal->err_info) {
      bson_t view;
      CU_ASSERT_FATAL (bson_init_static (&view, refusal->err_info, refusal->err_info_len));
      char *text = bson_as_canonical_extended_json (&view, NULL);
      snprintf (w->details, sizeof w->details, "%s", text);
      bson_free (text);
   }
   fg_refusal_release (refusal);
}

/* Prepares and applies; new_options NULL: none. Returns the refusal's code, 0 when done. */
static inline int
ddl (world *w, fg_ddl kind, fg_collection *collection, const char *new_options, fg_collection *target)
{
   bson_t *options = new_options ? json (new_options) : NULL;
   fg_ddl_request request = {.size = sizeof request, .ddl = kind, .collection = collection, .target = target};
   fg_refusal refusal;

   request.target_ns = target ? fg_collection_ns (target) : NULL;
   if (options) {
      request.new_options = bson_get_data (options);
      request.new_options_len = options->len;
   }
   bool ok = kind == FG_DDL_LOAD || fg_loader_ddl_prepare (w->loader, &request, &refusal);
   if (ok) {
      fg_loader_ddl_apply (w->loader, &request);
      w->refusal = (fg_refusal){0};
   } else {
      keep_refusal (w, &refusal);
   }
   bson_destroy (options);
   return ok ? 0 : w->refusal.code;
}

static inline void
begin (world *w, const char *const *settings)
{
   fg_error err = {0};

   CU_ASSERT_FATAL (begin_with (w, settings, &err));
   w->people = fg_collection_new ("hr.people", (const uint8_t *)"0123456789abcdef", NULL);
   CU_ASSERT_FATAL (w->people != NULL);
   CU_ASSERT_EQUAL (ddl (w, FG_DDL_CREATE, w->people, PROTECTED, NULL), 0);
}

static const fg_client_info test_client = {.size = sizeof test_client,
                                           .remote_ip = "127.0.0.1",
                                           .local_ip = "127.0.0.2",
                                           .remote_port = 1234,
                                           .local_port = 27017,
                                           .user = "ann\"a",
                                           .user_db = "admin",
                                           .connection_id = 7};

/* One write, judged, ended and synced. Takes doc. Returns the code that the client would see. */
static inline int
write_raw (world *w, fg_collection *collection, const uint8_t *data, size_t len, uint32_t flags, bool commit)
{
   fg_unit unit;
   fg_refusal refusal;
   int code = 0;

   fg_unit_begin (&unit, &test_client);
   fg_verdict verdict = fg_loader_validate (w->loader, &unit, collection, FG_OP_INSERT, FG_PHASE_STORED, flags, data,
                                            len, NULL, 0, &refusal);
   keep_refusal (w, &refusal);
   if (verdict == FG_VERDICT_REJECT) {
      code = w->refusal.code;
   } else if (!fg_loader_prepare_commit (w->loader, &unit, &refusal)) {
      keep_refusal (w, &refusal);
      code = w->refusal.code;
   }
   if (code == 0 && commit) {
      fg_loader_committed (w->loader, &unit);
   } else {
      fg_loader_rolled_back (w->loader, &unit);
   }
   if (!fg_loader_sync (w->loader, &refusal)) {
      keep_refusal (w, &refusal);
      code = w->refusal.code;
   }
   return code;
}

static inline int
write_doc (world *w, bson_t *doc, uint32_t flags)
{
   int code = write_raw (w, w->people, bson_get_data (doc), doc->len, flags, true);
   bson_destroy (doc);
   return code;
}

/* --- what is on record ---------------------------------------------------------------------------------------------------- */

static inline char *
audit_text (const world *w)
{
   FILE *in = fopen (w->audit, "r");
   char *text = calloc (1, 1 << 20);

   CU_ASSERT_FATAL (text != NULL);
   if (in) {
      (void)!fread (text, 1, (1 << 20) - 1, in);
      fclose (in);
   }
   return text;
}

/* How many audit lines hold both pieces. */
static inline int
records (const world *w, const char *piece, const char *another)
{
   char *text = audit_text (w);
   char *rest = NULL;
   int n = 0;

   for (char *line = strtok_r (text, "\n", &rest); line; line = strtok_r (NULL, "\n", &rest)) {
      n += strstr (line, piece) && strstr (line, another);
   }
   free (text);
   return n;
}

typedef struct wanted_stat {
   const char *name;
   int64_t value;
} wanted_stat;

static inline void
take_stat (const fg_stat_sink *sink, const char *name, int64_t value)
{
   wanted_stat *wanted = sink->ctx;

   if (strcmp (name, wanted->name) == 0) {
      wanted->value = value;
   }
}

static inline void
ignore_text (const fg_stat_sink *sink, const char *name, const char *value)
{
   (void)sink;
   (void)name;
   (void)value;
}

static inline int64_t
stat_of (world *w, const char *name)
{
   wanted_stat wanted = {name, -1};
   const fg_stat_sink sink = {.size = sizeof sink, .ctx = &wanted, .int64 = take_stat, .text = ignore_text};

   fg_loader_stats (w->loader, &sink);
   return wanted.value;
}

#define PLAIN "{\"ssn\":\"123-45-6789\"}"
#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_SETTINGS ((const char *const[]){NULL})

#endif /* FG_TEST_MODULE_FIXTURE_H */
