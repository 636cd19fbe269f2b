/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_LOADER_FIXTURE_H
#define FG_TEST_LOADER_FIXTURE_H

/* A loader whose log is kept as one text, "line\nline\n", so that a test can compare what the probe modules said. */

#include "base/base.h"
#include "tests/unit/runner.h"

#include <fieldguard/host.h>

#include <stdio.h>
#include <stdlib.h>

#define MAX_LOG 4096

static char said[MAX_LOG];

static inline void
hear (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   size_t n = strlen (said);

   (void)ctx;
   (void)severity;
   (void)id;
   (void)attr_json;
   snprintf (said + n, sizeof said - n, "%s\n", message);
}

static inline fg_loader *
new_loader (void)
{
   const fg_loader_options options = {.size = sizeof options,
                                      .host_name = "test",
                                      .host_version = "1",
                                      .host_flags = FG_HOST_HAS_POST_IMAGE,
                                      .log = hear};
   fg_loader *loader = fg_loader_new (&options, NULL);

   said[0] = '\0';
   CU_ASSERT_FATAL (loader != NULL);
   return loader;
}

static inline const char *
module_path (const char *name)
{
   static char path[512];

   snprintf (path, sizeof path, "%s/tests/modules/%s.so", fg_test_build_dir (), name);
   return path;
}

/* Forgets what was said so far. */
static inline void
hush (void)
{
   said[0] = '\0';
}

static inline void
load_probe (fg_loader *loader, const char *name)
{
   fg_error err = {0};

   CU_ASSERT_FATAL (fg_loader_load (loader, module_path (name), &err));
}

static inline void
set (fg_loader *loader, const char *name, const char *value)
{
   fg_error err = {0};

   CU_ASSERT (fg_loader_set_setting (loader, name, value, false, NULL, &err));
   CU_ASSERT_STRING_EQUAL (err.message, "");
}

static inline fg_loader *
started_probes (void)
{
   fg_loader *loader = new_loader ();

   load_probe (loader, "probe_a");
   load_probe (loader, "probe_b");
   CU_ASSERT_FATAL (fg_loader_start (loader, NULL));
   hush ();
   return loader;
}

#endif /* FG_TEST_LOADER_FIXTURE_H */
