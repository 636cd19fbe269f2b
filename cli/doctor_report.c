/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
   const char *id;
   fg_doctor_severity severity;
   const char *remedy;
} table[FG_DOCTOR_COUNT] = {
   [FG_DOCTOR_BAD_DOCUMENT] = {"bad-key-document", FG_DOCTOR_ERROR,
                               "restore the document from a backup, or delete it once nothing was encrypted under it"},
   [FG_DOCTOR_DUPLICATE_ALT_NAME] =
      {"duplicate-alt-name", FG_DOCTOR_ERROR,
       "clients take any of the keys: take the name away from all but one, then make the unique index"},
   [FG_DOCTOR_DUPLICATE_ID] = {"duplicate-id", FG_DOCTOR_ERROR,
                               "find out which document opens what was encrypted, and delete the other"},
   [FG_DOCTOR_NO_UNIQUE_INDEX] = {"no-unique-index", FG_DOCTOR_ERROR,
                                  "createIndexes on {keyAltNames: 1} with unique: true and partialFilterExpression "
                                  "{keyAltNames: {$exists: true}}; "
                                  "`keys create` makes it"},
   [FG_DOCTOR_KEY_NOT_OPENED] =
      {"key-not-opened", FG_DOCTOR_ERROR,
       "configure the provider that wrapped it, or have the master key enabled; if that is impossible, what was "
       "encrypted under it is lost"},
   [FG_DOCTOR_KEYS_NOT_TRIED] = {"keys-not-tried", FG_DOCTOR_INFO, "give --kms-providers"},
   [FG_DOCTOR_NO_ALT_NAME] =
      {"no-alt-name", FG_DOCTOR_INFO,
       "`keys alt-name add`: a key that is named after what it is for can be found when that has "
       "to be shredded"},
   [FG_DOCTOR_KEY_OLD] = {"key-old", FG_DOCTOR_INFO,
                          "encrypt new values under a new key; `keys rewrap` renews a wrapping, not the key"},
   [FG_DOCTOR_LOCAL_MASTER_KEY] = {"local-master-key", FG_DOCTOR_WARNING,
                                   "move to a KMS: `keys rewrap --provider` or `keys migrate`; no document changes"},
   [FG_DOCTOR_KEYS_PER_MASTER_KEY] = {"keys-per-master-key", FG_DOCTOR_INFO,
                                      "nothing to do: what ends with each master key"},
   [FG_DOCTOR_MASTER_KEY_STATE] =
      {"master-key-state", FG_DOCTOR_ERROR,
       "enable the master key or cancel its deletion, and rewrap the keys under another one"},
   [FG_DOCTOR_MASTER_KEY_SETTINGS] = {"master-key-settings", FG_DOCTOR_WARNING,
                                      "change the setting at the KMS; some can only be made with a new master key"},
   [FG_DOCTOR_MASTER_KEY_UNKNOWN] = {"master-key-unknown", FG_DOCTOR_INFO,
                                     "allow this identity to read the master key's description, or look yourself"},
   [FG_DOCTOR_KEY_UNDER_CLOSED_EPOCH] =
      {"key-under-closed-epoch", FG_DOCTOR_ERROR,
       "take the old master key out of the client's configuration that made it, and rewrap it to the new epoch while "
       "the old master key works"},
   [FG_DOCTOR_CLOSED_EPOCH_CONFIGURED] =
      {"closed-epoch-configured", FG_DOCTOR_WARNING,
       "remove the old local master key from this file, and from wherever else it is: it opens old backups"},
   [FG_DOCTOR_SHARED_MASTER_KEY] = {"shared-master-key", FG_DOCTOR_WARNING,
                                    "give each vault a master key of its own: a shared one cannot be ended for one"},
   [FG_DOCTOR_VAULT_WITH_DATA] = {"vault-with-data", FG_DOCTOR_WARNING,
                                  "move the vault to another deployment: backups of the data then hold no keys"},
   [FG_DOCTOR_VAULT_PLACE_UNKNOWN] = {"vault-place-unknown", FG_DOCTOR_INFO,
                                      "give --data with the URI of the encrypted data"},
   [FG_DOCTOR_SEPARATION] = {"separation-of-duties", FG_DOCTOR_WARNING,
                             "where people work, let one identity read the data and another unwrap keys"},
   [FG_DOCTOR_SEPARATION_UNKNOWN] = {"separation-unknown", FG_DOCTOR_INFO,
                                     "run with the identity in question, --data and --kms-providers"},
   [FG_DOCTOR_RETENTION_UNKNOWN] = {"backup-retention-unknown", FG_DOCTOR_WARNING,
                                    "find out how long backups of the vault are kept, and give --backup-retention"},
   [FG_DOCTOR_RETENTION_LONG] =
      {"backup-retention-longer", FG_DOCTOR_ERROR,
       "shorten the retention, or tell who has the certificate until when backups really open"},
   [FG_DOCTOR_RETENTION_SHORT] =
      {"backup-retention-short", FG_DOCTOR_WARNING,
       "the other side of the trade: a disaster that is noticed later than that loses everybody's keys, and so all "
       "encrypted data. Keep longer and end master keys instead"},
   [FG_DOCTOR_CHAIN_BROKEN] = {"certificate-chain-broken", FG_DOCTOR_ERROR,
                               "compare with the copy that lies elsewhere; `fieldguard audit verify` names the line"},
   [FG_DOCTOR_SHREDDED_KEY_BACK] = {"shredded-key-back", FG_DOCTOR_ERROR,
                                    "a restored vault brought it back: delete it again (`keys delete`), and every "
                                    "copy of the backup that it came from"},
   [FG_DOCTOR_EPOCH_MARKER_MISSING] =
      {"epoch-marker-missing", FG_DOCTOR_ERROR,
       "this vault is older than the roll, or its marker was deleted: restore the backup that the roll wrote"},
   [FG_DOCTOR_DESTRUCTION_UNDONE] =
      {"destruction-undone", FG_DOCTOR_ERROR,
       "somebody cancelled it: old backups open again. Find out who, and destroy it anew"},
   [FG_DOCTOR_ROLL_UNFINISHED] = {"roll-unfinished", FG_DOCTOR_WARNING,
                                  "`keys shred` goes on with it; after grace, `keys shred --finish`"},
   [FG_DOCTOR_CHECKLIST] = {"checklist", FG_DOCTOR_INFO, "look yourself: no API that is asked here answers it"},
};

