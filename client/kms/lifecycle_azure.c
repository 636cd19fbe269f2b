/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/lifecycle.h"

#include <ctype.h>
#include <stdio.h>

/*
 * Azure Key Vault. key_ops without wrapKey closes a version, attributes.enabled switches it off, DELETE deletes the key with all its versions, softly: until the purge date it can be
 * recovered. A deleted key's name answers 404; what is left of it stands under /deletedkeys.
 */

#define API "?api-version=7.1"

static bool
send (fg_kms_provider *provider, const bson_t *master_key, const char *method, const char *where, const char *version,
      const char *what, const char *body, bson_t **out, fg_error *err)
{
   const char *name = fg_bson_text (master_key, "keyName");
   char path[600];

   for (const char *p = name; *p; p++) {
      if (!isalnum ((unsigned char)*p) && *p != '-') {
         return fg_kms_error (err, FG_E_INVALID, provider,
                              "masterKey's keyName has characters that Azure keys do not have");
      }
   }
   int n = snprintf (path, sizeof path, "/%s/%s%s%s" API, where, name, version[0] ? "/" : "", version);
   const fg_kms_admin admin = {.what = what, .method = method, .path = path, .body = body};
   return (n > 0 && (size_t)n < sizeof path ? true
                                            : fg_kms_error (err, FG_E_TOO_LARGE, provider, "masterKey is too long")) &&
          fg_kms_ask (fg_kms_azure_send, provider, master_key, &admin, out, err);
}

/* Deleted softly, or gone. */
static bool
deleted_state (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_status *status, fg_error *err)
{
   bson_t *reply = NULL;
   fg_error inner = {0};

   if (!send (provider, master_key, "GET", "deletedkeys", "", "ask for the deleted master key's state", NULL, &reply,
              &inner)) {
      status->state = FG_MASTER_KEY_DESTROYED;
      return inner.code == FG_E_NOT_FOUND ||
             fg_error_set (err, inner.domain, inner.code, inner.path, "%s", inner.message);
   }
   status->state = FG_MASTER_KEY_SCHEDULED;
   status->until_s = fg_kms_number_at (reply, "scheduledPurgeDate");
   bson_destroy (reply);
   return true;
}

static bool
allows_wrapping (const bson_t *reply)
{
   bson_iter_t start;
   bson_iter_t ops;
   bson_iter_t element;

   if (!bson_iter_init (&start, reply) || !bson_iter_find_descendant (&start, "key.key_ops", &ops) ||
       !BSON_ITER_HOLDS_ARRAY (&ops) || !bson_iter_recurse (&ops, &element)) {
      return true;
   }
   while (bson_iter_next (&element)) {
      if (BSON_ITER_HOLDS_UTF8 (&element) && strcmp (bson_iter_utf8 (&element, NULL), "wrapKey") == 0) {
         return true;
      }
   }
   return false;
}

static bool
azure_state (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_status *status, fg_error *err)
{
   bson_t *reply = NULL;
   fg_error inner = {0};

   if (!send (provider, master_key, "GET", "keys", "", "ask for the master key's state", NULL, &reply, &inner)) {
      return inner.code == FG_E_NOT_FOUND
                ? deleted_state (provider, master_key, status, err)
                : fg_error_set (err, inner.domain, inner.code, inner.path, "%s", inner.message);
   }
   const char *kid = fg_kms_text_at (reply, "key.kid");
   const char *level = fg_kms_text_at (reply, "attributes.recoveryLevel");
   status->state = !kid                                            ? FG_MASTER_KEY_UNKNOWN
                   : !fg_kms_bool_at (reply, "attributes.enabled") ? FG_MASTER_KEY_DISABLED
                   : !allows_wrapping (reply)                      ? FG_MASTER_KEY_UNWRAPS_ONLY
                                                                   : FG_MASTER_KEY_ENABLED;
   snprintf (status->name, sizeof status->name, "%s", kid ? kid : "");
   snprintf (status->notes, sizeof status->notes, "recovery level %s", level ? level : "not said");
   bson_destroy (reply);
   return true;
}

/* The newest version, and the one that masterKey names: those that anything is wrapped under now. */
static bool
update (fg_kms_provider *provider, const bson_t *master_key, const char *what, const char *body, fg_error *err)
{
   fg_master_key_status status = {0};
   const char *own = fg_bson_text (master_key, "keyVersion");

   if (!azure_state (provider, master_key, &status, err)) {
      return false;
   }
   const char *slash = strrchr (status.name, '/');
   const char *newest = slash ? slash + 1 : "";
   for (const char *p = newest; *p; p++) {
      if (!isalnum ((unsigned char)*p)) {
         return fg_kms_error (err, FG_E_INVALID, provider, "the reply names no version of the master key");
      }
   }
   return send (provider, master_key, "PATCH", "keys", newest, what, body, NULL, err) &&
          (!own || strcmp (own, newest) == 0 ||
           send (provider, master_key, "PATCH", "keys", own, what, body, NULL, err));
}

static bool
azure_close (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   return update (provider, master_key, "close the master key", "{\"key_ops\": [\"unwrapKey\"]}", err);
}

static bool
azure_disable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   return update (provider, master_key, "disable the master key", "{\"attributes\": {\"enabled\": false}}", err);
}

static bool
azure_enable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   return update (provider, master_key, "enable the master key", "{\"attributes\": {\"enabled\": true}}", err);
}

static bool
azure_destroy (fg_kms_provider *provider, const bson_t *master_key, unsigned days, fg_error *err)
{
   fg_master_key_status status = {0};

   (void)days;
   if (!azure_state (provider, master_key, &status, err)) {
      return false;
   }
   return status.state == FG_MASTER_KEY_SCHEDULED || status.state == FG_MASTER_KEY_DESTROYED ||
          send (provider, master_key, "DELETE", "keys", "", "delete the master key", NULL, NULL, err);
}

const fg_kms_lifecycle fg_kms_azure_lifecycle = {
   .state = azure_state,
   .close = azure_close,
   .disable = azure_disable,
   .enable = azure_enable,
   .destroy = azure_destroy,
   .how = "the whole key is deleted, with every version of it; where soft-delete is on (it always is in new vaults) it "
          "is purged 7 to 90 days later",
   .undo = "whoever has the recover permission on keys of this Key Vault, until the purge date; whoever has the purge "
           "permission can end that earlier unless purge protection is on",
   .beyond = "backups of the key that somebody made with the backup permission: they can be restored into a Key Vault "
             "of the same subscription and geography",
};
