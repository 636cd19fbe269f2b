/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/lifecycle.h"

#include <ctype.h>
#include <stdio.h>

/*
 * Google Cloud KMS. A key cannot be deleted, its versions can: each is scheduled for destruction and destroyed later. Whatever is done here is done to every version. Encrypting alone
 * cannot be switched off, so there is no close.
 */

#define VERSIONS_MAX 200 /* of one key; a page of the list */

static bool
is_part (const char *text)
{
   if (!text || !*text || strcmp (text, ".") == 0 || strcmp (text, "..") == 0) {
      return false;
   }
   for (; *text; text++) {
      if (!isalnum ((unsigned char)*text) && !strchr ("-._~", *text)) {
         return false;
      }
   }
   return true;
}

static bool
send (fg_kms_provider *provider, const bson_t *master_key, const char *method, const char *version, const char *tail,
      const char *what, const char *body, bson_t **out, fg_error *err)
{
   static const char *const names[] = {"projectId", "location", "keyRing", "keyName"};
   const char *parts[4];
   char path[1500];

   for (size_t i = 0; i < 4; i++) {
      parts[i] = fg_bson_text (master_key, names[i]);
      if (!is_part (parts[i])) {
         return fg_kms_error (err, FG_E_INVALID, provider,
                              "masterKey field `%s` has characters that do not belong there", names[i]);
      }
   }
   int n =
      snprintf (path, sizeof path, "/v1/projects/%s/locations/%s/keyRings/%s/cryptoKeys/%s/cryptoKeyVersions%s%s%s",
                parts[0], parts[1], parts[2], parts[3], version[0] ? "/" : "", version, tail);
   const fg_kms_admin admin = {.what = what, .method = method, .path = path, .body = body};
   return (n > 0 && (size_t)n < sizeof path ? true
                                            : fg_kms_error (err, FG_E_TOO_LARGE, provider, "masterKey is too long")) &&
          fg_kms_ask (fg_kms_gcp_send, provider, master_key, &admin, out, err);
}

typedef struct version {
   char number[32];
   fg_master_key_state state;
   int64_t until_s;
} version;

typedef struct versions {
   version list[VERSIONS_MAX];
   size_t n;
} versions;

static bool
read_version (fg_kms_provider *provider, const bson_iter_t *iter, version *v, fg_error *err)
{
   const uint8_t *data;
   uint32_t len;
   bson_t doc;

   if (!BSON_ITER_HOLDS_DOCUMENT (iter)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "the list of versions is malformed");
   }
   bson_iter_document (iter, &len, &data);
   if (!bson_init_static (&doc, data, len)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "the list of versions is malformed");
   }
   const char *name = fg_kms_text_at (&doc, "name");
   const char *state = fg_kms_text_at (&doc, "state");
   const char *number = name ? strrchr (name, '/') : NULL;
   if (!number || !is_part (number + 1) || strlen (number + 1) >= sizeof v->number || !state) {
      return fg_kms_error (err, FG_E_INVALID, provider, "the list of versions is malformed");
   }
   snprintf (v->number, sizeof v->number, "%s", number + 1);
   v->until_s = fg_kms_time (fg_kms_text_at (&doc, "destroyTime"));
   v->state = strcmp (state, "ENABLED") == 0             ? FG_MASTER_KEY_ENABLED
              : strcmp (state, "DISABLED") == 0          ? FG_MASTER_KEY_DISABLED
              : strcmp (state, "DESTROY_SCHEDULED") == 0 ? FG_MASTER_KEY_SCHEDULED
              : strcmp (state, "DESTROYED") == 0         ? FG_MASTER_KEY_DESTROYED
                                                         : FG_MASTER_KEY_UNKNOWN;
   return true;
}

