/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

/* "@" stands for the directory. */
static void load_with_secret_keys(Load *load, const char *keys) {
        char text[512], expanded[256] = "";
        size_t used = 0;

        for (; *keys && used + 40 < sizeof(expanded); keys++)
                used += (size_t)(*keys == '@' ? snprintf(expanded + used, sizeof(expanded) - used,
                                                         "%s", load->directory)
                                              : snprintf(expanded + used, sizeof(expanded) - used,
                                                         "%c", *keys));
        CHECK(snprintf(text, sizeof(text),
                       "identity: { product_key = \"a1\"; device_name = \"abcd\";\n%s };\n%s",
                       expanded, CLOUD) < (int)sizeof(text));
        load_text(load, text);
}

#define BY_FILE   "device_secret_file = \"@/secret\";"
#define BY_INLINE "device_secret = \"" SECRET "\";"

static void test_a_secret_file_is_read_and_trimmed(void) {
        static const char *const contents[] = {SECRET, SECRET "\n", SECRET "\r\n",
                                               SECRET " \t\n\n"};
        Load load;

        load_begin(&load);
        for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
                load_write(&load, "secret", contents[i], strlen(contents[i]), 0600);
                load_with_secret_keys(&load, BY_FILE);
                CHECK_INT(load.r, 0);
                CHECK_STR(load.settings->identity.secret, SECRET);
        }
        load_write(&load, "secret", SECRET, strlen(SECRET), 0400);
        load_again(&load);
        CHECK_INT(load.r, 0);
        load_end(&load);
}

static void test_an_exposed_secret_file_is_refused(void) {
        static const mode_t modes[] = {0640, 0604, 0644, 0620, 0602, 0610, 0601, 0666};
        Load load;
        char chmod_text[64];

        load_begin(&load);
        CHECK(snprintf(chmod_text, sizeof(chmod_text), "Run: chmod 600 %s/secret", load.directory) >
              0);
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                load_write(&load, "secret", SECRET, strlen(SECRET), modes[i]);
                load_with_secret_keys(&load, BY_FILE);
                CHECK_INT(load.errors.n_lines, 1);
                CHECK(load_has_error(&load, "conf:2", chmod_text));
        }
        load_end(&load);
}

static void check_content(const void *data, size_t size, const char *sentence) {
        Load load;

        load_begin(&load);
        load_write(&load, "secret", data, size, 0600);
        load_with_secret_keys(&load, BY_FILE);
        CHECK_INT(load.r, -EINVAL);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:2", sentence));
        load_end(&load);
}

static void test_what_is_no_secret_is_refused(void) {
        char text[400];

        check_content("", 0, "is empty");
        check_content(" \n\n", 3, "is empty");
        check_content("ab\0cd", 5, "NUL");
        check_content("ab\0", 3, "NUL");
        check_content("ab\ncd\n", 6, "more than one line");
        memset(text, 'a', sizeof(text));
        check_content(text, 65, "longer than the 64");
        check_content(text, sizeof(text), "longer than the 64");
        check_content("\x1b[2J", 4, "control");
}

static void test_the_longest_secret_fits(void) {
        char text[65];
        Load load;

        load_begin(&load);
        memset(text, 'a', 64);
        text[64] = '\n';
        load_write(&load, "secret", text, sizeof(text), 0600);
        load_with_secret_keys(&load, BY_FILE);
        CHECK_INT(load.r, 0);
        CHECK_INT(strlen(load.settings->identity.secret), 64);
        load_end(&load);
}

static void test_an_unreadable_secret_file_is_an_error(void) {
        Load load;

        load_begin(&load);
        load_with_secret_keys(&load, BY_FILE);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:2", "No such file"));
        load_with_secret_keys(&load, "device_secret_file = \"@\";");
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:2", "not a regular file"));
        load_with_secret_keys(&load, "device_secret_file = \"secret\";");
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:2", "beginning with '/'"));
        load_end(&load);
}

static void test_an_inline_secret_must_not_be_for_all_to_read(void) {
        Load load;

        load_begin(&load);
        load_with_secret_keys(&load, BY_INLINE);
        CHECK_INT(load.r, 0);
        CHECK_INT(chmod(load.path, 0644), 0);
        load_again(&load);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:2", "chmod 640 "));
        CHECK_INT(chmod(load.path, 0600), 0);
        load_again(&load);
        CHECK_INT(load.r, 0);

        /* Without a secret in it the file may be open. */
        load_write(&load, "secret", SECRET, strlen(SECRET), 0600);
        load_with_secret_keys(&load, BY_FILE);
        CHECK_INT(chmod(load.path, 0644), 0);
        load_again(&load);
        CHECK_INT(load.r, 0);
        load_end(&load);
}

static void test_a_systemd_credential_is_taken(void) {
        Load load;

        load_begin(&load);
        CHECK_INT(setenv("CREDENTIALS_DIRECTORY", load.directory, 1), 0);
        load_with_secret_keys(&load, "");
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:1", "identity.device_secret_file"));
        CHECK(load_has_error(&load, "conf:1", "credential 'device_secret'"));

        load_write(&load, "device_secret", SECRET "\n", strlen(SECRET) + 1, 0440);
        load_again(&load);
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->identity.secret, SECRET);
        load_write(&load, "device_secret", "", 0, 0440);
        load_again(&load);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:1", "credential 'device_secret' is empty"));
        CHECK_INT(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        load_end(&load);
}

