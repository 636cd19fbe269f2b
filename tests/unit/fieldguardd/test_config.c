/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/config.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const fg_suite_name = "fieldguardd.config";

#define ARGS_MAX 16

static fgd_config config;
static fg_error err;
static char file[] = "/tmp/fieldguardd-config-XXXXXX";
static bool file_made;

/* Parses "a b c" as a command line; FILE stands for a YAML file that holds yaml. */
static bool
parse (const char *line, const char *yaml)
{
   char copy[512];
   char *argv[ARGS_MAX] = {(char *)(uintptr_t) "fieldguardd"};
   int argc = 1;
   char *rest = NULL;

   if (yaml) {
      int fd = mkstemp (file);
      file_made = fd >= 0 && write (fd, yaml, strlen (yaml)) == (ssize_t)strlen (yaml);
      close (fd);
   }
   snprintf (copy, sizeof copy, "%s", line);
   for (char *word = strtok_r (copy, " ", &rest); word && argc < ARGS_MAX; word = strtok_r (NULL, " ", &rest)) {
      argv[argc++] = strcmp (word, "FILE") == 0 ? file : word;
   }
   fg_error_clear (&err);
   return fgd_config_init (&config, &err) && fgd_config_parse (&config, argc, argv, &err);
}

static void
finish (void)
{
   fgd_config_free (&config);
   if (file_made) {
      unlink (file);
      memcpy (file + sizeof file - 7, "XXXXXX", 6);
      file_made = false;
   }
}

static void
refused (const char *line, const char *yaml, const char *where, const char *what)
{
   CU_ASSERT_FALSE (parse (line, yaml));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.path, where));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, what));
   finish ();
}

static void
test_defaults (void)
{
   CU_ASSERT_TRUE (parse ("", NULL));
   CU_ASSERT_EQUAL (config.port, 27017);
   CU_ASSERT_STRING_EQUAL (config.bind_ip, "localhost");
   CU_ASSERT_STRING_EQUAL (config.db_path, "/data/db");
   CU_ASSERT_PTR_NULL (config.log_path);
   CU_ASSERT_PTR_NULL (config.repl_set);
   CU_ASSERT_EQUAL (config.n_modules, 0);
   finish ();
}

static void
test_flags (void)
{
   CU_ASSERT_TRUE (
      parse ("--port=0 --bind_ip 127.0.0.1,::1 --dbpath /x --loadModule a.so --loadModule=b.so --setParameter "
             "fieldguard.mode=audit --setParameter fieldguard.auditPath=/a=b",
             NULL));
   CU_ASSERT_EQUAL (config.port, 0);
   CU_ASSERT_STRING_EQUAL (config.db_path, "/x");
   CU_ASSERT_EQUAL_FATAL (config.n_modules, 2);
   CU_ASSERT_STRING_EQUAL (config.modules[1], "b.so");
   CU_ASSERT_EQUAL_FATAL (config.n_settings, 2);
   CU_ASSERT_STRING_EQUAL (config.settings[0].value, "audit");
   CU_ASSERT_STRING_EQUAL (config.settings[1].value, "/a=b");
   CU_ASSERT_EQUAL (config.argc, 13);
   finish ();
   CU_ASSERT_TRUE (parse ("--replSet rs0", NULL));
   CU_ASSERT_STRING_EQUAL (config.repl_set, "rs0");
   finish ();
   CU_ASSERT_TRUE (parse ("--version", NULL) && config.version);
   finish ();
   CU_ASSERT_TRUE (parse ("-h", NULL) && config.help);
   finish ();
}

static void
test_bad_flags (void)
{
   refused ("--prot 1", NULL, "", "unrecognised option '--prot'");
   refused ("word", NULL, "", "unrecognised option 'word'");
   refused ("--port", NULL, "port", "missing");
   refused ("--port 1 --port 2", NULL, "port", "Multiple occurrences");
   refused ("--port 65536", NULL, "port", "0 to 65535");
   refused ("--port 1x", NULL, "port", "whole number");
   refused ("--mapSizeGB 0", NULL, "mapSizeGB", "GiB from");
   refused ("--maxMapSizeGB nan", NULL, "maxMapSizeGB", "GiB from");
   refused ("--mapSizeGB 1GB", NULL, "mapSizeGB", "'1GB'");
   refused ("--replSet=", NULL, "replSet", "1 to 127 characters");
   refused ("--replSet rs0/localhost:27017", NULL, "replSet", "without '/'");
   refused ("--setParameter novalue", NULL, "setParameter", "NAME=VALUE");
   refused ("--logappend=1", NULL, "logappend", "takes no value");
   refused ("--config /nonexistent/file", NULL, "/nonexistent/file", "No such file");
}

