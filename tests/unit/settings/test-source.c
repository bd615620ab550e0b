/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

static void test_included_files_keep_their_names_and_lines(void) {
        static const char first[] = "// one\nclod: { x = 1; };\n@include \"sub/inner\"\n\nfoo = 1;";
        static const char inner[] = "/* a\n comment */ bar = 1;";
        Load load;
        char path[64];

        load_begin(&load);
        CHECK(snprintf(path, sizeof(path), "%s/sub", load.directory) > 0);
        CHECK_INT(mkdir(path, 0700), 0);
        load_write(&load, "first", first, strlen(first), 0644);
        load_write(&load, "sub/inner", inner, strlen(inner), 0644);
        load_text(&load, IDENTITY "  @include \"first\"  baz = 1;\n" CLOUD "qux = 1;\n");
        CHECK_INT(load.r, -EINVAL);
        CHECK_INT(load.errors.n_lines, 5);
        CHECK(load_has_error(&load, "first:2", "'clod'"));
        CHECK(load_has_error(&load, "sub/inner:2", "'bar'"));
        CHECK(load_has_error(&load, "first:5", "'foo'"));
        CHECK(load_has_error(&load, "conf:3", "'baz'"));
        CHECK(load_has_error(&load, "conf:5", "'qux'"));
        load_end(&load);
}

static void test_a_secret_counts_where_it_stands(void) {
        static const char inner[] = "identity: { product_key = \"a1\"; device_name = \"abcd\";\n"
                                    "device_secret = \"" SECRET "\"; };\n";
        Load load;

        load_begin(&load);
        load_write(&load, "inner", inner, strlen(inner), 0644);
        load_text(&load, "@include \"inner\"\n" CLOUD);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "inner:2", "every user can read this file (mode 0644)"));
        load_write(&load, "inner", inner, strlen(inner), 0600);
        load_again(&load);
        CHECK_INT(load.r, 0);
        load_end(&load);
}

static void test_includes_that_fail_are_errors(void) {
        Load load;

        load_begin(&load);
        load_text(&load, "\n@include \"missing\"\n");
        CHECK_INT(load.r, -EINVAL);
        CHECK(load_has_error(&load, "conf:2", "@include"));
        CHECK(load_has_error(&load, "missing", "No such file"));
        load_text(&load, "@include \".\"\n");
        CHECK_INT(load.r, -EINVAL);
        CHECK_INT(load.errors.n_lines, 2);
        load_end(&load);
        check_refused("@include missing\n", "conf:1", "must be followed");
        check_refused("@include \"missing\n", "conf:1", "must be followed");
        check_refused("@include", "conf:1", "must be followed");
        check_refused("@include \"\"", "conf:1", "must be followed");
        check_refused("@include \"conf\"\n", "conf:1", "more than 10 deep");
}

static void test_what_is_open_is_found_where_it_begins(void) {
        check_refused("a = 1;\nb = \"x;\nc = 1;\n", "conf:2", "no closing");
        check_refused("a = 1;\nb = \"x\\\"", "conf:2", "no closing");
        check_refused("a = \"x\\", "conf:1", "no closing");
        check_refused("a = 1;\n\n/* b\n", "conf:3", "no end");
        check_refused("/*/", "conf:1", "no end");
        check_refused("a = {\n", "conf:1", "syntax error");
        check_refused("a = 1\n;b = ;\n", "conf:2", "syntax error");
        check_refused("@inclde \"x\"", "conf:1", "syntax error");
        check_refused("-", "conf:1", "syntax error");
        check_refused("a = 1;\na = 2;\n", "conf:2", "duplicate");
}

static void test_strings_and_comments_hide_everything(void) {
        Load load;

        load_begin(&load);
        load_text(&load,
                  "\xEF\xBB\xBF# @include \"missing\" 99999999999\r\n"
                  "// \" @include \"missing\"\r\n"
                  "/* \" @include \"missing\" */\r\n" IDENTITY CLOUD
                  "routes = ( { local = \"/* \\\" @include 9999999999 //\"; remote = \"x\"; } );");
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->route_list[0].local, "/* \" @include 9999999999 //");
        load_end(&load);
}

static void test_binary_and_huge_files_are_refused(void) {
        char *huge = malloc(1048577);
        Load load;

        load_begin(&load);
        load_write(&load, "conf", "a = 1;\nb\0 = 2;\n", 14, 0600);
        load_again(&load);
        CHECK_INT(load.r, -EINVAL);
        CHECK(load_has_error(&load, "conf:2", "NUL"));
        CHECK(huge);
        memset(huge, '\n', 1048577);
        load_write(&load, "conf", huge, 1048577, 0600);
        load_again(&load);
        CHECK_INT(load.r, -EFBIG);
        load_write(&load, "conf", huge, 1048576, 0600);
        load_again(&load);
        CHECK_INT(load.r, -EINVAL);
        free(huge);
        load_end(&load);
}

TEST_MAIN(TEST(test_included_files_keep_their_names_and_lines),
          TEST(test_a_secret_counts_where_it_stands),
          TEST(test_includes_that_fail_are_errors),
          TEST(test_what_is_open_is_found_where_it_begins),
          TEST(test_strings_and_comments_hide_everything),
          TEST(test_binary_and_huge_files_are_refused))
