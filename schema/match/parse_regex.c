/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include <string.h>

#define SERVER_OPTIONS_TWICE 51075
#define SERVER_OPTIONS_TWICE_REVERSED 51074
#define SERVER_INVALID_REGEX 51091
#define SERVER_INVALID_REGEX_FLAG 51108

static const fg_regex *
compile (fg_parser *parser, const char *pattern, const char *options)
{
   fg_regex_problem problem;
   fg_matcher *matcher = parser->matcher;
   const fg_regex *regex = fg_regex_new (&matcher->arena, &matcher->regexes, pattern, options, true, &problem);

   if (regex) {
      return regex;
   }
   if (problem.no_memory) {
      return fg_parse_no_memory (parser);
   }
   if (problem.unknown_option) {
      return fg_parse_error (parser, SERVER_INVALID_REGEX_FLAG, "invalid flag in regex options: %c",
                             problem.unknown_option);
   }
   return fg_parse_error (parser, SERVER_INVALID_REGEX, "Regular expression is invalid: %s", problem.message);
}

const fg_regex *
fg_parse_regex_text (fg_parser *parser, const char *pattern, size_t len, const char *options)
{
   if (strlen (pattern) != len) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "Regular expression cannot contain an embedded null byte");
   }
   return compile (parser, pattern, options);
}

const fg_regex *
fg_parse_regex (fg_parser *parser, const fg_value *value)
{
   const char *pattern = (const char *)value->data;
   return compile (parser, pattern, pattern + strlen (pattern) + 1);
}

static fg_node *
regex_node (fg_parser *parser, const fg_path *path, const fg_regex *regex)
{
   fg_node *node = regex ? fg_parse_node (parser, N_REGEX) : NULL;
   if (node) {
      node->path = path;
      node->leaf_arrays = true;
      node->u.regex = regex;
   }
   return node;
}

fg_node *
fg_parse_regex_value (fg_parser *parser, const fg_path *path, const fg_value *value)
{
   fg_node *node = regex_node (parser, path, fg_parse_regex (parser, value));
   if (node) {
      node->op = "$regex";
      node->spec = *value;
   }
   return node;
}

typedef struct regex_members {
   const char *pattern;
   size_t pattern_len;
   const char *options;
   bool own_options; /* written into the regex value */
   fg_element regex; /* the $regex member */
} regex_members;

static bool
take_regex (fg_parser *parser, regex_members *m, const fg_element *element)
{
   m->regex = *element;
   if (element->value.type == BSON_STRING) {
      m->pattern = fg_value_string (&element->value, &m->pattern_len);
      return true;
   }
   if (element->value.type != BSON_REGEX) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "$regex has to be a string");
      return false;
   }
   m->pattern = (const char *)element->value.data;
   m->pattern_len = strlen (m->pattern);
   const char *own = m->pattern + m->pattern_len + 1;
   if (*own && m->options) {
      fg_parse_error (parser, SERVER_OPTIONS_TWICE_REVERSED, "options set in both $regex and $options");
      return false;
   }
   m->own_options = *own != '\0';
   m->options = *own ? own : m->options;
   return true;
}

static bool
take_options (fg_parser *parser, regex_members *m, const fg_element *element)
{
   size_t len;

   if (element->value.type != BSON_STRING) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "$options has to be a string");
      return false;
   }
   if (m->own_options) {
      fg_parse_error (parser, SERVER_OPTIONS_TWICE, "options set in both $regex and $options");
      return false;
   }
   m->options = fg_value_string (&element->value, &len);
   if (strlen (m->options) != len) {
      fg_parse_error (parser, SERVER_BAD_VALUE,
                      "Regular expression options string cannot contain an embedded null byte");
      return false;
   }
   return true;
}

fg_node *
fg_parse_regex_document (fg_parser *parser, const fg_path *path, const fg_value *document)
{
   fg_cursor cursor;
   fg_element element;
   regex_members m = {0};

   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, &element)) {
      if (strcmp (element.name, "$regex") == 0 && !take_regex (parser, &m, &element)) {
         return NULL;
      }
      if (strcmp (element.name, "$options") == 0 && !take_options (parser, &m, &element)) {
         return NULL;
      }
   }
   if (!m.pattern) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "$options needs a $regex");
   }
   const fg_regex *regex = fg_parse_regex_text (parser, m.pattern, m.pattern_len, m.options ? m.options : "");
   fg_node *node = regex_node (parser, path, regex);
   if (node) {
      node->op = "$regex";
      node->spec = m.regex.value;
   }
   return node;
}
