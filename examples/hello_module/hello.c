/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module in one page: it refuses documents that are larger than hello.maxBytes and counts the rest. Build it with the Makefile beside it, load it with
 *
 *    fieldguardd --loadModule build/lib/fieldguard.so --loadModule ./hello.so --setParameter hello.maxBytes=1000
 */
#include <fieldguard/module.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

FG_MODULE_MAGIC ("hello", "1.0");
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

typedef struct hello {
   atomic_llong max_bytes;
   atomic_llong greeted;
} hello;

/* Any thread, many at once: atomics, no lock, no allocation. */
static fg_verdict
validate (void *ctx, fg_validate_args *args, fg_refusal *refusal)
{
   hello *h = ctx;
   long long max = atomic_load_explicit (&h->max_bytes, memory_order_relaxed);

   if (max > 0 && args->post_len > (size_t)max) {
      refusal->code = 121;
      snprintf (refusal->message, sizeof refusal->message, "hello: the document has more than %lld bytes", max);
      return FG_VERDICT_REJECT;
   }
   atomic_fetch_add_explicit (&h->greeted, 1, memory_order_relaxed);
   return FG_VERDICT_ALLOW;
}

/* The host has checked type and range already. */
static bool
setting (void *ctx, const fg_setting_change *change, fg_error *err)
{
   hello *h = ctx;

   (void)err;
   atomic_store (&h->max_bytes, strtoll (change->new_value, NULL, 10));
   return true;
}

static void
stats (void *ctx, const fg_stat_sink *sink)
{
   hello *h = ctx;
   sink->int64 (sink, "greeted", atomic_load (&h->greeted));
}

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   static const fg_hooks hooks = {
      .size = sizeof hooks, .validate = validate, .setting = setting, .stop = free, .stats = stats};
   static const fg_setting_def max_bytes = {.size = sizeof max_bytes,
                                            .name = "hello.maxBytes",
                                            .type = FG_SETTING_INT,
                                            .context = FG_SETTING_RUNTIME,
                                            .default_value = "0",
                                            .max = 16777216,
                                            .help = "Refuse documents with more bytes; 0: no limit."};
   hello *h = calloc (1, sizeof *h);

   if (!h || !host->define_setting (host, &max_bytes, err) || !host->add_hooks (host, &hooks, h, err)) {
      free (h);
      return false;
   }
   /* cppcheck-suppress memleak ; the hooks hold h now, and stop frees it */
   return true;
}
