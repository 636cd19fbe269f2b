/* SPDX-License-Identifier: Apache-2.0 */
/* A module that takes its time over every stored document that a survey shows it, so that a test can do something meanwhile. */
#include <fieldguard/module.h>

#include <stdlib.h>
#include <time.h>

FG_MODULE_MAGIC ("slow", "1");
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

static long pause_ms = 1;

static void *
begin (void *ctx, const fg_collection_view *collection)
{
   (void)ctx;
   (void)collection;
   return &pause_ms;
}

static void
document (void *ctx, void *survey, const uint8_t *doc, size_t len)
{
   const struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};

   (void)ctx;
   (void)survey;
   (void)doc;
   (void)len;
   nanosleep (&pause, NULL);
}

static void
end (void *ctx, void *survey, bool complete, const fg_client_info *client, const fg_survey_sink *sink)
{
   (void)ctx;
   (void)survey;
   (void)complete;
   (void)client;
   (void)sink;
}

static bool
set (void *ctx, const fg_setting_change *change, fg_error *err)
{
   (void)ctx;
   (void)err;
   pause_ms = strtol (change->new_value, NULL, 10);
   return true;
}

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   static const fg_setting_def def = {sizeof def,
                                      "slow.pauseMs",
                                      FG_SETTING_INT,
                                      FG_SETTING_STARTUP,
                                      "1",
                                      NULL,
                                      0,
                                      1000,
                                      "How long one document takes."};
   static const fg_hooks hooks = {
      .size = sizeof hooks, .setting = set, .survey_begin = begin, .survey_document = document, .survey_end = end};

   return host->define_setting (host, &def, err) && host->add_hooks (host, &hooks, NULL, err);
}