/* What the manual page's table of credentials says. */
static void test_every_secret_has_a_credential(void) {
        static const struct {
                const char *name, *content, *text;
        } modes[] = {
                        {"device_secret", SECRET,
                         "identity: { product_key = \"a1\"; device_name = \"abcd\"; };\n" CLOUD},
                        {"access_key_secret", SECRET,
                         "identity: { access_key_id = \"k\"; group_id = \"GID_g\";"
                         "device_id = \"d\"; };\n"
                         "cloud: { auth = \"mq-signature\"; endpoint = \"h\"; instance_id = \"i\";"
                         "tls: { enable = false; }; };"},
                        {"token", "RW|abc",
                         "identity: { access_key_id = \"k\"; group_id = \"GID_g\";"
                         "device_id = \"d\"; };\n"
                         "cloud: { auth = \"mq-token\"; endpoint = \"h\"; instance_id = \"i\";"
                         "tls: { enable = false; }; };"},
                        {"password", SECRET,
                         "identity: { client_id = \"c\"; username = \"u\"; };\n"
                         "cloud: { auth = \"plain\"; endpoint = \"h\"; tls: { enable = false; }; "
                         "};"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                Load load;

                load_begin(&load);
                CHECK_INT(setenv("CREDENTIALS_DIRECTORY", load.directory, 1), 0);
                load_write(&load, modes[i].name, modes[i].content, strlen(modes[i].content), 0400);
                load_text(&load, modes[i].text);
                CHECK_INT(load.r, 0);
                CHECK_STR(load.settings->identity.secret, modes[i].content);
                CHECK_INT(unsetenv("CREDENTIALS_DIRECTORY"), 0);
                load_end(&load);
        }
}

static void test_a_client_certificates_key_as_a_credential(void) {
        static const char pem[] = "-----BEGIN CERTIFICATE-----\n",
                          key[] = "-----BEGIN PRIVATE KEY-----\n";
        char text[512], path[96];
        Load load;

        load_begin(&load);
        load_write(&load, "pem", pem, strlen(pem), 0644);
        CHECK(snprintf(text, sizeof(text),
                       "identity: { client_id = \"c\"; };\n"
                       "cloud: { auth = \"plain\"; endpoint = \"h\"; tls: { roots = ( { file = "
                       "\"%s/pem\"; } ); certificate_file = \"%s/pem\"; }; };",
                       load.directory, load.directory) > 0);
        load_text(&load, text);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(strstr(load.errors.lines[0], "stands alone"));
        load_write(&load, "client_key", key, strlen(key), 0400);
        CHECK_INT(setenv("CREDENTIALS_DIRECTORY", load.directory, 1), 0);
        load_text(&load, text);
        CHECK_INT(load.r, 0);
        CHECK(snprintf(path, sizeof(path), "%s/client_key", load.directory) > 0);
        CHECK_STR(load.settings->key_file, path);
        CHECK_INT(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        load_end(&load);
}

/* ExecReload= is not shown what the service has. */
static void test_before_a_reload_credentials_are_taken_for_granted(void) {
        Load load;

        load_begin(&load);
        CHECK_INT(setenv("MAINPID", "1", 1), 0);
        CHECK_INT(setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1), 0);
        load_with_secret_keys(&load, "");
        CHECK_INT(load.r, 0);
        load_with_secret_keys(&load, "nonsense = 1;");
        CHECK_INT(load.errors.n_lines, 1);
        CHECK_INT(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        load_with_secret_keys(&load, "");
        CHECK_INT(load.errors.n_lines, 1);
        CHECK_INT(unsetenv("MAINPID"), 0);
        load_end(&load);
}

static void test_two_sources_are_one_too_many(void) {
        Load load;

        load_begin(&load);
        load_write(&load, "secret", SECRET, strlen(SECRET), 0600);
        load_with_secret_keys(&load, BY_FILE BY_INLINE);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:2",
                             "by identity.device_secret and by identity.device_secret_file"));
        load_write(&load, "device_secret", SECRET, strlen(SECRET), 0400);
        CHECK_INT(setenv("CREDENTIALS_DIRECTORY", load.directory, 1), 0);
        load_with_secret_keys(&load, BY_FILE);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:2", "by a systemd credential"));
        CHECK_INT(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        load_end(&load);
}

static void test_each_mode_has_its_own_names(void) {
        Load load;

        load_begin(&load);
        load_write(&load, "secret", "p\n", 2, 0600);
        load_text(&load,
                  "identity: { device_name = \"d\"; username = \"u\"; password = \"pass\"; };\n"
                  "cloud: { auth = \"plain\"; endpoint = \"h\"; tls: { enable = false; }; };\n");
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->identity.secret, "pass");
        load_text(&load,
                  "identity: { device_name = \"d\"; password = \"pass\"; };\n"
                  "cloud: { auth = \"plain\"; endpoint = \"h\"; tls: { enable = false; }; };\n");
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:1", "'identity.username'"));
        load_end(&load);
}

TEST_MAIN(TEST(test_a_secret_file_is_read_and_trimmed),
          TEST(test_an_exposed_secret_file_is_refused),
          TEST(test_what_is_no_secret_is_refused),
          TEST(test_the_longest_secret_fits),
          TEST(test_an_unreadable_secret_file_is_an_error),
          TEST(test_an_inline_secret_must_not_be_for_all_to_read),
          TEST(test_a_systemd_credential_is_taken),
          TEST(test_every_secret_has_a_credential),
          TEST(test_a_client_certificates_key_as_a_credential),
          TEST(test_before_a_reload_credentials_are_taken_for_granted),
          TEST(test_two_sources_are_one_too_many),
          TEST(test_each_mode_has_its_own_names))
