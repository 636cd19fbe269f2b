/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <stdio.h>
#include <time.h>

static const char help[] =
   "usage: fieldguard keys list --key-vault VAULT [--filter JSON] [--json]\n"
   "\n"
   "Prints id, provider, date of creation and alt names of every key; with --json whole key documents.\n"
   "\n" FG_KEYS_OPTIONS
   "  --filter JSON        a MongoDB filter. Vaults in files know equality and $in on _id, keyAltNames, status and\n"
   "                       masterKey.<field>\n";

static const char *
text_at (const bson_t *document, const char *path)
{
   bson_iter_t start;
   bson_iter_t found;

   return bson_iter_init (&start, document) && bson_iter_find_descendant (&start, path, &found) &&
                BSON_ITER_HOLDS_UTF8 (&found)
             ? bson_iter_utf8 (&found, NULL)
             : "?";
}

static void
print_id (const bson_t *document)
{
   bson_iter_t iter;
   const uint8_t *data = NULL;
   uint32_t len = 0;
   char text[37] = "?";

   if (bson_iter_init_find (&iter, document, "_id") && BSON_ITER_HOLDS_BINARY (&iter)) {
      bson_iter_binary (&iter, NULL, &len, &data);
   }
   if (len == FG_KEY_ID_LEN) {
      fg_cli_uuid_text (data, text);
   }
   printf ("%-36s", text);
}

static void
print_date (const bson_t *document)
{
   bson_iter_t iter;
   struct tm utc;
   char text[32] = "?";

   if (bson_iter_init_find (&iter, document, "creationDate") && BSON_ITER_HOLDS_DATE_TIME (&iter)) {
      time_t t = (time_t)(bson_iter_date_time (&iter) / 1000);
      if (gmtime_r (&t, &utc)) {
         strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
      }
   }
   printf ("  %-20s", text);
}

/* A name is somebody else's text: on a terminal it must not do anything. */
static void
print_name (const char *name)
{
   printf ("  ");
   for (; *name; name++) {
      putchar ((unsigned char)*name < 0x20 || *name == 0x7F ? '?' : *name);
   }
}

static void
print_names (const bson_t *document)
{
   bson_iter_t iter;
   bson_iter_t element;

   if (bson_iter_init_find (&iter, document, "keyAltNames") && bson_iter_recurse (&iter, &element)) {
      while (bson_iter_next (&element)) {
         if (BSON_ITER_HOLDS_UTF8 (&element)) {
            print_name (bson_iter_utf8 (&element, NULL));
         }
      }
   }
}

static bool
print_key (void *ctx, const bson_t *document)
{
   const fg_cli_client *c = ctx;

   if (c->json) {
      char *json = bson_as_canonical_extended_json (document, NULL);
      printf ("%s\n", json ? json : "{}");
      bson_free (json);
      return true;
   }
   print_id (document);
   printf ("  %-12s", text_at (document, "masterKey.provider"));
   print_date (document);
   print_names (document);
   printf ("\n");
   return true;
}

int
fg_keys_list (int argc, char **argv)
{
   fg_cli_client c = {.verb = "keys list"};
   bson_t *filter = NULL;
   fg_error err = {0};
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_FILTER, help);

   if (status >= 0) {
      return status;
   }
   if (c.filter && !(filter = bson_new_from_json ((const uint8_t *)c.filter, -1, NULL))) {
      return fg_cli_usage (c.verb, "keys list: --filter is no document in Extended JSON");
   }
   bool ok = fg_cli_client_open (&c, false, &err) && fg_client_visit_keys (c.client, filter, print_key, &c, &err);
   bson_destroy (filter);
   fg_cli_client_close (&c);
   return ok ? FG_EXIT_OK : fg_cli_fail (&err);
}
