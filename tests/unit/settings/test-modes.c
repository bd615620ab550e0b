/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each cloud.auth takes and needs
 */
#include "config.h"
#include "load.h"
#include "settings/profile.h"
#include "settings/table.h"

#define PRODUCT                                                                     \
        "identity: { product_key = \"a1B2c3D4e5F\"; device_name = \"gateway-1\";\n" \
        "product_secret = \"" SECRET "\"; };\n"
#define TOKEN                                                                               \
        "identity: { access_key_id = \"LTAI1\"; group_id = \"GID_a\"; device_id = \"d\";\n" \
        "token = \"R|" SECRET "\"; };\n"
#define ROOTS "tls: { roots = ( { file = \"" TEST_ROOTS "/globalsign-roots.pem\"; } ); };"

/* The cloud group, on line 3, with roots and a program that are there on every machine. */
#define CLOUD_OF(_auth, _keys) "cloud: { auth = \"" _auth "\"; " ROOTS " " _keys " };\n"
#define REGION                 "region = \"cn-shanghai\"; "
#define COMMAND                "command = \"/bin/true\"; "
#define BROKER                 "endpoint = \"broker\"; "

/* Loads @text with the directory in the place of its first '@'. */
static void load_format(Load *load, const char *text) {
        char *expanded;
        const char *mark = strstr(text, "@");

        CHECK(mark);
        CHECK(asprintf(&expanded, "%.*s%s%s", (int)(mark - text), text, load->directory, mark + 1) >
              0);
        load_text(load, expanded);
        free(expanded);
}

static char *describe(const Settings *settings) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        CHECK(out);
        CHECK_INT(settings_describe(settings, out), 0);
        CHECK_INT(fclose(out), 0);
        CHECK(!strstr(text, SECRET));
        return text;
}

/* Whether the description holds @part. */
static void check_description(const Load *load, const char *part) {
        char *text;

        CHECK_INT(load->r, 0);
        text = describe(load->settings);
        if (!strstr(text, part))
                CHECK_STR(text, part);
        free(text);
}

static void test_https(void) {
        Load load;

        load_begin(&load);
        load_text(&load, IDENTITY CLOUD_OF("https", REGION COMMAND "timestamp = \"none\";"));
        CHECK_INT(load.r, 0);
        CHECK_INT(load.settings->identity.mode, AUTH_HTTPS);
        CHECK_STR(load.settings->identity.secret, SECRET);
        CHECK_STR(load.settings->command, "/bin/true");
        CHECK(!load.settings->auth_url && !load.settings->auth_root_file);
        CHECK(!load.settings->identity.has_command);
        CHECK_INT(load.settings->max_topic_slashes, 7);
        CHECK_INT(load.settings->connects_per_minute, 5);
        check_description(&load, "credentials  from /bin/true\n");
        check_description(&load, "endpoint     a1B2c3D4e5F.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        check_description(&load, "client id    a1B2c3D4e5F.gateway-1\n");

        load_text(&load,
                  IDENTITY CLOUD_OF("https", BROKER COMMAND
                                    "auth_url = \"https://localhost:8443\";\n"
                                    "auth_root = \"" TEST_ROOTS "/aliyun-iot-root-ca.pem\";"));
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->auth_url, "https://localhost:8443");
        CHECK_STR(load.settings->auth_root_file, TEST_ROOTS "/aliyun-iot-root-ca.pem");
        check_description(&load, "service      https://localhost:8443\n");
        load_end(&load);
}