static bool
list_versions (fg_kms_provider *provider, const bson_t *master_key, versions *all, fg_error *err)
{
   bson_t *reply = NULL;
   bson_iter_t start;
   bson_iter_t array;
   bson_iter_t element;

   all->n = 0;
   if (!send (provider, master_key, "GET", "", "?pageSize=200", "list the master key's versions", NULL, &reply, err)) {
      return false;
   }
   bool ok = !fg_kms_text_at (reply, "nextPageToken") || !*fg_kms_text_at (reply, "nextPageToken") ||
             fg_kms_error (err, FG_E_TOO_LARGE, provider, "the master key has more than %d versions", VERSIONS_MAX);
   if (ok && bson_iter_init (&start, reply) && bson_iter_find (&start, "cryptoKeyVersions")) {
      array = start;
      while (ok && BSON_ITER_HOLDS_ARRAY (&array) && (all->n || bson_iter_recurse (&array, &element)) &&
             bson_iter_next (&element)) {
         ok = all->n < VERSIONS_MAX ? read_version (provider, &element, &all->list[all->n], err)
                                    : fg_kms_error (err, FG_E_TOO_LARGE, provider,
                                                    "the master key has more than %d versions", VERSIONS_MAX);
         all->n++;
      }
   }
   bson_destroy (reply);
   return ok && (all->n || fg_kms_error (err, FG_E_INVALID, provider, "the master key has no versions"));
}

/* A key is as alive as the most alive of its versions. */
static bool
gcp_state (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_status *status, fg_error *err)
{
   versions all = {0};

   if (!list_versions (provider, master_key, &all, err)) {
      return false;
   }
   status->state = FG_MASTER_KEY_DESTROYED;
   for (size_t i = 0; i < all.n; i++) {
      if (all.list[i].state < status->state) {
         status->state = all.list[i].state;
      }
      if (all.list[i].state == FG_MASTER_KEY_SCHEDULED && all.list[i].until_s > status->until_s) {
         status->until_s = all.list[i].until_s;
      }
   }
   snprintf (status->notes, sizeof status->notes, "%zu version%s", all.n, all.n == 1 ? "" : "s");
   return true;
}

/* Every version that is in one of the states `from`. */
static bool
each (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_state from_least,
      fg_master_key_state from_most, const char *method, const char *tail, const char *what, const char *body,
      fg_error *err)
{
   versions all = {0};
   bool ok = list_versions (provider, master_key, &all, err);

   for (size_t i = 0; ok && i < all.n; i++) {
      if (all.list[i].state >= from_least && all.list[i].state <= from_most) {
         ok = send (provider, master_key, method, all.list[i].number, tail, what, body, NULL, err);
      }
   }
   return ok;
}

static bool
gcp_disable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   return each (provider, master_key, FG_MASTER_KEY_ENABLED, FG_MASTER_KEY_ENABLED, "PATCH", "?updateMask=state",
                "disable the master key", "{\"state\": \"DISABLED\"}", err);
}

static bool
gcp_enable (fg_kms_provider *provider, const bson_t *master_key, fg_error *err)
{
   return each (provider, master_key, FG_MASTER_KEY_DISABLED, FG_MASTER_KEY_DISABLED, "PATCH", "?updateMask=state",
                "enable the master key", "{\"state\": \"ENABLED\"}", err);
}

static bool
gcp_destroy (fg_kms_provider *provider, const bson_t *master_key, unsigned days, fg_error *err)
{
   (void)days;
   return each (provider, master_key, FG_MASTER_KEY_UNKNOWN, FG_MASTER_KEY_DISABLED, "POST", ":destroy",
                "schedule the master key's destruction", "{}", err);
}

const fg_kms_lifecycle fg_kms_gcp_lifecycle = {
   .state = gcp_state,
   .disable = gcp_disable,
   .enable = gcp_enable,
   .destroy = gcp_destroy,
   .how = "every version of the key is scheduled for destruction; Google destroys it after the time that the key was "
          "made with (30 days unless it says otherwise)",
   .undo = "whoever has cloudkms.cryptoKeyVersions.restore on the key, until the destruction time",
   .beyond = "Google's own backups for up to 45 days more; an external or imported key is kept elsewhere, too",
};