static const char *const severities[] = {"info", "warning", "error"};

static void
print_json (fg_doctor_id id, const char *subject, const char *message)
{
   fg_buf out = {0};

   fg_buf_printf (&out, "{\"id\":\"%s\",\"severity\":\"%s\",\"subject\":", table[id].id,
                  severities[table[id].severity]);
   fg_buf_append_json_string (&out, subject, strlen (subject));
   fg_buf_append_str (&out, ",\"message\":");
   fg_buf_append_json_string (&out, message, strlen (message));
   fg_buf_append_str (&out, ",\"remedy\":");
   fg_buf_append_json_string (&out, table[id].remedy, strlen (table[id].remedy));
   fg_buf_append_str (&out, "}");
   printf ("%.*s\n", out.failed ? 0 : (int)out.len, out.failed ? "" : (const char *)out.data);
   fg_buf_free (&out);
}

/* Names and messages may hold somebody else's text: on a terminal it must not do anything. */
static void
print_plain (const char *text)
{
   for (; *text; text++) {
      putchar ((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text);
   }
}

void
fg_doctor_report (fg_doctor *d, fg_doctor_id id, const char *subject, const char *format, ...)
{
   char message[1024];
   va_list args;

   va_start (args, format);
   vsnprintf (message, sizeof message, format, args);
   va_end (args);
   d->counts[table[id].severity]++;
   if (d->client.json) {
      print_json (id, subject, message);
      return;
   }
   printf ("%s %s: ", severities[table[id].severity], table[id].id);
   if (subject[0]) {
      print_plain (subject);
      printf (": ");
   }
   print_plain (message);
   printf ("\n    %s\n", table[id].remedy);
}
