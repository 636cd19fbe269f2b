/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/lifecycle.h"

#include "client/kms/call.h"
#include "client/kms/master_key.h"

#include <time.h>

const char *
fg_master_key_state_name (fg_master_key_state state)
{
   static const char *const names[] = {"unknown", "enabled", "unwraps-only", "disabled", "scheduled", "destroyed"};

   return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

/* --- by the stored masterKey ------------------------------------------------------------------------------------------- */

bool
fg_kms_lifecycle_of (fg_kms *kms, const bson_t *stored, fg_kms_provider **provider, const fg_kms_lifecycle **ops,
                     fg_error *err)
{
   const char *name = fg_bson_text (stored, "provider");

   if (!name) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, "masterKey", "masterKey names no provider");
   }
   *provider = fg_kms_provider_named (kms, name, err);
   if (!*provider || !fg_master_key_check (*provider, stored, true, err)) {
      return false;
   }
   *ops = (*provider)->ops->lifecycle;
   return true;
}

bool
fg_kms_master_key_state (fg_kms *kms, const bson_t *stored, fg_master_key_status *status, fg_error *err)
{
   fg_kms_provider *provider;
   const fg_kms_lifecycle *ops;

   memset (status, 0, sizeof *status);
   return fg_kms_lifecycle_of (kms, stored, &provider, &ops, err) &&
          (!ops->state || ops->state (provider, stored, status, err));
}

bool
fg_kms_master_key_step (fg_kms *kms, const bson_t *stored, fg_lifecycle_step step, unsigned days, bool *done,
                        fg_error *err)
{
   fg_kms_provider *provider;
   const fg_kms_lifecycle *ops;

   *done = false;
   if (!fg_kms_lifecycle_of (kms, stored, &provider, &ops, err)) {
      return false;
   }
   if (step == FG_STEP_DESTROY) {
      *done = ops->destroy != NULL;
      return !*done || ops->destroy (provider, stored, days, err);
   }
   bool (*run) (fg_kms_provider *, const bson_t *, fg_error *) = step == FG_STEP_CLOSE     ? ops->close
                                                                 : step == FG_STEP_DISABLE ? ops->disable
                                                                                           : ops->enable;
   *done = run != NULL;
   return !run || run (provider, stored, err);
}

/* --- for the tables ---------------------------------------------------------------------------------------------------- */

bool
fg_kms_ask (fg_kms_send send, fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin,
            bson_t **out, fg_error *err)
{
   fg_http_reply reply = {0};
   bson_t *json = NULL;

   if (out) {
      *out = NULL;
   }
   bool ok = send (provider, master_key, admin, &reply, err);
   if (ok && out) {
      json = reply.len ? bson_new_from_json (reply.body->bytes, (ssize_t)reply.len, NULL) : bson_new ();
      ok = json || fg_kms_error (err, FG_E_INVALID, provider, "cannot %s: the reply is no JSON", admin->what);
      *out = json;
   }
   fg_http_reply_clear (&reply);
   return ok;
}

static bool
find (const bson_t *reply, const char *path, bson_iter_t *found)
{
   bson_iter_t start;

   return reply && bson_iter_init (&start, reply) && bson_iter_find_descendant (&start, path, found);
}

const char *
fg_kms_text_at (const bson_t *reply, const char *path)
{
   bson_iter_t found;

   return find (reply, path, &found) && BSON_ITER_HOLDS_UTF8 (&found) ? bson_iter_utf8 (&found, NULL) : NULL;
}

int64_t
fg_kms_number_at (const bson_t *reply, const char *path)
{
   bson_iter_t found;

   if (!find (reply, path, &found) || !BSON_ITER_HOLDS_NUMBER (&found)) {
      return 0;
   }
   double d = BSON_ITER_HOLDS_DOUBLE (&found) ? bson_iter_double (&found) : 0;
   if (BSON_ITER_HOLDS_DOUBLE (&found)) {
      return d > 0 && d < 4e15 ? (int64_t)d : 0;
   }
   return bson_iter_as_int64 (&found);
}

bool
fg_kms_bool_at (const bson_t *reply, const char *path)
{
   bson_iter_t found;

   return find (reply, path, &found) && BSON_ITER_HOLDS_BOOL (&found) && bson_iter_bool (&found);
}

int64_t
fg_kms_time (const char *text)
{
   struct tm tm = {0};

   return text && strptime (text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm (&tm) : 0;
}

/* --- local ------------------------------------------------------------------------------------------------------------- */

const fg_kms_lifecycle fg_kms_local_lifecycle = {
   .how = "nothing: a local master key is bytes in files. Remove it from every kmsProviders file, secret store and "
          "machine that ever held it",
   .undo = "whoever kept a copy of the bytes",
   .beyond = "copies, backups and media of the file that held it: that a file was wiped cannot be proved",
};

/* --- kmip -------------------------------------------------------------------------------------------------------------- */

static bool
kmip_send (fg_kms_provider *provider, const bson_t *master_key, fg_kmip_operation operation, uint32_t *state,
           fg_error *err)
{
   const fg_kmip_request request = {.operation = operation, .id = fg_bson_text (master_key, "keyId")};
   fg_secret *reply = NULL;
   fg_ttlv payload;
   bool ok = fg_kms_kmip_send (provider, master_key, &request, &reply, &payload, err) &&
             (!state || fg_kmip_read_state (provider, &payload, state, err));

   fg_secret_free (reply);
   return ok;
}

/* KMIP's states: 1 pre-active, 2 active, 3 deactivated, 4 compromised, 5 and 6 destroyed. Servers that forget a destroyed object answer that there is none. */
static bool
kmip_state (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_status *status, fg_error *err)
{
   fg_error inner = {0};
   uint32_t state = 0;

   if (!kmip_send (provider, master_key, FG_KMIP_GET_ATTRIBUTES, &state, &inner)) {
      status->state = FG_MASTER_KEY_DESTROYED;
      return inner.code == FG_E_NOT_FOUND ||
             fg_error_set (err, inner.domain, inner.code, inner.path, "%s", inner.message);
   }
   status->state = state == 2                 ? FG_MASTER_KEY_ENABLED
                   : state == 3 || state == 4 ? FG_MASTER_KEY_DISABLED
                   : state == 5 || state == 6 ? FG_MASTER_KEY_DESTROYED
                                              : FG_MASTER_KEY_UNKNOWN;
   return true;
}

static bool
kmip_destroy (fg_kms_provider *provider, const bson_t *master_key, unsigned days, fg_error *err)
{
   fg_master_key_status status = {0};

   (void)days;
   if (!kmip_state (provider, master_key, &status, err)) {
      return false;
   }
   if (status.state == FG_MASTER_KEY_DESTROYED) {
      return true;
   }
   /* An active object cannot be destroyed. */
   return (status.state != FG_MASTER_KEY_ENABLED || kmip_send (provider, master_key, FG_KMIP_REVOKE, NULL, err)) &&
          kmip_send (provider, master_key, FG_KMIP_DESTROY, NULL, err);
}

const fg_kms_lifecycle fg_kms_kmip_lifecycle = {
   .state = kmip_state,
   .destroy = kmip_destroy,
   .how = "KMIP Revoke (cessation of operation), then Destroy: at once",
   .undo = "nobody through KMIP; the server's own administrator, where it keeps copies",
   .beyond = "the KMIP server's backups and replicas; a plain (not delegated) master key was handed to every client "
             "that used it",
};
