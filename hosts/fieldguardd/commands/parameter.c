/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/parameter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CODE_BAD_VALUE 2
#define CODE_TYPE_MISMATCH 14
#define CODE_ILLEGAL_OPERATION 20
#define CODE_INVALID_OPTIONS 72

#define VALUE_MAX 4200 /* paths */

bool
fgd_parameter_set_at_startup (fgd_server *server, const char *name, const char *value, fg_error *err)
{
   fgd_limit limit;

   if (fgd_limit_find (name, &limit)) {
      return fgd_limit_set (&server->limits, limit, value, err);
   }
   if (!fg_loader_has_setting (server->loader, name)) {
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_NOT_FOUND, name,
                           "Unknown --setParameter '%s' (a module's settings need its --loadModule)", name);
   }
   return fg_loader_set_setting (server->loader, name, value, true, NULL, err);
}

/* --- reading --------------------------------------------------------------------------------------------------------- */

/* In the type that its definition states. */
static void
append_value (bson_t *out, const char *name, fg_setting_type type, const char *value)
{
   switch (type) {
   case FG_SETTING_BOOL:
      bson_append_bool (out, name, -1, strcmp (value, "true") == 0);
      break;
   case FG_SETTING_INT:
      bson_append_int64 (out, name, -1, strtoll (value, NULL, 10));
      break;
   case FG_SETTING_ENUM:
   case FG_SETTING_STRING:
   default:
      bson_append_utf8 (out, name, -1, value, -1);
      break;
   }
}

/* What a setting is called, how it may be set, what it is now: the shape that showDetails asks for. */
static void
append_setting (bson_t *out, const char *name, const fg_setting_def *def, const char *value, bool details)
{
   bson_t child;

   if (!details) {
      append_value (out, name, def->type, value);
      return;
   }
   bson_append_document_begin (out, name, -1, &child);
   append_value (&child, "value", def->type, value);
   bson_append_bool (&child, "settableAtRuntime", -1, def->context != FG_SETTING_STARTUP);
   bson_append_bool (&child, "settableAtStartup", -1, true);
   bson_append_document_end (out, &child);
}

typedef struct visitor {
   bson_t *out;
   const bson_t *asked; /* NULL: all */
   bool details;
   size_t found;
} visitor;

static bool
visit_setting (void *ctx, const fg_setting_def *def, const char *value)
{
   visitor *v = ctx;
   bson_iter_t iter;

   if (!v->asked || bson_iter_init_find (&iter, v->asked, def->name)) {
      append_setting (v->out, def->name, def, value, v->details);
      v->found++;
   }
   return true;
}

/* --- fieldguardd's own: fixed, known by the names that drivers and tools ask for ------------------------------------------ */

static void
append_fcv (bson_t *out, const char *name)
{
   bson_t child;

   bson_append_document_begin (out, name, -1, &child);
   bson_append_utf8 (&child, "version", -1, "8.0", -1);
   bson_append_document_end (out, &child);
}

static void
append_false (bson_t *out, const char *name)
{
   bson_append_bool (out, name, -1, false);
}

static void
append_no_mechanisms (bson_t *out, const char *name)
{
   bson_t child;

   bson_append_array_begin (out, name, -1, &child);
   bson_append_array_end (out, &child);
}

static const struct {
   const char *name;
   void (*append) (bson_t *out, const char *name);
} own[] = {
   {"featureCompatibilityVersion", append_fcv},
   {"authenticationMechanisms", append_no_mechanisms},
   {"enableTestCommands", append_false},
   {"requireApiVersion", append_false},
};

static size_t
append_own (visitor *v)
{
   size_t n = 0;
   bson_iter_t iter;
   bson_t child;

   for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
      if (v->asked && !bson_iter_init_find (&iter, v->asked, own[i].name)) {
         continue;
      }
      n++;
      if (!v->details) {
         own[i].append (v->out, own[i].name);
         continue;
      }
      bson_append_document_begin (v->out, own[i].name, -1, &child);
      own[i].append (&child, "value");
      bson_append_bool (&child, "settableAtRuntime", -1, false);
      bson_append_bool (&child, "settableAtStartup", -1, false);
      bson_append_document_end (v->out, &child);
   }
   return n;
}

static size_t
append_limits (visitor *v, const fgd_limits *limits)
{
   size_t n = 0;
   bson_iter_t iter;
   bson_t child;

   for (unsigned i = 0; i < FGD_LIMIT_N; i++) {
      const char *name = fgd_limit_name ((fgd_limit)i);
      int64_t value = fgd_limit_get (limits, (fgd_limit)i);
      if (v->asked && !bson_iter_init_find (&iter, v->asked, name)) {
         continue;
      }
      n++;
      if (!v->details) {
         bson_append_int64 (v->out, name, -1, value);
         continue;
      }
      bson_append_document_begin (v->out, name, -1, &child);
      bson_append_int64 (&child, "value", -1, value);
      bson_append_bool (&child, "settableAtRuntime", -1, true);
      bson_append_bool (&child, "settableAtStartup", -1, true);
      bson_append_document_end (v->out, &child);
   }
   return n;
}

static bool
is_own (const char *name)
{
   for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
      if (strcmp (own[i].name, name) == 0) {
         return true;
      }
   }
   return false;
}

