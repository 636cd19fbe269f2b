/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/number.h"
#include "tests/unit/runner.h"

#include <bson/bson.h>

const char *const fg_suite_name = "query-number";

static void
read_text (const char *text, fgd_decimal *out)
{
   bson_decimal128_t d;
   uint8_t bytes[16];
   CU_ASSERT_TRUE_FATAL (bson_decimal128_from_string (text, &d));
   for (int i = 0; i < 8; i++) {
      bytes[i] = (uint8_t)(d.low >> (8 * i));
      bytes[8 + i] = (uint8_t)(d.high >> (8 * i));
   }
   fgd_decimal_read (bytes, out);
}

static void
is_text (const fgd_decimal *d, const char *wanted)
{
   uint8_t bytes[16];
   char text[BSON_DECIMAL128_STRING];
   fgd_decimal_write (d, bytes);
   bson_decimal128_t out = {.low = fg_read_u64le (bytes), .high = fg_read_u64le (bytes + 8)};
   bson_decimal128_to_string (&out, text);
   CU_ASSERT_STRING_EQUAL (text, wanted);
}

typedef void operation (const fgd_decimal *a, const fgd_decimal *b, fgd_decimal *out);

static void
gives (operation *run, const char *left, const char *right, const char *wanted)
{
   fgd_decimal a, b, out;
   read_text (left, &a);
   read_text (right, &b);
   run (&a, &b, &out);
   is_text (&out, wanted);
}

static void
adding (void)
{
   gives (fgd_decimal_add, "0.1", "0.2", "0.3");
   gives (fgd_decimal_add, "1.00", "2", "3.00");
   gives (fgd_decimal_add, "1", "-1", "0");
   gives (fgd_decimal_add, "-1.5", "0.5", "-1.0");
   gives (fgd_decimal_add, "0", "0.00", "0.00");
   gives (fgd_decimal_add, "9999999999999999999999999999999999", "1", "1.000000000000000000000000000000000E+34");
   gives (fgd_decimal_add, "1", "1E-40", "1.000000000000000000000000000000000");
   gives (fgd_decimal_add, "1E+6000", "1E-6000", "1.000000000000000000000000000000000E+6000");
   gives (fgd_decimal_add, "1000000000000000000000000000000000", "0.5", "1000000000000000000000000000000000");
   gives (fgd_decimal_add, "1000000000000000000000000000000001", "0.5", "1000000000000000000000000000000002");
   gives (fgd_decimal_add, "1000000000000000000000000000000000", "0.5000001", "1000000000000000000000000000000001");
   gives (fgd_decimal_add, "Infinity", "1", "Infinity");
   gives (fgd_decimal_add, "Infinity", "-Infinity", "NaN");
   gives (fgd_decimal_add, "NaN", "1", "NaN");
}

static void
multiplying (void)
{
   gives (fgd_decimal_multiply, "1.5", "-2", "-3.0");
   gives (fgd_decimal_multiply, "0", "5.00", "0.00");
   gives (fgd_decimal_multiply, "9999999999999999999999999999999999", "9999999999999999999999999999999999",
          "9.999999999999999999999999999999998E+67");
   gives (fgd_decimal_multiply, "1E+6000", "1E+6000", "Infinity");
   gives (fgd_decimal_multiply, "1E-6000", "1E-6000", "0E-6176");
   gives (fgd_decimal_multiply, "Infinity", "0", "NaN");
   gives (fgd_decimal_multiply, "Infinity", "-2", "-Infinity");
}

static void
dividing (void)
{
   gives (fgd_decimal_divide, "1", "4", "0.25");
   gives (fgd_decimal_divide, "6", "2", "3");
   gives (fgd_decimal_divide, "1", "3", "0.3333333333333333333333333333333333");
   gives (fgd_decimal_divide, "2", "3", "0.6666666666666666666666666666666667");
   gives (fgd_decimal_divide, "1", "0", "Infinity");
   gives (fgd_decimal_divide, "0", "0", "NaN");
   gives (fgd_decimal_divide, "Infinity", "Infinity", "NaN");
}

static void
converting (void)
{
   fgd_decimal d;
   fgd_decimal_from_double (2.5, &d);
   is_text (&d, "2.50000000000000");
   fgd_decimal_from_double (0.1, &d);
   is_text (&d, "0.100000000000000");
   fgd_decimal_from_double (-1e300, &d);
   is_text (&d, "-1.00000000000000E+300");
   fgd_decimal_from_double (0, &d);
   is_text (&d, "0");
   fgd_decimal_from_int64 (INT64_MIN, &d);
   is_text (&d, "-9223372036854775808");
   read_text ("12.5", &d);
   CU_ASSERT_DOUBLE_EQUAL (fgd_decimal_to_double (&d), 12.5, 0);
}

static void
promoting (void)
{
   fgd_number a = {.type = FGD_T_INT32, .i = INT32_MAX};
   fgd_number b = {.type = FGD_T_INT32, .i = 1};
   fgd_number out;
   CU_ASSERT_TRUE (fgd_number_add (&a, &b, &out));
   CU_ASSERT_EQUAL (out.type, FGD_T_INT64);
   CU_ASSERT_EQUAL (out.i, (int64_t)INT32_MAX + 1);
   a = (fgd_number){.type = FGD_T_INT64, .i = INT64_MAX};
   CU_ASSERT_FALSE (fgd_number_add (&a, &b, &out));
   CU_ASSERT_FALSE (fgd_number_multiply (&a, &a, &out));
   a = (fgd_number){.type = FGD_T_INT64, .i = 1};
   CU_ASSERT_TRUE (fgd_number_add (&a, &b, &out));
   CU_ASSERT_EQUAL (out.type, FGD_T_INT64);
   a = (fgd_number){.type = FGD_T_DOUBLE, .d = 0.5};
   CU_ASSERT_TRUE (fgd_number_add (&a, &b, &out));
   CU_ASSERT_EQUAL (out.type, FGD_T_DOUBLE);
}

const fg_test fg_tests[] = {{"adding", adding},         {"multiplying", multiplying}, {"dividing", dividing},
                            {"converting", converting}, {"promoting", promoting},     {NULL, NULL}};
