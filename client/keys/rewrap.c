/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/rewrap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define DEFAULT_PARALLEL 4u
#define STREAK_MAX 8 /* failures in a row that are not one key's fault */
#define BATCH_LEAST 64u /* documents replaced at once: a sixteenth of all, but */
#define BATCH_MOST 1000u

void
fg_rewrap_key_clear (fg_rewrap_key *key)
{
   bson_destroy (key->master_key);
   free (key->material);
   free (key->why);
   memset (key, 0, sizeof *key);
}

/* --- what the threads share ----------------------------------------------------------------------------------------- */

typedef struct crew {
   fg_rewrap_run *run;
   pthread_mutex_t mutex;
   pthread_cond_t news; /* a key is finished, or a thread has left */
   size_t next; /* the first key that nobody has taken */
   fg_rewrap_key **ready; /* proved and not yet stored */
   size_t n_ready;
   size_t n_finished; /* no thread will touch them again */
   unsigned working;
   int streak;
   atomic_bool present_is_out; /* the KMS of the present wrappings does not answer */
   bool ended; /* nobody takes another key */
   fg_error why; /* of a streak */
} crew;

static bool
stopped (const fg_rewrap_run *run)
{
   return run->stop && *run->stop;
}

/* --- one key -------------------------------------------------------------------------------------------------------- */

/* What says nothing about this key and much about the KMS. */
static bool
is_outage (const fg_error *err)
{
   return err->domain == FG_ERROR_KMS &&
          (err->code == FG_E_BUSY || err->code == FG_E_INTERRUPTED || err->code == FG_E_DENIED);
}

static bool
is_local (const char *provider)
{
   return strncmp (provider, "local", 5) == 0 && (provider[5] == '\0' || provider[5] == ':');
}

typedef struct kms_call {
   bool (*run) (void *ctx, fg_error *err);
   void *ctx;
} kms_call;

/* In its turn, and again for as long as the KMS throttles and the pace allows. */
static bool
call_kms (fg_pace *pace, const char *provider, const kms_call *call, fg_error *err)
{
   if (!pace || is_local (provider)) {
      return call->run (call->ctx, err);
   }
   do {
      unsigned round;
      if (!fg_pace_take (pace, &round)) {
         return fg_pace_exhausted (pace)
                   ? fg_error_set (err, FG_ERROR_KMS, FG_E_BUSY, NULL, "%s: throttled for too long", provider)
                   : fg_error_set (err, FG_ERROR_KMS, FG_E_INTERRUPTED, NULL, "stopped");
      }
      if (call->run (call->ctx, err)) {
         fg_pace_answered (pace);
         return true;
      }
      if (err->domain != FG_ERROR_KMS || err->code != FG_E_BUSY) {
         return false;
      }
      fg_pace_throttled (pace, round);
   } while (!fg_pace_exhausted (pace));
   return false;
}

typedef struct unwrap_args {
   fg_kms *kms;
   const bson_t *master_key;
   const uint8_t *material;
   size_t len;
   fg_secret **dek;
} unwrap_args;

static bool
do_unwrap (void *ctx, fg_error *err)
{
   unwrap_args *a = ctx;

   return fg_kms_unwrap (a->kms, a->master_key, a->material, a->len, a->dek, err);
}

static bool
unwrap (const fg_rewrap_run *run, const bson_t *master_key, const uint8_t *material, size_t len, fg_secret **dek,
        fg_error *err)
{
   unwrap_args args = {run->client->kms, master_key, material, len, dek};
   const kms_call call = {do_unwrap, &args};
   const char *provider = fg_bson_text (master_key, "provider");

   *dek = NULL;
   return call_kms (run->pace, provider ? provider : "", &call, err);
}

typedef struct wrap_args {
   fg_kms *kms;
   const char *provider;
   const bson_t *master_key;
   const fg_secret *dek;
   fg_wrapped *wrapped;
   bson_t *stored;
} wrap_args;

static bool
do_wrap (void *ctx, fg_error *err)
{
   wrap_args *a = ctx;

   return fg_kms_wrap (a->kms, a->provider, a->master_key, a->dek->bytes, a->wrapped, a->stored, err);
}

static bool
keep (fg_rewrap_key *key, const bson_t *master_key, const uint8_t *material, size_t len, fg_error *err)
{
   key->master_key = bson_copy (master_key);
   key->material = malloc (len);
   if (!key->material) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   memcpy (key->material, material, len);
   key->len = len;
   return true;
}

/* What the new wrapping holds must be what the old one held. */
static bool
prove (const fg_rewrap_run *run, const fg_rewrap_key *key, const fg_secret *dek, fg_error *err)
{
   fg_secret *again = NULL;

   if (!unwrap (run, key->master_key, key->material, key->len, &again, err)) {
      return false;
   }
   bool same = !dek || fg_ct_equal (again->bytes, dek->bytes, FG_DATA_KEY_LEN);
   fg_secret_free (again);
   return same || fg_error_set (err, FG_ERROR_KMS, FG_E_CORRUPT, NULL,
                                "the new wrapping opens to another key: it is not stored");
}

