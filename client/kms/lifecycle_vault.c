/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/lifecycle.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * Transit. A key stays; its versions end. Closing: rotate, and min_encryption_version to the new version. Disabling: min_decryption_version as well. Destroying: rotate once more, both to the
 * newest version, which has wrapped nothing, and trim: every version that ever wrapped anything is gone.
 */

typedef struct transit {
   int64_t latest;
   int64_t min_decryption;
   int64_t min_encryption;
   int64_t min_available;
} transit;

static bool
send (fg_kms_provider *provider, const bson_t *master_key, const char *method, const char *tail, const char *what,
      const char *body, bson_t **out, fg_error *err)
{
   const fg_kms_admin admin = {.what = what, .method = method, .path = tail, .body = body};

   return fg_kms_ask (fg_kms_vault_send, provider, master_key, &admin, out, err);
}

static bool
read_key (fg_kms_provider *provider, const bson_t *master_key, transit *t, fg_master_key_status *status, fg_error *err)
{
   bson_t *reply = NULL;

   if (!send (provider, master_key, "GET", "", "ask for the master key's state", NULL, &reply, err)) {
      return false;
   }
   *t = (transit){
      fg_kms_number_at (reply, "data.latest_version"), fg_kms_number_at (reply, "data.min_decryption_version"),
      fg_kms_number_at (reply, "data.min_encryption_version"), fg_kms_number_at (reply, "data.min_available_version")};
   if (status) {
      snprintf (status->notes, sizeof status->notes, "version %" PRId64 "; exportable %s; plaintext backup %s",
                t->latest, fg_kms_bool_at (reply, "data.exportable") ? "yes" : "no",
                fg_kms_bool_at (reply, "data.allow_plaintext_backup") ? "yes" : "no");
   }
   bson_destroy (reply);
   return t->latest > 0 || fg_kms_error (err, FG_E_INVALID, provider, "the reply names no version of the master key");
}

static bool
vault_state (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_status *status, fg_error *err)
{
   fg_error inner = {0};
   transit t;

   if (!read_key (provider, master_key, &t, status, &inner)) {
      status->state = FG_MASTER_KEY_DESTROYED;
      return inner.code == FG_E_NOT_FOUND ||
             fg_error_set (err, inner.domain, inner.code, inner.path, "%s", inner.message);
   }
   bool rotated = t.latest > 1;
   status->state = rotated && t.min_available == t.latest    ? FG_MASTER_KEY_DESTROYED
                   : rotated && t.min_decryption == t.latest ? FG_MASTER_KEY_DISABLED
                   : rotated && t.min_encryption == t.latest ? FG_MASTER_KEY_UNWRAPS_ONLY
                                                             : FG_MASTER_KEY_ENABLED;
   return true;
}

static bool
configure (fg_kms_provider *provider, const bson_t *master_key, const char *what, int64_t decryption,
           int64_t encryption, fg_error *err)
{
   char body[128];

   snprintf (body, sizeof body, "{\"min_decryption_version\": %" PRId64 ", \"min_encryption_version\": %" PRId64 "}",
             decryption, encryption);
   return send (provider, master_key, "POST", "/config", what, body, NULL, err);
}

/* A version of its own for whoever goes on wrapping: the old ones wrap no more. */
static bool
vault_close (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   transit t;

   if (!read_key (provider, master_key, &t, NULL, err)) {
      return false;
   }
   if (t.latest > 1 && t.min_encryption == t.latest) {
      return true;
   }
   return send (provider, master_key, "POST", "/rotate", "rotate the master key", "{}", NULL, err) &&
          read_key (provider, master_key, &t, NULL, err) &&
          configure (provider, master_key, "close the master key", t.min_decryption, t.latest, err);
}

static bool
vault_disable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   transit t;

   return vault_close (provider, master_key, err) && read_key (provider, master_key, &t, NULL, err) &&
          configure (provider, master_key, "disable the master key", t.latest, t.latest, err);
}

static bool
vault_enable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   transit t;

   return read_key (provider, master_key, &t, NULL, err) &&
          configure (provider, master_key, "enable the master key", t.min_available > 0 ? t.min_available : 1, t.latest,
                     err);
}

static bool
trim (fg_kms_provider *provider, const bson_t *master_key, int64_t to, fg_error *err)
{
   char body[64];

   snprintf (body, sizeof body, "{\"min_available_version\": %" PRId64 "}", to);
   return send (provider, master_key, "POST", "/trim", "trim the master key", body, NULL, err);
}

static bool
vault_destroy (fg_kms_provider *provider, const bson_t *master_key, unsigned days, fg_error *err)
{
   fg_master_key_status status = {0};
   transit t;

   (void)days;
   if (!vault_state (provider, master_key, &status, err)) {
      return false;
   }
   return status.state == FG_MASTER_KEY_DESTROYED ||
          (send (provider, master_key, "POST", "/rotate", "rotate the master key", "{}", NULL, err) &&
           read_key (provider, master_key, &t, NULL, err) &&
           configure (provider, master_key, "disable the master key", t.latest, t.latest, err) &&
           trim (provider, master_key, t.latest, err));
}

const fg_kms_lifecycle fg_kms_vault_lifecycle = {
   .state = vault_state,
   .close = vault_close,
   .disable = vault_disable,
   .enable = vault_enable,
   .destroy = vault_destroy,
   .how = "Transit: min_encryption_version and min_decryption_version go to a version that wrapped nothing, and every "
          "older version is trimmed, at once",
   .undo = "nobody in the running Vault; whoever restores a snapshot of it from before, or a backup of the key where "
           "allow_plaintext_backup was on",
   .beyond = "Vault's own snapshots and replicas that lag: they hold the versions that were trimmed",
};
