/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>

#define OPT_HELP 256
#define OPT_FIRST 257

int
fg_arguments_read (const char *verb, const char *help, const fg_argument *arguments, size_t n, int argc, char **argv)
{
   struct option options[FG_ARGUMENTS_MAX + 2] = {{"help", no_argument, NULL, OPT_HELP}};
   int option;

   for (size_t i = 0; i < n && i < FG_ARGUMENTS_MAX; i++) {
      options[i + 1] = (struct option){arguments[i].name, arguments[i].text ? required_argument : no_argument, NULL,
                                       OPT_FIRST + (int)i};
   }
   opterr = 0;
   optind = 1;
   while ((option = getopt_long (argc, argv, "", options, NULL)) != -1) {
      if (option == OPT_HELP) {
         fputs (help, stdout);
         return FG_EXIT_OK;
      }
      if (option < OPT_FIRST) {
         return fg_cli_usage (verb, "%s: unknown option, or its argument is missing: %s", verb, argv[optind - 1]);
      }
      const fg_argument *found = &arguments[option - OPT_FIRST];
      if (found->text) {
         *found->text = optarg;
      } else {
         *found->flag = true;
      }
   }
   return -1;
}
