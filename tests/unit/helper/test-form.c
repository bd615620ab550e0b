/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/form.h"

#include "test.h"

static void check_form(const SignParam *params, size_t n_params, const char *expected) {
        char *text;

        CHECK_INT(form_encode(params, n_params, &text), 0);
        CHECK_STR(text, expected);
        free(text);
}

static void test_order_and_absence(void) {
        const SignParam params[] = {{"b", "2"}, {"gone", NULL}, {"a", "1"}};

        check_form(params, ARRAY_SIZE(params), "b=2&a=1");
        check_form(params + 1, 1, "");
        check_form(params + 1, 2, "a=1");
        check_form(NULL, 0, "");
}

static void test_encoding(void) {
        const SignParam params[] = {{"deviceName", "a@b:c.d-e_f~"},
                                    {"x", "&=+% /?#"},
                                    {"u", "\xc3\xa9"},
                                    {"e", ""}};

        check_form(params, ARRAY_SIZE(params),
                   "deviceName=a%40b%3Ac.d-e_f~&x=%26%3D%2B%25%20%2F%3F%23&u=%C3%A9&e=");
}

TEST_MAIN(TEST(test_order_and_absence), TEST(test_encoding))
