/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/difference.h"

#include "load.h"
#include "util/file.h"

#define HEAD                                                                   \
        "identity: { product_key = \"a1B2c3D4e5F\"; device_name = \"gw-1\";\n" \
        "device_secret_file = \"@/secret\"; };\n"
#define TAIL "cloud: { region = \"cn-shanghai\"; tls: { enable = false; }; };\n"

/* Loads @text, in which "@" stands for the directory, and gives the settings away. */
static Settings *load(Load *place, const char *text) {
        char expanded[2048] = "";
        size_t used = 0;
        Settings *settings;

        for (; *text; text++) {
                CHECK(used + 64 < sizeof(expanded));
                if (*text == '@')
                        used += (size_t)snprintf(expanded + used, sizeof(expanded) - used, "%s",
                                                 place->directory);
                else
                        expanded[used++] = *text;
                expanded[used] = '\0';
        }
        load_text(place, expanded);
        CHECK_INT(place->r, 0);
        settings = place->settings;
        place->settings = NULL;
        return settings;
}

static void begin(Load *place) {
        load_begin(place);
        load_write(place, "secret", SECRET, strlen(SECRET), 0600);
}

static void check(const char *old_text,
                  const char *new_text,
                  unsigned parts,
                  const char *keys,
                  const char *fixed) {
        SettingsDifference difference;
        Settings *old, *new;
        Load place;

        begin(&place);
        old = load(&place, old_text);
        new = load(&place, new_text);
        settings_compare(old, new, &difference);
        CHECK_STR(difference.keys, keys);
        CHECK_STR(difference.fixed, fixed);
        CHECK_INT(difference.parts, parts);
        settings_free(old);
        settings_free(new);
        load_end(&place);
}

#define CONNECTION (SETTINGS_CONNECTION | SETTINGS_ROUTES | SETTINGS_LIMITS)

/* Also: every row of the table is known to the comparison. */
static void test_the_same_file_has_no_difference(void) {
        check(HEAD TAIL, HEAD TAIL, 0, "", "");
        check(HEAD TAIL "routes = ( { local = \"a\"; remote = \"b\"; } );\n",
              "# a comment\n" TAIL HEAD "routes = ( { local = \"a\"; remote = \"b\"; } );\n", 0, "",
              "");
}

static void test_a_default_written_out_is_no_difference(void) {
        check(HEAD TAIL,
              HEAD "cloud: { region = \"cn-shanghai\"; keepalive = 300; tls: { enable = false; }; "
                   "};",
              0, "", "");
}

static void test_each_part_is_told_apart(void) {
        check(HEAD TAIL,
              HEAD
              "cloud: { region = \"cn-shanghai\"; keepalive = 60; tls: { enable = false; }; };",
              CONNECTION, "cloud.keepalive", "");
        check(HEAD TAIL,
              HEAD "cloud: { region = \"cn-shanghai\"; reconnect: { max = 20; };"
                   "limits: { qos1_per_second = 3; }; tls: { enable = false; }; };",
              SETTINGS_LIMITS, "cloud.reconnect.max, cloud.limits.qos1_per_second", "");
        check(HEAD TAIL, HEAD TAIL "local: { max_clients = 3; }; store: { delay = 7; };",
              SETTINGS_LOCAL | SETTINGS_STORE, "local.max_clients, store.delay", "");
        check(HEAD TAIL, HEAD TAIL "local: { socket = \"/a\"; state = \"/b\"; };", SETTINGS_FIXED,
              "", "local.socket, local.state");
        check(HEAD TAIL, HEAD TAIL "routes = ( { local = \"a\"; remote = \"b\"; } );",
              SETTINGS_ROUTES, "routes", "");
}

