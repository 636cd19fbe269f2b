/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_CERTIFICATE_H
#define FG_CLIENT_CERTIFICATE_H

/*
 * Certificates of shredding, in a folder: certificates.log and the files that it was before, one chain of audit files (fieldguard/audit.h), so that `fieldguard audit verify` reads them,
 * too. Each certificate is one record, {"atype": "fieldguard.shredding", ..., "param": {...}}, complete in itself. A shredding gets one when its keys are deleted, one when its epoch
 * is rolled, and one when the old epoch is destroyed; `stage` says which.
 *
 * With a key file each record is MACed under a key that evolves; without, the chain is plain SHA-256 and shows accidents alone.
 */

#include <bson/bson.h>
#include <fieldguard/audit.h>
#include <fieldguard/client.h>

#define FG_CERTIFICATES_FILE "certificates.log"
/* A record's param as BSON; its JSON must fit into an audit line. */
#define FG_CERTIFICATE_MAX 48000u

/* Appends params (each one record) durably: when this returns true they are on disk, in a file that is closed in order. key_file may be NULL. */
bool fg_certificates_append (const char *dir, const char *key_file, bson_t *const *params, size_t n,
                             fg_error *err) FG_WARN_UNUSED;

/* Whether appending could work: the folder is there (made 0700 when it is not), and the chain's last file is whole and fits the key. Leaves an empty file of the chain behind. */
bool fg_certificates_ready (const char *dir, const char *key_file, fg_error *err) FG_WARN_UNUSED;

/* Returning false stops the reading, which then has succeeded. */
typedef bool (*fg_certificate_visit) (void *ctx, const bson_t *param);

/* Every certificate of the folder, oldest first; report as fg_audit_verify gives it: the certificates are shown whatever it says. A folder without any is FG_E_NOT_FOUND. */
bool fg_certificates_read (const char *dir, const char *key_file, fg_certificate_visit visit, void *ctx,
                           fg_audit_report *report, fg_error *err) FG_WARN_UNUSED;

/* One line of such a file. True and *param NULL: a record of another kind. False: none. */
bool fg_certificate_parse (const char *line, size_t len, bson_t **param) FG_WARN_UNUSED;

#endif /* FG_CLIENT_CERTIFICATE_H */
