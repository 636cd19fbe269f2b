# SPDX-License-Identifier: Apache-2.0
$(eval $(call shared_object,examples/hello.so,examples/hello_module/hello.c,,,examples/hello_module/hello.map))
TEST_ARTIFACTS += $(B)/examples/hello.so