static bool
wrap_anew (const fg_rewrap_run *run, fg_rewrap_key *key, const fg_secret *dek, fg_error *err)
{
   const char *provider = run->provider ? run->provider : key->parsed.provider;
   const bson_t *master_key = run->provider ? run->master_key : &key->parsed.master_key;
   fg_wrapped wrapped;
   bson_t stored;
   wrap_args args = {run->client->kms, provider, master_key, dek, &wrapped, &stored};
   const kms_call call = {do_wrap, &args};

   if (!call_kms (run->pace, provider, &call, err)) {
      return false;
   }
   bool ok = keep (key, &stored, wrapped.bytes, wrapped.len, err) && prove (run, key, dek, err);
   bson_destroy (&stored);
   return ok;
}

static bool
take_given (const fg_rewrap_run *run, fg_rewrap_key *key, const fg_secret *dek, fg_error *err)
{
   return keep (key, key->given->master_key, key->given->material, key->given->len, err) && prove (run, key, dek, err);
}

/* Where the new wrapping is known to be of this key, the present one is opened for a second proof, as long as its KMS answers. */
static bool
open_present (crew *c, const fg_rewrap_key *key, fg_secret **dek, fg_error *err)
{
   const fg_key_document *doc = &key->parsed;
   bool on_record = key->given && key->given->on_record;

   if (on_record && atomic_load (&c->present_is_out)) {
      return true;
   }
   bool ok = unwrap (c->run, &doc->master_key, doc->material, doc->material_len, dek, err);
   if (!ok && on_record) {
      atomic_store (&c->present_is_out, true);
      fg_error_clear (err);
   }
   return ok || on_record;
}

static fg_rewrap_outcome
rewrap_one (crew *c, fg_rewrap_key *key, fg_error *err)
{
   fg_secret *dek = NULL;

   if (!fg_key_document_parse (key->document, &key->parsed, err)) {
      return FG_REWRAP_NO_KEY;
   }
   if (!open_present (c, key, &dek, err)) {
      return FG_REWRAP_NOT_OPENED;
   }
   bool ok = key->given ? take_given (c->run, key, dek, err) : wrap_anew (c->run, key, dek, err);
   fg_secret_free (dek);
   return ok ? FG_REWRAP_READY : FG_REWRAP_NOT_WRAPPED;
}

/* --- the threads that ask the KMS ------------------------------------------------------------------------------------ */

static fg_rewrap_key *
take_key (crew *c)
{
   fg_rewrap_key *key = NULL;

   pthread_mutex_lock (&c->mutex);
   if (!c->ended && !stopped (c->run) && c->next < c->run->n) {
      key = &c->run->keys[c->next++];
   }
   pthread_mutex_unlock (&c->mutex);
   return key;
}

static void
count_failure (crew *c, const fg_rewrap_key *key, const fg_error *err)
{
   if (key->outcome == FG_REWRAP_READY) {
      c->streak = 0;
      return;
   }
   if (key->outcome != FG_REWRAP_NOT_WRAPPED && !is_outage (err)) {
      return;
   }
   if (++c->streak == STREAK_MAX) {
      c->ended = true;
      fg_error_set (&c->why, err->domain, err->code, NULL, "%d keys failed one after another: %s", STREAK_MAX,
                    err->message);
   }
}

static void
finish_key (crew *c, fg_rewrap_key *key, fg_rewrap_outcome outcome, const fg_error *err)
{
   bool gave_up = stopped (c->run) && err->code == FG_E_INTERRUPTED;

   key->outcome = gave_up ? FG_REWRAP_NOT_TRIED : outcome;
   if (outcome != FG_REWRAP_READY && !gave_up) {
      key->code = err->code;
      key->why = strdup (err->message);
   }
   pthread_mutex_lock (&c->mutex);
   if (outcome == FG_REWRAP_READY) {
      c->ready[c->n_ready++] = key;
   } else {
      c->n_finished++;
   }
   if (!gave_up) {
      count_failure (c, key, err);
   }
   pthread_cond_signal (&c->news);
   pthread_mutex_unlock (&c->mutex);
}

static void *
work (void *ctx)
{
   crew *c = ctx;
   fg_rewrap_key *key;

   while ((key = take_key (c))) {
      fg_error err = {0};
      fg_rewrap_outcome outcome = rewrap_one (c, key, &err);
      finish_key (c, key, outcome, &err);
   }
   pthread_mutex_lock (&c->mutex);
   c->working--;
   pthread_cond_signal (&c->news);
   pthread_mutex_unlock (&c->mutex);
   return NULL;
}

/* --- the thread that writes ------------------------------------------------------------------------------------------ */

