/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/rewrap.h"

#include "tests/unit/client/fake_kms.h"

#include <time.h>

const char *const fg_suite_name = "client.rewrap";

typedef struct scene {
   fake_kms kms;
   fg_key_vault *vault;
   fg_client *client;
   fg_key_list before;
   bson_t *master_key;
   fg_rewrap_run run;
   size_t n_before; /* keys that the callbacks saw */
   size_t n_after;
   size_t fail_before_at; /* the journal is full from then on */
   size_t last_done;
} scene;

static bool
note_before (void *ctx, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   scene *s = ctx;

   s->n_before += n;
   if (s->fail_before_at && s->n_before > s->fail_before_at) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NO_SPACE, NULL, "no space");
   }
   for (size_t i = 0; i < n; i++) {
      CU_ASSERT_EQUAL (keys[i]->outcome, FG_REWRAP_READY);
   }
   return true;
}

static bool
note_after (void *ctx, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   scene *s = ctx;

   (void)keys;
   (void)err;
   s->n_after += n;
   return true;
}

static void
note_progress (void *ctx, size_t done, size_t total)
{
   scene *s = ctx;

   CU_ASSERT (done <= total && done >= s->last_done);
   s->last_done = done;
}

static void
read_keys (scene *s)
{
   CU_ASSERT_FATAL (fg_key_list_fill (&s->before, s->vault, NULL, NULL));
   s->run.n = s->before.n;
   s->run.keys = calloc (s->before.n + 1, sizeof *s->run.keys);
   for (size_t i = 0; i < s->before.n; i++) {
      s->run.keys[i].document = s->before.docs[i];
   }
}

static void
begin (scene *s, size_t n, const char *from, const char *to)
{
   memset (s, 0, sizeof *s);
   s->vault = fg_key_vault_memory_new (NULL);
   s->client = client_with (s->vault, &s->kms, 1);
   create_keys (s->client, from, n);
   s->master_key = strcmp (to, "aws") == 0 ? json_of (AWS_MASTER) : NULL;
   s->run.client = s->client;
   s->run.provider = to;
   s->run.master_key = s->master_key;
   s->run.before = note_before;
   s->run.after = note_after;
   s->run.progress = note_progress;
   s->run.ctx = s;
   read_keys (s);
   atomic_store (&s->kms.requests, 0);
}

static void
end (scene *s)
{
   for (size_t i = 0; i < s->run.n; i++) {
      fg_rewrap_key_clear (&s->run.keys[i]);
   }
   free (s->run.keys);
   fg_key_list_clear (&s->before);
   bson_destroy (s->master_key);
   fg_client_free (s->client);
   fg_key_vault_free (s->vault);
}

static size_t
count (const scene *s, fg_rewrap_outcome outcome)
{
   size_t n = 0;

   for (size_t i = 0; i < s->run.n; i++) {
      n += s->run.keys[i].outcome == outcome;
   }
   return n;
}

static void
test_all (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 300, "local", "aws");
   CU_ASSERT (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_STRING_EQUAL (err.message, "");
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_DONE), 300);
   CU_ASSERT (s.n_before == 300 && s.n_after == 300 && s.last_done == 300);
   CU_ASSERT_EQUAL (count_under (s.vault, "aws"), 300);
   CU_ASSERT_EQUAL (atomic_load (&s.kms.requests), 600); /* Encrypt and Decrypt */
   CU_ASSERT (same_keys (s.client, &s.before, s.client));
   end (&s);
}

static void
test_own_master_key (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 10, "local:other", "local");
   s.run.provider = NULL;
   s.run.parallel = 1;
   CU_ASSERT (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (count_under (s.vault, "local:other"), 10);
   CU_ASSERT (same_keys (s.client, &s.before, s.client));
   end (&s);
}

static void
test_dry (void)
{
   scene s;
   fg_key_list after = {0};

   begin (&s, 20, "local", "local:other");
   s.run.dry_run = true;
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_READY), 20);
   CU_ASSERT (s.n_before == 0 && s.n_after == 0 && s.last_done == 20);
   CU_ASSERT (fg_key_list_fill (&after, s.vault, NULL, NULL) && fg_key_list_equal (&s.before, &after));
   fg_key_list_clear (&after);
   end (&s);
}

static void
test_nothing (void)
{
   scene s;

   begin (&s, 0, "local", "aws");
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   end (&s);
}