/* {getParameter: "*"}, {getParameter: {showDetails: b, allParameters: b}, name: 1}, {getParameter: 1, name: 1, ...} */
void
fgd_run_get_parameter (fgd_request *request, fgd_reply *reply)
{
   visitor v = {.out = &reply->body, .asked = &request->body};
   bson_iter_t iter, option;

   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter)) {
      return;
   }
   if (BSON_ITER_HOLDS_UTF8 (&iter) && strcmp (bson_iter_utf8 (&iter, NULL), "*") == 0) {
      v.asked = NULL;
   } else if (BSON_ITER_HOLDS_DOCUMENT (&iter) && bson_iter_recurse (&iter, &option)) {
      while (bson_iter_next (&option)) {
         if (strcmp (bson_iter_key (&option), "showDetails") == 0) {
            v.details = bson_iter_as_bool (&option);
         } else if (strcmp (bson_iter_key (&option), "allParameters") == 0 && bson_iter_as_bool (&option)) {
            v.asked = NULL;
         }
      }
   }
   v.found += append_own (&v);
   v.found += append_limits (&v, &request->server->limits);
   fg_loader_visit_settings (request->server->loader, visit_setting, &v);
   if (v.found == 0) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL, "no option found to get");
   }
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

static bool
value_as_text (const bson_iter_t *value, char *buf, size_t buf_len, fg_error *err)
{
   int n = -1;

   if (BSON_ITER_HOLDS_UTF8 (value)) {
      uint32_t len = 0;
      const char *text = bson_iter_utf8 (value, &len);
      n = strlen (text) == len ? snprintf (buf, buf_len, "%s", text) : -1;
   } else if (BSON_ITER_HOLDS_BOOL (value)) {
      n = snprintf (buf, buf_len, "%s", bson_iter_bool (value) ? "true" : "false");
   } else if (BSON_ITER_HOLDS_INT (value)) {
      n = snprintf (buf, buf_len, "%" PRId64, bson_iter_as_int64 (value));
   } else if (BSON_ITER_HOLDS_DOUBLE (value)) {
      double d = bson_iter_double (value);
      if (d >= -9007199254740992.0 && d <= 9007199254740992.0 && d == (double)(int64_t)d) {
         n = snprintf (buf, buf_len, "%" PRId64, (int64_t)d);
      }
   }
   if (n < 0 || (size_t)n >= buf_len) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL,
                           "parameter %.128s has a value of the wrong type", bson_iter_key (value));
   }
   return true;
}

static bool
is_generic (const char *key)
{
   static const char *const names[] = {"lsid",         "comment",    "maxTimeMS", "readConcern",
                                       "writeConcern", "apiVersion", "apiStrict", "apiDeprecationErrors"};

   if (key[0] == '$') {
      return true;
   }
   for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
      if (strcmp (names[i], key) == 0) {
         return true;
      }
   }
   return false;
}

/* A setting's own error becomes the server's: denied by its context, or a value that does not fit. */
static void
translate (fg_error *error)
{
   int32_t code = error->code == FG_E_DENIED ? CODE_ILLEGAL_OPERATION : CODE_BAD_VALUE;

   if (error->domain == FG_ERROR_SETTING) {
      error->domain = FG_ERROR_SERVER;
      error->code = code;
   }
}

typedef struct type_search {
   const char *name;
   fg_setting_type type;
} type_search;

static bool
find_type (void *ctx, const fg_setting_def *def, const char *value)
{
   type_search *search = ctx;

   (void)value;
   if (strcmp (def->name, search->name) != 0) {
      return true;
   }
   search->type = def->type;
   return false;
}

static bool
set_limit (fgd_request *request, fgd_limit limit, const bson_iter_t *value, fgd_reply *reply)
{
   char text[VALUE_MAX];
   int64_t was = fgd_limit_get (&request->server->limits, limit);

   if (!value_as_text (value, text, sizeof text, &reply->error)) {
      return false;
   }
   if (!fgd_limit_set (&request->server->limits, limit, text, &reply->error)) {
      translate (&reply->error);
      return false;
   }
   fgd_server_apply_limits (request->server);
   if (!bson_has_field (&reply->body, "was")) {
      bson_append_int64 (&reply->body, "was", -1, was);
   }
   return true;
}

static bool
set_one (fgd_request *request, const bson_iter_t *value, fgd_reply *reply)
{
   fg_loader *loader = request->server->loader;
   const char *name = bson_iter_key (value);
   char text[VALUE_MAX];
   char was[VALUE_MAX];
   type_search search = {name, FG_SETTING_STRING};

   if (is_own (name)) {
      return fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_ILLEGAL_OPERATION, NULL,
                           "not allowed to change [%.128s] at runtime", name);
   }
   fgd_limit limit;
   if (fgd_limit_find (name, &limit)) {
      return set_limit (request, limit, value, reply);
   }
   if (!fg_loader_has_setting (loader, name)) {
      return fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "attempted to set unrecognized parameter [%.128s], use help:true to see options ", name);
   }
   if (!value_as_text (value, text, sizeof text, &reply->error)) {
      return false;
   }
   if (!fg_loader_get_setting (loader, name, was, sizeof was)) {
      was[0] = 0;
   }
   if (!fg_loader_set_setting (loader, name, text, false, request->client, &reply->error)) {
      translate (&reply->error);
      return false;
   }
   fg_loader_visit_settings (loader, find_type, &search);
   if (!bson_has_field (&reply->body, "was")) {
      append_value (&reply->body, "was", search.type, was);
   }
   return true;
}

/* {setParameter: 1, name: value, ...}, in the order given: the first one refused ends it. */
void
fgd_run_set_parameter (fgd_request *request, fgd_reply *reply)
{
   bson_iter_t iter;
   size_t n = 0;

   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter)) {
      return;
   }
   while (bson_iter_next (&iter)) {
      if (is_generic (bson_iter_key (&iter))) {
         continue;
      }
      n++;
      if (!set_one (request, &iter, reply)) {
         return;
      }
   }
   if (n == 0) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                    "no option found to set, use help:true to see options ");
   }
}
