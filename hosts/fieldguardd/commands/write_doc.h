/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_WRITE_DOC_H
#define FGD_WRITE_DOC_H

/*
 * One document on its way into the store. Every write path of every command ends in these calls, in this order: size and shape, _id, the modules, the
 * collection's own validator, unique indexes, put. Whatever may refuse the document does so before the first put.
 */

#include "hosts/fieldguardd/commands/crud_args.h"
#include "hosts/fieldguardd/store/copy.h"

/* What a write of one command shares. */
typedef struct fgd_write {
   fgd_request *request;
   fgd_txn *txn;
   const char *db;
   const char *name;
   const fgd_coll *coll; /* NULL: does not exist (yet) */
   uint32_t flags; /* FG_WRITE_* */
   bson_t let; /* a view; empty when absent */
   bool copies; /* the server writes what a pipeline gave: modules hear FG_OP_COPY */
   fgd_copy *copy; /* NULL: every document is a unit of its own; else it is judged as part of this */
} fgd_write;

/* Why a document was refused: error, and the members that go beside code and errmsg (errInfo, keyPattern, keyValue). */
typedef struct fgd_failure {
   fg_error error;
   bson_t extra;
} fgd_failure;

void fgd_failure_init (fgd_failure *failure);
void fgd_failure_destroy (fgd_failure *failure);

/* Looks the collection up; create: makes it when it is missing. */
bool fgd_write_open (fgd_write *write, fgd_request *request, const char *db, const char *name,
                     fg_error *err) FG_WARN_UNUSED;
bool fgd_write_create_collection (fgd_write *write, fg_error *err) FG_WARN_UNUSED;
/* The flags for bypassDocumentValidation as the argument has it. */
uint32_t fgd_write_flags (const fg_value *bypass);
/* A command with encryptionInformation asks the server to rewrite Queryable Encryption's payloads, which mongod does on replica sets only: its error. */
#define FGD_NO_ENCRYPTED_INSERT 6371602
#define FGD_NO_ENCRYPTED_DELETE 6371701
#define FGD_NO_ENCRYPTED_FIND_AND_MODIFY 6371800
#define FGD_NO_ENCRYPTED_UPDATE 6371905
bool fgd_refuse_encryption_information (const fg_value *encryption_information, int32_t code,
                                        fg_error *err) FG_WARN_UNUSED;

/* Inserts doc (_id added and moved to the front as needed). */
bool fgd_write_insert (fgd_write *write, const uint8_t *doc, size_t len, fgd_failure *failure) FG_WARN_UNUSED;
/* Stores a finished post-image: of an upsert (op FG_OP_UPSERT), or a copy. */
bool fgd_write_put_new (fgd_write *write, fg_op op, const uint8_t *doc, size_t len,
                        fgd_failure *failure) FG_WARN_UNUSED;
bool fgd_write_put_changed (fgd_write *write, const fgd_record *pre, const uint8_t *doc, size_t len,
                            fgd_failure *failure) FG_WARN_UNUSED;

/* What modules say of a document that is there already and is to belong to write->copy's collection. */
bool fgd_write_judge_copy (fgd_write *write, const uint8_t *doc, size_t len, fgd_failure *failure) FG_WARN_UNUSED;

/* Between two statements, or two documents, of a long write (never before the first: whoever lets others in waits until those have ended), with no scan open: fails when maxTimeMS is over (50), and lets other writers in when they have waited
 * for a while (fgd_txn_yield), after which write->coll is the collection that now has the name, or NULL. */
bool fgd_write_pause (fgd_write *write, fg_error *err) FG_WARN_UNUSED;
/* The same without a collection. */
bool fgd_request_pause (fgd_request *request, fg_error *err) FG_WARN_UNUSED;
/* True for what ends a whole command, as in mongod, and not only the statement that met it: maxTimeMS. */
bool fgd_failure_ends_command (const fgd_failure *failure);

/* The first _id of a document; type 0 when there is none. */
fg_value fgd_document_id (const uint8_t *doc, size_t len);
void fgd_new_object_id (uint8_t out[12]);

#endif /* FGD_WRITE_DOC_H */