static void
test_lie (void)
{
   scene s;
   fg_error err = {0};
   fg_key_list after = {0};

   begin (&s, 3, "local", "aws");
   s.kms.lies = true;
   CU_ASSERT (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_NOT_WRAPPED), 3);
   CU_ASSERT (strstr (s.run.keys[0].why, "another key") && s.run.keys[0].code == FG_E_CORRUPT);
   CU_ASSERT (fg_key_list_fill (&after, s.vault, NULL, NULL) && fg_key_list_equal (&s.before, &after));
   fg_key_list_clear (&after);
   end (&s);
}

/* Half-way through the KMS breaks: what is done stays done, the rest is untouched. */
static void
test_breaks (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 200, "local", "aws");
   s.kms.fail_after = 200;
   CU_ASSERT_FALSE (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_KMS);
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "one after another"));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "out of order"));
   size_t done = count (&s, FG_REWRAP_DONE);
   CU_ASSERT (done > 50 && done <= 100);
   CU_ASSERT (count (&s, FG_REWRAP_NOT_TRIED) > 50);
   CU_ASSERT_EQUAL (count_under (s.vault, "aws"), done);
   s.kms.fail_after = 0;
   CU_ASSERT (same_keys (s.client, &s.before, s.client));
   end (&s);
}

static void
test_throttled (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 60, "local", "aws");
   s.kms.throttle_every = 7;
   s.run.pace = fg_pace_new (0, 2, NULL, &err);
   CU_ASSERT (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_DONE), 60);
   CU_ASSERT (fg_pace_throttlings (s.run.pace) >= 17);
   fg_pace_free (s.run.pace);
   end (&s);
}

static int64_t
now_ms (void)
{
   struct timespec t;

   clock_gettime (CLOCK_MONOTONIC, &t);
   return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
test_rate (void)
{
   scene s;
   int64_t start;

   begin (&s, 20, "local", "aws");
   s.run.pace = fg_pace_new (100, 0, NULL, NULL);
   start = now_ms ();
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   CU_ASSERT (now_ms () - start >= 380); /* 40 requests, 10 ms apart */
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_DONE), 20);
   fg_pace_free (s.run.pace);
   end (&s);
}

/* Always throttled: tried for a while, then given up, and the run ends. */
static void
test_throttled_for_ever (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 30, "local", "aws");
   s.kms.throttle_every = 1;
   s.run.pace = fg_pace_new (0, 1, NULL, NULL);
   s.run.parallel = 8;
   CU_ASSERT_FALSE (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_BUSY);
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_DONE), 0);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 30);
   fg_pace_free (s.run.pace);
   end (&s);
}

static void
test_one_does_not_open (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 0, "local", "local:other");
   end (&s);
   begin (&s, 40, "local", "local:other");
   /* A key of somebody else's master key. */
   fg_client *stranger = client_with (s.vault, &s.kms, 100);
   create_keys (stranger, "local", 12);
   fg_client_free (stranger);
   free (s.run.keys);
   fg_key_list_clear (&s.before);
   read_keys (&s);
   CU_ASSERT (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_DONE), 40);
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_NOT_OPENED), 12);
   CU_ASSERT_PTR_NOT_NULL (strstr (s.run.keys[45].why, "master key"));
   end (&s);
}

static void
test_journal_full (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 300, "local", "local:other");
   s.fail_before_at = 100;
   CU_ASSERT_FALSE (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NO_SPACE);
   CU_ASSERT_EQUAL (count_under (s.vault, "local:other"), count (&s, FG_REWRAP_DONE));
   CU_ASSERT (count (&s, FG_REWRAP_DONE) <= 100);
   end (&s);
}

/* Somebody rewraps and deletes keys after they were read. */
static void
test_changed_meanwhile (void)
{
   scene s;
   fg_rewrap_result result;
   fg_rewrap_options options = FG_REWRAP_OPTIONS_INIT;
   bson_t *filter = bson_new ();
   bool deleted;

   begin (&s, 20, "local", "local:other");
   fg_key_document doc;
   CU_ASSERT (fg_key_document_parse (s.before.docs[4], &doc, NULL));
   bson_append_binary (filter, "_id", 3, BSON_SUBTYPE_UUID, doc.id, 16);
   CU_ASSERT (fg_client_rewrap_many_data_key (s.client, filter, &options, &result, NULL));
   CU_ASSERT_EQUAL (result.rewrapped, 1);
   CU_ASSERT (fg_key_document_parse (s.before.docs[9], &doc, NULL));
   CU_ASSERT (fg_client_delete_key (s.client, doc.id, &deleted, NULL) && deleted);
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_DONE), 18);
   CU_ASSERT (s.run.keys[4].outcome == FG_REWRAP_CHANGED && s.run.keys[9].outcome == FG_REWRAP_CHANGED);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 1);
   bson_destroy (filter);
   end (&s);
}