static void
test_loopback_only (void)
{
   refused ("--bind_ip 0.0.0.0", NULL, "net.bindIp", "not a loopback address");
   refused ("--bind_ip localhost,10.0.0.1", NULL, "net.bindIp", "10.0.0.1");
   refused ("--bind_ip ::", NULL, "net.bindIp", "TLS and no authentication");
   refused ("--bind_ip example.org", NULL, "net.bindIp", "example.org");
   refused ("--bind_ip ,", NULL, "net.bindIp", "names no address");
   refused ("--bind_ip_all", NULL, "bind_ip_all", "loopback addresses only");
   CU_ASSERT_TRUE (parse ("--bind_ip localhost,127.1.2.3,::1", NULL));
   finish ();
}

static void
test_yaml (void)
{
   static const char yaml[] = "net:\n  port: 1234\n  bindIp: 127.0.0.1\nstorage:\n  dbPath: /y\n  mapSizeGB: 0.5\n  "
                              "maxMapSizeGB: 2\nsystemLog:\n"
                              "  destination: file\n  path: /tmp/l\n  logAppend: false\nsetParameter:\n"
                              "  fieldguard.strict: true\nfieldguard:\n  mode: audit\n  auditPath: /tmp/a\n"
                              "loadModules:\n  - one.so\n  - two.so\n";

   CU_ASSERT_TRUE_FATAL (parse ("-f FILE --port 99 --loadModule three.so --setParameter fieldguard.mode=off", yaml));
   CU_ASSERT_EQUAL (config.port, 99); /* the command line wins */
   CU_ASSERT_STRING_EQUAL (config.db_path, "/y");
   CU_ASSERT_EQUAL (config.map_size, UINT64_C (1) << 29);
   CU_ASSERT_EQUAL (config.max_map_size, UINT64_C (2) << 30);
   CU_ASSERT_STRING_EQUAL (config.log_path, "/tmp/l");
   CU_ASSERT_FALSE (config.log_append);
   CU_ASSERT_EQUAL_FATAL (config.n_modules, 3);
   CU_ASSERT_STRING_EQUAL (config.modules[2], "three.so");
   CU_ASSERT_EQUAL_FATAL (config.n_settings, 3);
   CU_ASSERT_STRING_EQUAL (config.settings[1].name, "fieldguard.mode");
   CU_ASSERT_STRING_EQUAL (config.settings[1].value, "off");
   finish ();
   CU_ASSERT_TRUE (parse ("--config FILE", "net.port: 5\n"));
   CU_ASSERT_EQUAL (config.port, 5);
   finish ();
   CU_ASSERT_TRUE (parse ("--config FILE", ""));
   finish ();
}

static void
test_bad_yaml (void)
{
   refused ("-f FILE", "net:\n  port: 1\n  prot: 2\n", ":3", "Unrecognized option: net.prot");
   refused ("-f FILE", "nets:\n  port: 1\n", ":1", "Unrecognized option: nets");
   refused ("-f FILE", "net:\n  port: 1\n  port: 2\n", ":3", "given twice");
   refused ("-f FILE", "net: [1]\n", ":1", "does not take a list");
   refused ("-f FILE", "loadModules: x.so\n", ":1", "takes a list");
   refused ("-f FILE", "loadModules:\n  - {a: b}\n", ":2", "must be a path");
   refused ("-f FILE", "- a\n", ":1", "must be a mapping");
   refused ("-f FILE", "net:\n  port: [1\n", ":", "YAML");
   refused ("-f FILE", "net:\n  bindIp: 1.2.3.4\n", "net.bindIp", "not a loopback");
   refused ("-f FILE", "fieldguard: &a\n  mode: *a\n", ":", "");
   refused ("-f FILE", "systemLog:\n  destination: syslog\n", ":2", "not supported");
   refused ("-f FILE", "security:\n  authorization: enabled\n", ":2", "no authentication yet");
}

const fg_test fg_tests[] = {
   {"defaults", test_defaults},
   {"flags", test_flags},
   {"bad_flags", test_bad_flags},
   {"loopback_only", test_loopback_only},
   {"yaml", test_yaml},
   {"bad_yaml", test_bad_yaml},
   {NULL, NULL},
};
