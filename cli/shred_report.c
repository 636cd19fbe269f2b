/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shred.h"

#include "base/base.h"
#include "client/keys/shred_scan.h"

#include <stdio.h>
#include <time.h>

void
fg_cli_shred_say (void *ctx, const char *text)
{
   const fg_cli_shred *s = ctx;

   if (!s->client.json) {
      printf ("%s\n", text);
      fflush (stdout);
   }
}

static const char *
utc (int64_t ms, char *buf, size_t size)
{
   time_t t = (time_t)(ms / 1000);
   struct tm tm;

   if (!gmtime_r (&t, &tm) || strftime (buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
      snprintf (buf, size, "?");
   }
   return buf;
}

/* --- a roll ------------------------------------------------------------------------------------------------------------- */

static void
print_json (const fg_roll *roll)
{
   fg_buf out = {0};
   char id[FG_UUID_TEXT_LEN];
   char time[32];

   fg_buf_printf (&out, "{\"roll\":\"%s\",\"stage\":\"%s\",\"deleted\":[", roll->id, fg_roll_stage_name (roll->stage));
   for (size_t i = 0; i < roll->n_keys; i++) {
      fg_uuid_text (roll->keys[i].id, id);
      fg_buf_printf (&out, "%s\"%s\"", i ? "," : "", id);
   }
   fg_buf_printf (&out, "],\"rewrapped\":%lld", (long long)roll->rewrapped);
   if (roll->grace_until_ms) {
      fg_buf_printf (&out, ",\"graceUntil\":\"%s\"", utc (roll->grace_until_ms, time, sizeof time));
   }
   if (roll->backup) {
      fg_buf_append_str (&out, ",\"backup\":");
      fg_buf_append_json_string (&out, roll->backup, strlen (roll->backup));
   }
   fg_buf_append_str (&out, "}");
   printf ("%.*s\n", (int)out.len, out.failed ? "" : (const char *)out.data);
   fg_buf_free (&out);
}

void
fg_cli_shred_print_roll (const fg_cli_shred *s, const fg_roll *roll)
{
   char time[32];

   if (s->client.json) {
      print_json (roll);
   } else if (roll->stage == FG_ROLL_HELD) {
      printf (
         "held: every backup of the vault opens the deleted keys until a shredding with --to ends the master key\n");
   } else if (roll->stage == FG_ROLL_GRACE) {
      printf ("grace until %s; then: fieldguard keys shred --finish\n", utc (roll->grace_until_ms, time, sizeof time));
   } else if (roll->stage == FG_ROLL_DONE) {
      printf ("done; what backups can still open, and what is not reached, stands in the certificate in %s\n", s->dir);
   }
}

/* --- the plan ----------------------------------------------------------------------------------------------------------- */

static void
print_keys (const fg_roll *roll)
{
   char id[FG_UUID_TEXT_LEN];

   for (size_t i = 0; i < roll->n_keys; i++) {
      bson_iter_t iter;
      fg_uuid_text (roll->keys[i].id, id);
      printf ("delete      %s", id);
      if (bson_iter_init (&iter, roll->keys[i].names)) {
         while (bson_iter_next (&iter)) {
            printf ("  ");
            for (const char *p = bson_iter_utf8 (&iter, NULL); *p; p++) {
               putchar ((unsigned char)*p < 0x20 || *p == 0x7F ? '?' : *p);
            }
         }
      }
      printf ("%s\n", roll->keys[i].deleted_ms ? "  (deleted already)" : "");
   }
}

static void
print_master_key (const char *what, const bson_t *master_key)
{
   char *json = master_key ? bson_as_relaxed_extended_json (master_key, NULL) : NULL;

   printf ("%-11s %s\n", what, json ? json : "not named");
   bson_free (json);
}

static bool
print_kms (const fg_cli_shred *s, const fg_roll *roll, fg_error *err)
{
   fg_kms *kms = s->client.client->kms;
   fg_master_key_status status;
   fg_kms_provider *provider;
   const fg_kms_lifecycle *ops;

   if (!fg_kms_lifecycle_of (kms, roll->old_master_key, &provider, &ops, err) ||
       !fg_kms_master_key_state (kms, roll->old_master_key, &status, err)) {
      return false;
   }
   printf ("KMS says    the old master key is %s%s%s\n", fg_master_key_state_name (status.state),
           status.notes[0] ? "; " : "", status.notes);
   printf ("new wraps   %s\n", ops->close
                                  ? "refused by the KMS while the vault is rewrapped"
                                  : "this KMS cannot refuse them alone; clients that read the vault's marker do");
   printf ("grace       %s\n", ops->disable ? "the old master key is disabled at the KMS, which can be undone"
                                            : "the old master key goes on working");
   printf ("then        %s\n", ops->how);
   printf ("undone by   %s\n", ops->undo);
   printf ("beyond it   %s\n", ops->beyond);
   return true;
}

bool
fg_cli_shred_print_plan (const fg_cli_shred *s, const fg_roll *roll, fg_error *err)
{
   fg_epoch_census census;

   if (!fg_shred_census (&s->shred, roll->old_master_key, &census, err)) {
      return false;
   }
   size_t gone = 0;
   for (size_t i = 0; i < roll->n_keys; i++) {
      gone += roll->keys[i].deleted_ms ? 0 : 1;
   }
   if (s->client.json) {
      printf ("{\"delete\":%zu,\"rewrap\":%zu,\"elsewhere\":%zu}\n", gone, census.under - gone, census.elsewhere);
      return true;
   }
   print_keys (roll);
   print_master_key ("old epoch", roll->old_master_key);
   print_master_key ("new epoch", roll->new_master_key);
   printf ("rewrap      %zu key%s; %zu under other master keys stay as they are\n", census.under - gone,
           census.under - gone == 1 ? "" : "s", census.elsewhere);
   if (roll->backup) {
      printf ("backup      %s\n", roll->backup);
   }
   if (s->n_others == 0) {
      printf ("not looked  whether another vault has keys under the old master key: name them with --other-vault\n");
   }
   return print_kms (s, roll, err);
}
