/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no module at all. */
int fg_test_not_a_module (void);

__attribute__ ((visibility ("default"))) int
fg_test_not_a_module (void)
{
   return 1;
}
