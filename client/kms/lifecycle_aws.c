/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/lifecycle.h"

#include <stdio.h>

/*
 * AWS: DescribeKey, DisableKey, EnableKey, ScheduleKeyDeletion. Encrypt alone cannot be switched off but by a key policy, which is the operator's, so there is no close. An alias is resolved
 * by DescribeKey; the others want the key's own name.
 */

static bool
send (fg_kms_provider *provider, const bson_t *master_key, const char *key, const char *target, const char *what,
      const char *more, bson_t **out, fg_error *err)
{
   fg_buf body = {0};

   fg_buf_append_str (&body, "{\"KeyId\": ");
   fg_buf_append_json_string (&body, key, strlen (key));
   fg_buf_append_str (&body, more);
   fg_buf_append (&body, "}", 2); /* with its NUL */
   const fg_kms_admin admin = {.what = what, .path = target, .body = (const char *)body.data};
   bool ok = (!body.failed || fg_kms_error (err, FG_E_NOMEM, provider, "out of memory")) &&
             fg_kms_ask (fg_kms_aws_send, provider, master_key, &admin, out, err);
   fg_buf_free (&body);
   return ok;
}

static bool
aws_state (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_status *status, fg_error *err)
{
   bson_t *reply = NULL;

   if (!send (provider, master_key, fg_bson_text (master_key, "key"), "TrentService.DescribeKey",
              "ask for the master key's state", "", &reply, err)) {
      return false;
   }
   const char *state = fg_kms_text_at (reply, "KeyMetadata.KeyState");
   const char *arn = fg_kms_text_at (reply, "KeyMetadata.Arn");
   status->state = !state || !arn                       ? FG_MASTER_KEY_UNKNOWN
                   : strcmp (state, "Enabled") == 0     ? FG_MASTER_KEY_ENABLED
                   : strncmp (state, "Pending", 7) == 0 ? FG_MASTER_KEY_SCHEDULED
                   : strcmp (state, "Disabled") == 0    ? FG_MASTER_KEY_DISABLED
                                                        : FG_MASTER_KEY_UNKNOWN;
   if (state && strcmp (state, "PendingImport") == 0) {
      status->state = FG_MASTER_KEY_DISABLED; /* imported material was taken away, and can be imported again */
   }
   status->until_s = fg_kms_number_at (reply, "KeyMetadata.DeletionDate");
   snprintf (status->name, sizeof status->name, "%s", arn ? arn : "");
   snprintf (status->notes, sizeof status->notes, "%s%s",
             fg_kms_bool_at (reply, "KeyMetadata.MultiRegion") ? "multi-Region: replicas are keys of their own; " : "",
             fg_kms_text_at (reply, "KeyMetadata.Origin") ? fg_kms_text_at (reply, "KeyMetadata.Origin") : "");
   bson_destroy (reply);
   return status->name[0] || fg_kms_error (err, FG_E_INVALID, provider, "the reply to DescribeKey names no key");
}

/* The key's id, at the end of its ARN: these calls are for keys of one's own account alone. */
static const char *
key_id (const fg_master_key_status *status)
{
   const char *slash = strrchr (status->name, '/');

   return slash ? slash + 1 : status->name;
}

static bool
change (fg_kms_provider *provider, const bson_t *master_key, const char *target, const char *what, const char *more,
        fg_error *err)
{
   fg_master_key_status status = {0};

   return aws_state (provider, master_key, &status, err) &&
          send (provider, master_key, key_id (&status), target, what, more, NULL, err);
}

static bool
aws_disable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   return change (provider, master_key, "TrentService.DisableKey", "disable the master key", "", err);
}

static bool
aws_enable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   return change (provider, master_key, "TrentService.EnableKey", "enable the master key", "", err);
}

static bool
aws_destroy (fg_kms_provider *provider, const bson_t *master_key, unsigned days, fg_error *err)
{
   fg_master_key_status status = {0};
   char more[48];

   if (!aws_state (provider, master_key, &status, err)) {
      return false;
   }
   if (status.state == FG_MASTER_KEY_SCHEDULED) {
      return true;
   }
   days = days < 7 ? 7 : days > 30 ? 30 : days;
   snprintf (more, sizeof more, ", \"PendingWindowInDays\": %u", days);
   return send (provider, master_key, key_id (&status), "TrentService.ScheduleKeyDeletion",
                "schedule the master key's deletion", more, NULL, err);
}

const fg_kms_lifecycle fg_kms_aws_lifecycle = {
   .state = aws_state,
   .disable = aws_disable,
   .enable = aws_enable,
   .destroy = aws_destroy,
   .how = "ScheduleKeyDeletion: AWS deletes the key after 7 to 30 days, and until then it neither wraps nor unwraps",
   .undo = "whoever may call kms:CancelKeyDeletion and kms:EnableKey, until the deletion date",
   .beyond = "replicas of a multi-Region key, and key material that was imported from elsewhere and is kept there",
};