static void test_register(void) {
        Load load;

        load_begin(&load);
        load_format(&load,
                    PRODUCT CLOUD_OF("register", REGION COMMAND) "local: { state = \"@\"; };");
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->identity.secret, SECRET);
        CHECK_STR(load.settings->state_dir, load.directory);
        CHECK(!load.settings->auth_via_mqtt);
        check_description(&load, "registers    over HTTPS, once; the answer is kept in /tmp/");

        load_format(&load, PRODUCT CLOUD_OF("register", BROKER COMMAND
                                            "auth_via = \"mqtt\";") "local: { state = \"@\"; };");
        CHECK_INT(load.r, 0);
        CHECK(load.settings->auth_via_mqtt);
        check_description(&load, "registers    over MQTT");

        load_format(&load,
                    PRODUCT CLOUD_OF("register-free", REGION COMMAND) "local: { state = \"@\"; };");
        CHECK_INT(load.r, 0);
        CHECK(load.settings->auth_via_mqtt);
        check_description(&load, "registers    over MQTT");
        load_end(&load);
}

static void test_mq_token(void) {
        Load load;

        load_begin(&load);
        load_text(&load, TOKEN CLOUD_OF("mq-token", BROKER "instance_id = \"i\";"));
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->identity.secret, "R|" SECRET);
        CHECK(!load.settings->command && !load.settings->identity.has_command);
        CHECK_INT(load.settings->max_topic_bytes, 64);
        check_description(&load, "client id    GID_a@@@d\n");

        load_text(&load, "identity: { access_key_id = \"LTAI1\"; client_id = \"c\";\n};\n" CLOUD_OF(
                                         "mq-token", BROKER COMMAND "instance_id = \"i\";"));
        CHECK_INT(load.r, 0);
        CHECK(!load.settings->identity.secret && load.settings->identity.has_command);
        CHECK_STR(load.settings->command, "/bin/true");
        load_end(&load);

        check_refused("identity: { access_key_id = \"LTAI1\"; client_id = \"c\";\n};\n" CLOUD_OF(
                                      "mq-token", BROKER "instance_id = \"i\";"),
                      "conf:1", "credential 'token'");
        check_refused("identity: { access_key_id = \"LTAI1\"; client_id = \"c\";\n"
                      "token = \"" SECRET
                      "\"; };\n" CLOUD_OF("mq-token", BROKER "instance_id = \"i\";"),
                      "conf:2", "R|TOKEN, W|TOKEN or RW|TOKEN");
}

static void test_tokens_of_a_file(void) {
        static const char text[] = "identity: { access_key_id = \"LTAI1\"; client_id = \"c\";\n"
                                   "token_file = \"@/token\"; };\n" CLOUD_OF(
                                                   "mq-token", BROKER "instance_id = \"i\";");
        char *tokens = NULL;
        Load load;

        load_begin(&load);
        load_write(&load, "token", "R|a|W|b\n", 8, 0600);
        load_format(&load, text);
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->identity.secret, "R|a|W|b");

        load_write(&load, "token", "RW|" SECRET "\n", strlen(SECRET) + 4, 0600);
        CHECK_INT(settings_reread_tokens(load.settings, &tokens), 0);
        CHECK_STR(tokens, "RW|" SECRET);
        free(tokens);
        tokens = NULL;
        load_write(&load, "token", SECRET, strlen(SECRET), 0600);
        CHECK_INT(settings_reread_tokens(load.settings, &tokens), -EBADMSG);
        load_again(&load);
        CHECK(load_has_error(&load, "conf:2", "'identity.token': token has not the form"));
        load_end(&load);
}

static void test_command(void) {
        Load load;

        load_begin(&load);
        load_text(&load, CLOUD_OF("command", COMMAND));
        CHECK_INT(load.r, 0);
        CHECK(!load.settings->identity.secret);
        CHECK_INT(load.settings->connects_per_minute, 0);
        CHECK_INT(load.settings->max_topic_bytes, 0);
        check_description(&load, "endpoint     as the program says");
        check_description(&load, "client id    as the program says");

        load_text(&load,
                  "identity: { device_name = \"d\"; device_secret = \"" SECRET "\"; };\n" CLOUD_OF(
                                  "command",
                                  COMMAND BROKER REGION) "routes = ( { local = \"a\"; remote = \"${client_id}\"; } );");
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->identity.secret, SECRET);
        check_description(&load, "endpoint     broker port 8883");
        check_description(&load, "route        a <-> d");
        load_end(&load);

        check_refused(CLOUD_OF("command",
                               COMMAND) "routes = ( { local = \"a\"; remote = \"${client_id}\"; } );",
                      "conf:2", "client_id");
        check_refused("\n\n" CLOUD_OF("command", ""), "conf:3",
                      "'cloud.command' is missing: auth = \"command\" needs it");
}