static bool
replace_documents (const fg_rewrap_run *run, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   fg_rewrap_item *items = calloc (n, sizeof *items);

   if (!items) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   for (size_t i = 0; i < n; i++) {
      const fg_key_document *old = &keys[i]->parsed;
      items[i] = (fg_rewrap_item){
         old->id,      old->material, old->material_len, old->update_ms, keys[i]->master_key, keys[i]->material,
         keys[i]->len, false};
   }
   bool ok = fg_key_vault_rewrap_many (run->client->vault, items, n, err);
   for (size_t i = 0; i < n; i++) {
      keys[i]->outcome = items[i].changed ? FG_REWRAP_DONE : ok ? FG_REWRAP_CHANGED : FG_REWRAP_READY;
   }
   free (items);
   return ok;
}

static bool
store (const fg_rewrap_run *run, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   return run->dry_run ||
          ((!run->before || run->before (run->ctx, keys, n, err)) && replace_documents (run, keys, n, err) &&
           (!run->after || run->after (run->ctx, keys, n, err)));
}

static size_t
batch_size (size_t n)
{
   size_t size = n / 16;

   return size < BATCH_LEAST ? BATCH_LEAST : size > BATCH_MOST ? BATCH_MOST : size;
}

/* Waits until something is ready, or nothing will be any more. Up to batch keys leave the list. */
static size_t
take_ready (crew *c, fg_rewrap_key **batch, size_t most, size_t *finished)
{
   pthread_mutex_lock (&c->mutex);
   while (!c->n_ready && c->working) {
      pthread_cond_wait (&c->news, &c->mutex);
   }
   size_t n = c->n_ready < most ? c->n_ready : most;
   c->n_ready -= n;
   memcpy (batch, c->ready, n * sizeof *batch);
   memmove (c->ready, c->ready + n, c->n_ready * sizeof *batch);
   c->n_finished += n;
   *finished = c->n_finished;
   pthread_mutex_unlock (&c->mutex);
   return n;
}

static bool
store_all (crew *c, fg_rewrap_key **batch, fg_error *err)
{
   const fg_rewrap_run *run = c->run;
   size_t most = batch_size (run->n);
   size_t finished = 0;
   size_t n;
   bool ok = true;

   while (ok && (n = take_ready (c, batch, most, &finished)) > 0) {
      ok = store (run, batch, n, err);
      if (run->progress) {
         run->progress (run->ctx, finished, run->n);
      }
   }
   return ok;
}

static void
end_work (crew *c)
{
   pthread_mutex_lock (&c->mutex);
   c->ended = true;
   pthread_mutex_unlock (&c->mutex);
}

/* At least one, or none and err is set. */
static unsigned
start_threads (crew *c, pthread_t *threads, fg_error *err)
{
   unsigned wanted = c->run->parallel ? c->run->parallel : DEFAULT_PARALLEL;
   unsigned n = 0;

   wanted = wanted > FG_REWRAP_PARALLEL_MAX ? FG_REWRAP_PARALLEL_MAX : wanted;
   c->working = wanted;
   while (n < wanted && n < c->run->n && pthread_create (&threads[n], NULL, work, c) == 0) {
      n++;
   }
   pthread_mutex_lock (&c->mutex);
   c->working -= wanted - n;
   pthread_mutex_unlock (&c->mutex);
   if (!n && c->run->n) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "no thread can be started");
   }
   return n;
}

static bool
any_not_tried (const fg_rewrap_run *run)
{
   for (size_t i = 0; i < run->n; i++) {
      if (run->keys[i].outcome == FG_REWRAP_NOT_TRIED) {
         return true;
      }
   }
   return false;
}

static bool
run_crew (crew *c, fg_rewrap_key **batch, fg_error *err)
{
   pthread_t threads[FG_REWRAP_PARALLEL_MAX];
   unsigned n = start_threads (c, threads, err);
   bool ok = n > 0 && store_all (c, batch, err);

   end_work (c);
   for (unsigned i = 0; i < n; i++) {
      pthread_join (threads[i], NULL);
   }
   if (ok && c->why.domain != FG_ERROR_NONE) {
      return fg_error_set (err, c->why.domain, c->why.code, NULL, "%s", c->why.message);
   }
   if (ok && any_not_tried (c->run)) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_INTERRUPTED, NULL, "stopped");
   }
   return ok;
}

bool
fg_rewrap_run_all (fg_rewrap_run *run, fg_error *err)
{
   crew c = {.run = run, .mutex = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
   fg_rewrap_key **batch = calloc (run->n + 1, sizeof *batch);
   bool ok = false;

   if (run->n == 0) {
      free (batch);
      return true;
   }
   c.ready = calloc (run->n, sizeof *c.ready);
   if (!batch || !c.ready) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   } else {
      ok = run_crew (&c, batch, err);
   }
   free (c.ready);
   free (batch);
   pthread_cond_destroy (&c.news);
   pthread_mutex_destroy (&c.mutex);
   return ok;
}