static void test_every_word_of_a_route_counts(void) {
        static const char *const others[] = {
                        "{ local = \"x\"; remote = \"b\"; qos = 1; direction = \"up\"; }",
                        "{ local = \"a\"; remote = \"x\"; qos = 1; direction = \"up\"; }",
                        "{ local = \"a\"; remote = \"b\"; qos = 0; direction = \"up\"; }",
                        "{ local = \"a\"; remote = \"b\"; qos = 1; direction = \"both\"; }",
                        ("{ local = \"a\"; remote = \"b\"; qos = 1; direction = \"up\";"
                         " when_full = \"drop-oldest\"; }"),
                        "",
        };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                char text[1024];

                CHECK(snprintf(text, sizeof(text), HEAD TAIL "routes = ( %s );", others[i]) > 0);
                check(HEAD TAIL
                      "routes = ( { local = \"a\"; remote = \"b\"; direction = \"up\"; } );",
                      text, SETTINGS_ROUTES, "routes", "");
        }
}

static void test_endpoint_and_timestamp(void) {
        check(HEAD "cloud: { endpoint = \"h:1\"; tls: { enable = false; }; };",
              HEAD
              "cloud: { endpoint = \"h:2\"; timestamp = \"none\"; tls: { enable = false; }; };",
              CONNECTION, "cloud.endpoint, cloud.timestamp", "");
}

static void test_another_kind_of_cloud_changes_its_limits(void) {
        check(HEAD TAIL,
              "identity: { client_id = \"c\"; };"
              "cloud: { auth = \"plain\"; endpoint = \"h:1\"; tls: { enable = false; }; };",
              CONNECTION,
              "identity.product_key, identity.device_name, identity.client_id, cloud.auth, "
              "cloud.region, cloud.endpoint, cloud.limits.connects_per_minute, "
              "cloud.limits.qos1_per_second, cloud.limits.qos0_per_second, "
              "cloud.limits.unacknowledged, the secret",
              "");
}

static void test_a_new_secret_in_the_same_file(void) {
        SettingsDifference difference;
        Settings *old, *new;
        Load place;

        begin(&place);
        old = load(&place, HEAD TAIL);
        load_write(&place, "secret", "another", strlen("another"), 0600);
        new = load(&place, HEAD TAIL);
        settings_compare(old, new, &difference);
        CHECK_INT(difference.parts, CONNECTION);
        CHECK_STR(difference.keys, "the secret");
        settings_free(old);
        settings_free(new);
        load_end(&place);
}

static void test_the_same_secret_in_another_place(void) {
        check(HEAD TAIL, IDENTITY TAIL, CONNECTION, "identity.device_name", "");
}

static void test_a_new_root_in_the_same_file(void) {
        static const char text[] = HEAD "cloud: { region = \"cn-shanghai\"; tls: { roots = "
                                        "( { file = \"@/root\"; } ); }; };";
        SettingsDifference difference;
        Settings *old, *same, *new;
        FileContent root = {0};
        Load place;

        begin(&place);
        CHECK_INT(file_read(TEST_ROOTS "/aliyun-iot-root-ca.pem", 0, 1 << 20, &root), 0);
        load_write(&place, "root", root.data, root.size, 0644);
        old = load(&place, text);
        same = load(&place, text);
        settings_compare(old, same, &difference);
        CHECK_INT(difference.parts, 0);
        root.data[root.size / 2] ^= 1;
        load_write(&place, "root", root.data, root.size, 0644);
        new = load(&place, text);
        settings_compare(old, new, &difference);
        CHECK_INT(difference.parts, CONNECTION);
        CHECK_STR(difference.keys, "the content of certificate files");
        file_content_done(&root);
        settings_free(old);
        settings_free(same);
        settings_free(new);
        load_end(&place);
}

TEST_MAIN(TEST(test_the_same_file_has_no_difference),
          TEST(test_a_default_written_out_is_no_difference),
          TEST(test_each_part_is_told_apart),
          TEST(test_every_word_of_a_route_counts),
          TEST(test_endpoint_and_timestamp),
          TEST(test_another_kind_of_cloud_changes_its_limits),
          TEST(test_a_new_secret_in_the_same_file),
          TEST(test_the_same_secret_in_another_place),
          TEST(test_a_new_root_in_the_same_file))