static void test_the_program_is_looked_at(void) {
        static const struct {
                mode_t mode;
                const char *sentence;
        } cases[] = {{0644, "is not executable"}, {0757, "every user can change it"}};
        Load load;

        load_begin(&load);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                load_write(&load, "program", "#!/bin/sh\n", 10, cases[i].mode);
                load_format(&load, IDENTITY CLOUD_OF("https", REGION "command = \"@/program\";"));
                CHECK_INT(load.errors.n_lines, 1);
                CHECK(load_has_error(&load, "conf:3", cases[i].sentence));
        }
        load_write(&load, "program", "#!/bin/sh\n", 10, 0755);
        load_again(&load);
        CHECK_INT(load.r, 0);
        load_format(&load, IDENTITY CLOUD_OF("https", REGION "command = \"@\";"));
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:3", "not a regular file"));
        load_text(&load, IDENTITY CLOUD_OF("https", REGION));
        if (load.r == 0) /* iotlinkd is installed here */
                CHECK_STR(load.settings->command, IOTLINK_AUTH_PROGRAM);
        else
                CHECK(load_has_error(&load, "conf:3", "It is the default and comes with iotlinkd"));
        load_end(&load);
        check_refused(IDENTITY CLOUD_OF("https", REGION "command = \"/nonexistent/x\";"), "conf:3",
                      "can't run /nonexistent/x: No such file or directory.");
        check_refused(IDENTITY CLOUD_OF("https", REGION "command = \"true\";"), "conf:3",
                      "beginning with '/'");
}

static void test_the_state_directory_is_looked_at(void) {
        static const char text[] = PRODUCT CLOUD_OF("register", REGION COMMAND);
        char list[96];
        Load load;

        load_begin(&load);
        CHECK(snprintf(list, sizeof(list), "%s:/nonexistent", load.directory) > 0);
        CHECK_INT(setenv("STATE_DIRECTORY", list, 1), 0);
        load_text(&load, text);
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->state_dir, load.directory);
        CHECK_INT(setenv("STATE_DIRECTORY", "/nonexistent", 1), 0);
        load_again(&load);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf:1", "StateDirectory="));
        load_text(&load, IDENTITY CLOUD); /* which stores nothing */
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->state_dir, "/nonexistent");
        CHECK_INT(unsetenv("STATE_DIRECTORY"), 0);
        load_again(&load);
        CHECK_STR(load.settings->state_dir, "/var/lib/iotlinkd");
        load_end(&load);
        check_refused(PRODUCT CLOUD_OF("register",
                                       REGION COMMAND) "local: { state = \"/bin/true\"; };",
                      "conf:4", "/bin/true: it is not a directory");
}

static void test_the_service_has_to_be_known(void) {
        static const char *const bad[] = {"http://h",  "https://",    "https://h/",
                                          "h",         "https://h:0", "https://u@h",
                                          "HTTPS://h", "https://h?x", ""};
        char text[1024];

        check_refused(IDENTITY CLOUD_OF("https", BROKER COMMAND), "conf:3",
                      "where the authentication service is: set region");
        check_refused(IDENTITY CLOUD_OF("https", COMMAND), "conf:3", "'cloud.region'");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                CHECK(snprintf(text, sizeof(text),
                               IDENTITY CLOUD_OF("https", REGION COMMAND "auth_url = \"%s\";"),
                               bad[i]) < (int)sizeof(text));
                check_refused(text, "conf:3", "allowed is \"https://HOST\"");
        }
        check_refused(IDENTITY CLOUD_OF("https", REGION COMMAND "auth_root = \"/nonexistent\";"),
                      "conf:3", "'cloud.auth_root': can't read /nonexistent");
        check_refused(IDENTITY CLOUD_OF("https", REGION COMMAND "auth_root = \"/etc/hostname\";"),
                      "conf:3", "PEM form");
}

