/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: mongod's YAML names, and a section `fieldguard` whose keys are the module's settings without their prefix. */
#include "hosts/fieldguardd/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 4
#define KEY_MAX 256

typedef struct reader {
   fgd_config *config;
   yaml_document_t document;
   const char *path;
   char where[FG_ERROR_PATH_MAX]; /* "file:line" of the node being read */
   char seen[64][KEY_MAX]; /* keys applied: none may repeat */
   size_t n_seen;
} reader;

static void
locate (reader *r, const yaml_node_t *node)
{
   snprintf (r->where, sizeof r->where, "%.200s:%zu", r->path, node->start_mark.line + 1);
}

static bool
fail (reader *r, fg_error *err, const char *what, const char *key)
{
   return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, r->where, "%s: %s", key, what);
}

static const char *
scalar_text (const yaml_node_t *node)
{
   const char *text = (const char *)node->data.scalar.value;
   return strlen (text) == node->data.scalar.length ? text : NULL;
}

static bool
note_key (reader *r, const char *key, fg_error *err)
{
   for (size_t i = 0; i < r->n_seen; i++) {
      if (strcmp (r->seen[i], key) == 0) {
         return fail (r, err, "given twice", key);
      }
   }
   if (r->n_seen < sizeof r->seen / sizeof *r->seen) {
      snprintf (r->seen[r->n_seen++], KEY_MAX, "%s", key);
   }
   return true;
}

static bool
apply_scalar (reader *r, const char *key, const yaml_node_t *node, fg_error *err)
{
   const char *text = scalar_text (node);

   if (!text) {
      return fail (r, err, "the value holds a NUL byte", key);
   }
   if (!note_key (r, key, err)) {
      return false;
   }
   if (strncmp (key, "setParameter.", 13) == 0) {
      return fgd_config_add_setting (r->config, key + 13, text, err);
   }
   if (strncmp (key, "fieldguard.", 11) == 0) {
      return fgd_config_add_setting (r->config, key, text, err);
   }
   return fgd_config_set (r->config, key, text, r->where, err);
}

static bool
apply_modules (reader *r, const yaml_node_t *node, fg_error *err)
{
   for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
      const yaml_node_t *child = yaml_document_get_node (&r->document, *item);
      locate (r, child);
      const char *text = child->type == YAML_SCALAR_NODE ? scalar_text (child) : NULL;
      if (!text || !*text) {
         return fail (r, err, "each entry must be a path", "loadModules");
      }
      if (!fgd_config_add_module (r->config, text, err)) {
         return false;
      }
   }
   return true;
}

static bool apply_mapping (reader *r, const char *prefix, const yaml_node_t *node, int depth, fg_error *err);

static bool
apply_pair (reader *r, const char *prefix, const yaml_node_pair_t *pair, int depth, fg_error *err)
{
   const yaml_node_t *name = yaml_document_get_node (&r->document, pair->key);
   const yaml_node_t *value = yaml_document_get_node (&r->document, pair->value);
   char key[KEY_MAX];

   locate (r, name);
   const char *text = name->type == YAML_SCALAR_NODE ? scalar_text (name) : NULL;
   if (!text || !*text) {
      return fail (r, err, "a key must be a name", *prefix ? prefix : "file");
   }
   int n = snprintf (key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", text);
   if (n < 0 || (size_t)n >= sizeof key) {
      return fail (r, err, "a key is too long", *prefix ? prefix : "file");
   }
   if (value->type == YAML_MAPPING_NODE) {
      return apply_mapping (r, key, value, depth + 1, err);
   }
   if (value->type == YAML_SEQUENCE_NODE) {
      return strcmp (key, "loadModules") == 0 ? apply_modules (r, value, err)
                                              : fail (r, err, "does not take a list", key);
   }
   if (strcmp (key, "loadModules") == 0) {
      return fail (r, err, "takes a list of paths", key);
   }
   return apply_scalar (r, key, value, err);
}

static bool
is_section (const char *key)
{
   static const char *const sections[] = {"net",      "storage",      "systemLog", "processManagement",
                                          "security", "setParameter", "fieldguard"};

   for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
      if (strcmp (key, sections[i]) == 0) {
         return true;
      }
   }
   return false;
}

static bool
apply_mapping (reader *r, const char *prefix, const yaml_node_t *node, int depth, fg_error *err)
{
   if (*prefix && !is_section (prefix)) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_NOT_FOUND, r->where, "Unrecognized option: %s", prefix);
   }
   if (depth > DEPTH_MAX) {
      return fail (r, err, "nested too deep", prefix);
   }
   for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
      if (!apply_pair (r, prefix, pair, depth, err)) {
         return false;
      }
   }
   return true;
}

static bool
read_document (reader *r, yaml_parser_t *parser, fg_error *err)
{
   if (!yaml_parser_load (parser, &r->document)) {
      snprintf (r->where, sizeof r->where, "%.200s:%zu", r->path, parser->problem_mark.line + 1);
      return fail (r, err, parser->problem ? parser->problem : "cannot be read", "Error parsing YAML config file");
   }
   yaml_node_t *root = yaml_document_get_root_node (&r->document);
   bool ok = true;
   if (root && root->type != YAML_MAPPING_NODE) {
      locate (r, root);
      ok = fail (r, err, "must be a mapping", "file");
   } else if (root) {
      ok = apply_mapping (r, "", root, 0, err);
   }
   yaml_document_delete (&r->document);
   return ok;
}

bool
fgd_config_read_yaml (fgd_config *config, const char *path, fg_error *err)
{
   yaml_parser_t parser;
   reader r;

   memset (&r, 0, sizeof r);
   r.config = config;
   r.path = path;
   FILE *file = fopen (path, "re");
   if (!file) {
      return fg_error_set_errno (err, errno, path, "Error reading config file");
   }
   if (!yaml_parser_initialize (&parser)) {
      fclose (file);
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, path, "out of memory");
   }
   yaml_parser_set_input_file (&parser, file);
   bool ok = read_document (&r, &parser, err);
   yaml_parser_delete (&parser);
   fclose (file);
   return ok;
}