static void
test_no_key_document (void)
{
   scene s;

   begin (&s, 2, "local", "local:other");
   bson_t *odd = json_of ("{\"_id\": 1}");
   s.run.keys[0].document = odd;
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   CU_ASSERT (s.run.keys[0].outcome == FG_REWRAP_NO_KEY && s.run.keys[0].why);
   CU_ASSERT_EQUAL (s.run.keys[1].outcome, FG_REWRAP_DONE);
   bson_destroy (odd);
   end (&s);
}

/* Putting wrappings back that are at hand. */
static void
test_given (void)
{
   scene s;
   fg_key_list now = {0};
   fg_given_wrapping given[5];
   fg_key_document old[5];

   begin (&s, 5, "local", "aws");
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   CU_ASSERT (fg_key_list_fill (&now, s.vault, NULL, NULL));
   for (size_t i = 0; i < 5; i++) {
      /* The third gets the fourth's: another key. */
      CU_ASSERT (fg_key_document_parse (s.before.docs[i == 2 ? 3 : i], &old[i], NULL));
      given[i] = (fg_given_wrapping){&old[i].master_key, old[i].material, old[i].material_len, i < 2};
      fg_rewrap_key_clear (&s.run.keys[i]);
      s.run.keys[i].document = now.docs[i];
      s.run.keys[i].given = &given[i];
   }
   s.last_done = 0;
   s.kms.fail_after = 1; /* the KMS is gone: only what is on record can go back */
   atomic_store (&s.kms.requests, 10);
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_DONE), 2);
   CU_ASSERT_EQUAL (count (&s, FG_REWRAP_NOT_OPENED), 3);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 2);
   for (size_t i = 2; i < 5; i++) {
      fg_rewrap_key_clear (&s.run.keys[i]);
      s.run.keys[i].document = now.docs[i];
      s.run.keys[i].given = &given[i];
   }
   s.run.keys += 2;
   s.run.n = 3;
   s.last_done = 0;
   s.kms.fail_after = 0;
   CU_ASSERT (fg_rewrap_run_all (&s.run, NULL));
   s.run.keys -= 2;
   s.run.n = 5;
   CU_ASSERT_EQUAL (s.run.keys[2].outcome, FG_REWRAP_NOT_WRAPPED);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 4);
   CU_ASSERT (same_keys (s.client, &s.before, s.client));
   fg_key_list_clear (&now);
   end (&s);
}

static volatile sig_atomic_t stop_now;

static void
stop_at (fake_kms *kms, unsigned n)
{
   (void)kms;
   if (n == 30) {
      stop_now = 1;
   }
}

static void
test_stop (void)
{
   scene s;
   fg_error err = {0};

   begin (&s, 100, "local", "aws");
   stop_now = 0;
   s.kms.at_request = stop_at;
   s.run.stop = &stop_now;
   CU_ASSERT_FALSE (fg_rewrap_run_all (&s.run, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_INTERRUPTED);
   size_t done = count (&s, FG_REWRAP_DONE);
   CU_ASSERT (done > 5 && done < 40);
   CU_ASSERT_EQUAL (done + count (&s, FG_REWRAP_NOT_TRIED), 100);
   CU_ASSERT_EQUAL (count_under (s.vault, "aws"), done);
   end (&s);
}

const fg_test fg_tests[] = {
   {"all", test_all},
   {"own_master_key", test_own_master_key},
   {"dry", test_dry},
   {"nothing", test_nothing},
   {"lie", test_lie},
   {"breaks", test_breaks},
   {"throttled", test_throttled},
   {"throttled_for_ever", test_throttled_for_ever},
   {"rate", test_rate},
   {"one_does_not_open", test_one_does_not_open},
   {"journal_full", test_journal_full},
   {"changed_meanwhile", test_changed_meanwhile},
   {"no_key_document", test_no_key_document},
   {"given", test_given},
   {"stop", test_stop},
   {NULL, NULL},
};