static void test_registration_over_mqtt_needs_tls(void) {
        check_refused(PRODUCT "cloud: { auth = \"register\"; auth_via = \"mqtt\"; tls: { enable = "
                              "false; };\n" REGION COMMAND "};local: { state = \"/tmp\"; };",
                      "conf:3", "'cloud.auth_via' is \"mqtt\", which needs TLS");
        check_refused(PRODUCT
                      "cloud: { auth = \"register-free\"; tls: { enable = false; };\n" REGION
                                      COMMAND "};local: { state = \"/tmp\"; };",
                      "conf:3", "\"register-free\" needs TLS");
}

static void test_secrets_have_the_names_of_their_modes(void) {
        Load load;

        load_begin(&load);
        load_text(&load,
                  IDENTITY CLOUD_OF("register", REGION COMMAND) "local: { state = \"/tmp\"; };");
        CHECK_INT(load.errors.n_lines, 2);
        CHECK(load_has_error(&load, "conf:2", "'identity.device_secret'"));
        CHECK(load_has_error(&load, "conf:1", "identity.product_secret_file"));
        load_end(&load);
        check_refused("identity: { product_key = \"a1\"; device_name = \"abcd\";\n"
                      "product_secret = \"p\\x7f\"; };\n" CLOUD_OF(
                                      "register-free",
                                      REGION COMMAND) "local: { state = \"/tmp\"; };",
                      "conf:2", "'identity.product_secret': product_secret holds a control");
}

static void test_sha256_has_to_be_asked_for(void) {
        Load load;

        check_refused(IDENTITY CLOUD_OF("device", REGION "sign_method = \"sha256\";"), "conf:3",
                      "sha256_as_hash = true");
        check_refused(IDENTITY CLOUD_OF("https", REGION COMMAND "sign_method = \"sha256\";"),
                      "conf:3", "take hmacsha256");
        load_begin(&load);
        load_text(&load, IDENTITY CLOUD_OF("device", REGION "sign_method = \"sha256\";\n"
                                                            "sha256_as_hash = true;"));
        CHECK_INT(load.r, 0);
        CHECK_INT(load.settings->identity.sign_method, SIGN_SHA256);
        load_end(&load);
}

static void test_every_mode_has_a_profile_and_keys(void) {
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);

        for (unsigned mode = 0; mode < _AUTH_MODE_MAX; mode++) {
                size_t n_secrets = 0;

                for (size_t i = 0; i < n_keys; i++)
                        n_secrets += keys[i].secret && (keys[i].modes & MODE_BIT(mode));
                CHECK_INT(n_secrets, 1);
                CHECK(profile_get((AuthMode)mode)->title);
                CHECK(profile_get((AuthMode)mode)->max_payload_bytes > 0);
                CHECK(profile_get((AuthMode)mode)->roots[0].file);
        }
}

TEST_MAIN(TEST(test_https),
          TEST(test_register),
          TEST(test_mq_token),
          TEST(test_tokens_of_a_file),
          TEST(test_command),
          TEST(test_the_program_is_looked_at),
          TEST(test_the_state_directory_is_looked_at),
          TEST(test_the_service_has_to_be_known),
          TEST(test_registration_over_mqtt_needs_tls),
          TEST(test_secrets_have_the_names_of_their_modes),
          TEST(test_sha256_has_to_be_asked_for),
          TEST(test_every_mode_has_a_profile_and_keys))
