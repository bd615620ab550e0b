/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#define TLS_OFF "tls: { enable = false; };"

/* Inside of the cloud group of an otherwise good configuration: line 3. */
#define WITH_CLOUD(_keys) IDENTITY "cloud: { region = \"cn-shanghai\"; " TLS_OFF _keys " };\n"

static void test_reads_a_small_file_with_its_defaults(void) {
        Load load;

        load_begin(&load);
        load_text(&load, IDENTITY CLOUD);
        CHECK_INT(load.r, 0);
        CHECK_INT(load.settings->identity.mode, AUTH_DEVICE);
        CHECK_STR(load.settings->identity.product_key, "a1B2c3D4e5F");
        CHECK_STR(load.settings->identity.secret, SECRET);
        CHECK_INT(load.settings->identity.sign_method, SIGN_HMACSHA256);
        CHECK_INT(load.settings->identity.timestamp_kind, TIMESTAMP_NOW);
        CHECK(!load.settings->identity.tls);
        CHECK(!load.settings->identity.client_id);
        CHECK_INT(load.settings->keepalive_sec, 300);
        CHECK_INT(load.settings->connect_timeout_sec, 30);
        CHECK_INT(load.settings->reconnect_min_sec, 1);
        CHECK_INT(load.settings->reconnect_max_sec, 300);
        CHECK_STR(load.settings->tls_min_version, "1.2");
        CHECK_INT(load.settings->n_roots, 0);
        CHECK_INT(load.settings->connects_per_minute, 5);
        CHECK_INT(load.settings->qos1_per_second, 10);
        CHECK_INT(load.settings->qos0_per_second, 30);
        CHECK_INT(load.settings->unacknowledged, 100);
        CHECK_INT(load.settings->max_topic_bytes, 128);
        CHECK_INT(load.settings->max_topic_slashes, 7);
        CHECK_INT(load.settings->max_payload_bytes, 262144);
        CHECK_INT(load.settings->max_subscriptions, 100);
        CHECK_INT(load.settings->max_filters_per_subscribe, 8);
        CHECK_INT(load.settings->max_clients, 256);
        CHECK_INT(load.settings->client_buffer_bytes, 1048576);
        CHECK_INT(load.settings->memory_bytes, 67108864);
        CHECK_INT(load.settings->store_max_mebibytes, 256);
        CHECK_INT(load.settings->store_max_messages, 1000000);
        CHECK_INT(load.settings->store_delay_msec, 1000);
        CHECK_INT(load.settings->inbox_full, SETTINGS_INBOX_DROP_OLDEST);
        CHECK_INT(load.settings->forget_clients_days, 30);
        CHECK_INT(route_table_size(load.settings->routes), 0);
        load_end(&load);
}

static void test_reads_everything_that_is_written(void) {
        Load load;

        load_begin(&load);
        load_text(&load, IDENTITY
                  "cloud: { endpoint = \"[::1]:1884\"; sign_method = \"hmacmd5\";\n"
                  "timestamp = \"2524608000000\"; extra_params = \"ext=1,a=b\";\n"
                  "keepalive = 1200L; connect_timeout = 0x10;\n"
                  "tls = { min_version = \"1.3\"; roots = (\n"
                  "{ file = \"" TEST_ROOTS "/globalsign-roots.pem\"; port = 7; },\n"
                  "{ file = \"" TEST_ROOTS "/aliyun-iot-root-ca.pem\"; } ); };\n"
                  "reconnect: { min = 2; max = 2; };\n"
                  "limits: { connects_per_minute = 0; qos1_per_second = 99;\n"
                  "qos0_excess = \"drop-oldest\"; }; };\n"
                  "local: { socket = \"/run/x\"; max_clients = 1; memory = 2000000; };\n"
                  "store: { max_mebibytes = 7; max_messages = 8; delay = 0;\n"
                  "inbox_full = \"refuse\"; forget_clients = 0; };\n"
                  "routes = ( { local = \"a/#\"; remote = \"${client_id}/#\"; when_full = \"keep-latest\"; },\n"
                  "{ local = \"b\"; remote = \"b\"; direction = \"down\"; qos = 0; } );\n");
        CHECK_INT(load.r, 0);
        CHECK_STR(load.settings->identity.host, "::1");
        CHECK_INT(load.settings->identity.port, 1884);
        CHECK_INT(load.settings->identity.sign_method, SIGN_HMACMD5);
        CHECK_INT(load.settings->identity.timestamp_kind, TIMESTAMP_FIXED);
        CHECK_STR(load.settings->identity.timestamp, "2524608000000");
        CHECK_STR(load.settings->identity.extra_params, "ext=1,a=b");
        CHECK(load.settings->identity.tls);
        CHECK_INT(load.settings->keepalive_sec, 1200);
        CHECK_INT(load.settings->connect_timeout_sec, 16);
        CHECK_STR(load.settings->tls_min_version, "1.3");
        CHECK_INT(load.settings->n_roots, 2);
        CHECK_STR(load.settings->roots[0].file, TEST_ROOTS "/globalsign-roots.pem");
        CHECK_INT(load.settings->roots[0].port, 7);
        CHECK_INT(load.settings->roots[1].port, 0);
        CHECK_INT(load.settings->reconnect_min_sec, 2);
        CHECK_INT(load.settings->connects_per_minute, 0);
        CHECK_INT(load.settings->qos1_per_second, 99);
        CHECK_INT(load.settings->qos0_per_second, 30);
        CHECK_INT(load.settings->qos0_excess, SETTINGS_EXCESS_DROP_OLDEST);
        CHECK_STR(load.settings->socket_path, "/run/x");
        CHECK_INT(load.settings->max_clients, 1);
        CHECK_INT(load.settings->memory_bytes, 2000000);
        CHECK_INT(load.settings->store_max_mebibytes, 7);
        CHECK_INT(load.settings->store_max_messages, 8);
        CHECK_INT(load.settings->store_delay_msec, 0);
        CHECK_INT(load.settings->inbox_full, SETTINGS_INBOX_REFUSE);
        CHECK_INT(load.settings->forget_clients_days, 0);
        CHECK_INT(route_table_size(load.settings->routes), 2);
        CHECK_INT(load.settings->route_list[0].direction, ROUTE_BOTH);
        CHECK_INT(load.settings->route_list[0].qos, 1);
        CHECK_INT(load.settings->route_list[0].when_full, ROUTE_KEEP_LATEST);
        CHECK_INT(load.settings->route_list[1].when_full, ROUTE_REFUSE);
        CHECK_INT(load.settings->route_list[1].direction, ROUTE_DOWN);
        CHECK_INT(load.settings->route_list[1].qos, 0);
        load_end(&load);
}

static void test_profiles_differ_by_auth(void) {
        Load load;

        load_begin(&load);
        load_text(&load, "identity: { device_name = \"d\"; };\n"
                         "cloud: { auth = \"plain\"; endpoint = \"localhost\"; " TLS_OFF " };\n");
        CHECK_INT(load.r, 0);
        CHECK_INT(load.settings->connects_per_minute, 0);
        CHECK_INT(load.settings->qos1_per_second, 0);
        CHECK_INT(load.settings->max_topic_bytes, 0);
        CHECK_INT(load.settings->max_payload_bytes, 262144);
        CHECK(!load.settings->identity.secret);

        load_text(&load,
                  "identity: { access_key_id = \"LTAI1\"; access_key_secret = \"x\";\n"
                  "group_id = \"GID_a\"; device_id = \"d\"; };\n"
                  "cloud: { auth = \"mq-signature\"; endpoint = \"h:1883\"; instance_id = \"i\";\n" TLS_OFF
                  " limits: { qos1_per_second = 3; }; };\n");
        CHECK_INT(load.r, 0);
        CHECK_INT(load.settings->qos1_per_second, 3);
        CHECK_INT(load.settings->qos0_per_second, 20);
        CHECK_INT(load.settings->max_topic_bytes, 64);
        CHECK_INT(load.settings->max_payload_bytes, 65536);
        CHECK_INT(load.settings->max_subscriptions, 30);
        load_end(&load);
}

static void test_reports_all_errors_in_one_run(void) {
        Load load;

        load_begin(&load);
        load_text(&load, "identity: { product_key = \"a b\"; device_name = \"abc\";\n"
                         "devicesecret = \"" SECRET "\"; };\n"
                         "cloud: { keepalive = 29; " TLS_OFF "\n"
                         "connect_timeout = \"long\"; };\n"
                         "local: { socket = \"relative\"; };\n"
                         "routes = ( { local = \"a/+\"; remote = \"b\"; } );\n");
        CHECK_INT(load.r, -EINVAL);
        CHECK(load_has_error(&load, "conf:1", "identity.product_key"));
        CHECK(load_has_error(&load, "conf:1", "identity.device_name"));
        CHECK(load_has_error(&load, "conf:2", "Did you mean 'identity.device_secret'"));
        CHECK(load_has_error(&load, "conf:1", "secret is missing"));
        CHECK(load_has_error(&load, "conf:3", "is 29; allowed is a whole number from 30 to 1200"));
        CHECK(load_has_error(&load, "conf:3", "region"));
        CHECK(load_has_error(&load, "conf:4", "\"long\""));
        CHECK(load_has_error(&load, "conf:5", "local.socket"));
        CHECK(load_has_error(&load, "conf:6", "route"));
        CHECK_INT(load.errors.n_lines, 9);
        load_end(&load);
}

static void test_ranges_hold_at_their_ends(void) {
        static const char *const good[] = {WITH_CLOUD("keepalive = 30;"),
                                           WITH_CLOUD("keepalive = 1200;"),
                                           WITH_CLOUD("connect_timeout = 5;"),
                                           WITH_CLOUD("limits: { unacknowledged = 65535; };")};
        Load load;

        load_begin(&load);
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                load_text(&load, good[i]);
                CHECK_INT(load.r, 0);
        }
        load_end(&load);
        check_refused(WITH_CLOUD("keepalive = 29;"), "conf:3", "'cloud.keepalive' is 29;");
        check_refused(WITH_CLOUD("keepalive = 1201;"), "conf:3", "'cloud.keepalive' is 1201;");
        check_refused(WITH_CLOUD("keepalive = -300;"), "conf:3", "'cloud.keepalive' is -300;");
        check_refused(WITH_CLOUD("limits: { unacknowledged = 65536; };"), "conf:3", "65536");
}

static void test_numbers_that_wrap_around_are_seen(void) {
        /* 2^32 + 300 would be 300 to a 32-bit parser. */
        check_refused(WITH_CLOUD("keepalive = 4294967596;"), "conf:3", "is 4294967596;");
        check_refused(WITH_CLOUD("keepalive = 0x10000012C;"), "conf:3", "is 0x10000012C;");
        check_refused(WITH_CLOUD("keepalive = -4294966996;"), "conf:3", "is -4294966996;");
        check_refused(WITH_CLOUD("keepalive = 4294967596L;"), "conf:3", "is 4294967596;");
        check_refused(WITH_CLOUD("keepalive = 99999999999999999999999999999999999999999;"),
                      "conf:3", "is 9999999999");
}

static void test_types_are_strict(void) {
        check_refused(WITH_CLOUD("keepalive = \"300\";"), "conf:3",
                      "is \"300\"; allowed is a whole");
        check_refused(WITH_CLOUD("keepalive = 300.0;"), "conf:3", "'cloud.keepalive' is 300.000;");
        check_refused(WITH_CLOUD("keepalive = true;"), "conf:3", "is true; allowed is a whole");
        check_refused(WITH_CLOUD("keepalive = [300];"), "conf:3", "is an array");
        check_refused(WITH_CLOUD("keepalive = (300);"), "conf:3", "is a list");
        check_refused(WITH_CLOUD("keepalive = {};"), "conf:3", "is a group");
        check_refused(WITH_CLOUD("timestamp = 5;"), "conf:3", "is 5; allowed is a string");
        check_refused(WITH_CLOUD("limits = 5;"), "conf:3", "is 5; allowed is a group");
        check_refused(WITH_CLOUD("x.y = 5;"), "conf:3", "syntax error");
        check_refused(IDENTITY CLOUD "routes = [];", "conf:4", "is an array");
        check_refused(IDENTITY CLOUD "routes = ( 5 );", "conf:4", "is 5; allowed is a list");
        check_refused(IDENTITY CLOUD "local = ();", "conf:4", "is a list ( ); allowed is a group");
        check_refused(IDENTITY "cloud: { region = \"cn-shanghai\"; tls: { enable = 0; roots = ( {\n"
                               "file = \"" TEST_ROOTS "/globalsign-roots.pem\"; } ); }; };",
                      "conf:3", "'cloud.tls.enable' is 0; allowed is true or false");
}

static void test_secrets_of_a_wrong_type_are_not_shown(void) {
        Load load;

        load_begin(&load);
        load_text(&load,
                  "identity: { product_key = \"a1\"; device_name = \"abcd\"; device_secret = 123456; };" CLOUD);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(!strstr(load.errors.lines[0], "123456"));
        CHECK(load_has_error(&load, "conf:1", "double quotes"));
        load_end(&load);
}

static void test_unknown_keys_get_a_suggestion(void) {
        check_refused(WITH_CLOUD("keepalve = 300;"), "conf:3", "Did you mean 'cloud.keepalive'");
        check_refused(WITH_CLOUD("Keepalive = 300;"), "conf:3", "Did you mean 'cloud.keepalive'");
        check_refused(IDENTITY CLOUD "keepalive = 300;", "conf:4", "mean 'cloud.keepalive'");
        check_refused(IDENTITY CLOUD "locale: { socket = \"/x\"; };", "conf:4", "mean 'local'?");
        check_refused(WITH_CLOUD("zzzzzz = 300;"), "conf:3", "is unknown. Remove it");
        check_refused(IDENTITY CLOUD
                      "routes = ( { local = \"a\"; remote = \"a\"; dir = \"up\"; } );",
                      "conf:4", "'routes[].dir' is unknown");
        check_refused(IDENTITY CLOUD
                      "routes = ( { local = \"a\"; remote = \"a\"; direction = \"down\"; "
                      "when_full = \"drop-oldest\"; } );",
                      "conf:4", "is for routes to the cloud only");
        check_refused(IDENTITY CLOUD
                      "routes = ( { local = \"a\"; remote = \"a\"; when_full = \"drop\"; } );",
                      "conf:4", "\"drop-oldest\"");
}

static void test_control_characters_are_not_shown(void) {
        check_refused(WITH_CLOUD("timestamp = \"\\x1b[31mred\";"), "conf:3", "\"?[31mred\"");
}

static void test_words_are_explained(void) {
        check_refused(WITH_CLOUD("sign_method = \"sha256\";"), "conf:3", "nobody can be sure");
        check_refused(WITH_CLOUD("sign_method = \"md5\";"), "conf:3", "\"hmacmd5\", \"hmacsha1\"");
        check_refused(WITH_CLOUD("auth = \"x\";"), "conf:3",
                      "\"device\", \"https\", \"register\", \"register-free\", \"mq-signature\", "
                      "\"mq-token\", \"mq-device\", \"plain\", \"command\"");
        check_refused(IDENTITY "cloud: { region = \"cn-hangzhou\"; " TLS_OFF " };", "conf:3",
                      "cloud.endpoint = \"HOST:PORT\"");
}

static void test_a_key_of_another_mode_is_refused(void) {
        check_refused(WITH_CLOUD("tls: {};"), "conf:3", "duplicate setting name: this key");
        check_refused("identity: { product_key = \"a1\"; device_name = \"abcd\"; username = \"u\";\n"
                      "device_secret = \"x\"; };" CLOUD,
                      "conf:1", "'identity.username' (the MQTT user name) has no meaning");
        check_refused("identity: { device_name = \"d\"; };\n"
                      "cloud: { auth = \"plain\"; endpoint = \"h\"; sign_method = \"hmacmd5\"; " TLS_OFF
                      " };",
                      "conf:2", "'cloud.sign_method'");
}

static void test_a_region_or_endpoint_is_needed(void) {
        check_refused(IDENTITY "cloud: { " TLS_OFF " };", "conf:3", "region = \"cn-shanghai\"");
        check_refused("identity: { device_name = \"d\"; };\ncloud: { auth = \"plain\"; " TLS_OFF
                      " };",
                      "conf:2", "endpoint is missing");
        check_refused(WITH_CLOUD("endpoint = \"mqtt://h:1\";"), "conf:3", "\"HOST:PORT\"");
        check_refused(WITH_CLOUD("endpoint = \"h:70000\";"), "conf:3", "1 to 65535");
        check_refused(WITH_CLOUD("endpoint = \"\";"), "conf:3", "\"HOST:PORT\"");
}

static void test_an_empty_file_says_what_to_write(void) {
        Load load;

        load_begin(&load);
        load_text(&load, "cloud: { " TLS_OFF " };");
        CHECK_INT(load.errors.n_lines, 4);
        CHECK(load_has_error(&load, "conf:1", "product_key = \""));
        CHECK(load_has_error(&load, "conf:1", "device_name = \""));
        CHECK(load_has_error(&load, "conf:1", "secret is missing"));
        CHECK(load_has_error(&load, "conf:1", "region"));
        /* As it comes with the package. */
        load_text(&load, "identity: { }; cloud: { tls: { }; };");
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(strstr(load.errors.lines[0], "/conf: nothing is configured yet"));
        load_end(&load);
}

static void test_pairs_must_fit(void) {
        check_refused(WITH_CLOUD("reconnect: { min = 10; max = 9; };"), "conf:3", "is 9;");
        check_refused(IDENTITY CLOUD "local: { client_buffer = 3000000; memory = 2000000; };",
                      "conf:4", "local.client_buffer, which is 3000000");
}

static void test_roots_are_looked_at(void) {
        Load load;

        load_begin(&load);
        load_write(&load, "not-pem", "hello", 5, 0644);
        load_text(&load, IDENTITY "cloud: { region = \"cn-shanghai\"; tls: { roots = (\n"
                                  "{ file = \"/nonexistent/root.pem\"; },\n"
                                  "{ port = 5; },\n"
                                  "{ file = \"/etc/hostname\"; port = 65536; } ); }; };\n");
        CHECK_INT(load.errors.n_lines, 4);
        CHECK(load_has_error(&load, "conf:4", "can't read /nonexistent/root.pem"));
        CHECK(load_has_error(&load, "conf:5", "'cloud.tls.roots[].file' is missing"));
        CHECK(load_has_error(&load, "conf:6", "is 65536; allowed"));
        CHECK(load_has_error(&load, "conf:6", "BEGIN CERTIFICATE"));
        load_end(&load);
        check_refused(IDENTITY "cloud: { region = \"cn-shanghai\"; tls: { roots = (); }; };",
                      "conf:3", "is empty");
        check_refused("identity: { device_name = \"d\"; };\n"
                      "cloud: { auth = \"plain\"; endpoint = \"h\"; tls: {\n"
                      "roots = ( { file = \"" TEST_ROOTS "/globalsign-roots.pem\"; } );\n"
                      "certificate_file = \"" TEST_ROOTS "/globalsign-roots.pem\"; }; };",
                      "conf:4", "stands alone");
}

static void test_the_default_roots_are_the_modes_own(void) {
        Load load;

        load_begin(&load);
        load_text(&load, IDENTITY "cloud: { region = \"cn-shanghai\"; };\n");
        if (load.r == 0) { /* iotlinkd is installed here */
                CHECK_INT(load.settings->n_roots, 2);
                CHECK_INT(load.settings->roots[0].port, 8883);
                CHECK_INT(load.settings->roots[1].port, 1883);
        } else {
                CHECK_INT(load.errors.n_lines, 2);
                CHECK(load_has_error(&load, "conf:3", "/aliyun-iot-root-ca.pem"));
                CHECK(load_has_error(&load, "conf:3", "It is the default"));
        }
        load_end(&load);
}

static void test_too_long_lists_are_refused(void) {
        static char text[65536];
        size_t used = (size_t)snprintf(text, sizeof(text), "%s", IDENTITY CLOUD "routes = (\n");

        for (unsigned i = 0; i <= SETTINGS_ROUTES_MAX; i++)
                used += (size_t)snprintf(text + used, sizeof(text) - used,
                                         "%s{ local = \"a%u\"; remote = \"a%u\"; }",
                                         i > 0 ? ", " : "", i, i);
        CHECK(snprintf(text + used, sizeof(text) - used, " );\n") > 0);
        check_refused(text, "conf:4", "at most 256 groups");
}

static void test_missing_and_unreadable_files_are_told_apart(void) {
        Load load;

        load_begin(&load);
        load_again(&load);
        CHECK_INT(load.r, -ENOENT);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, "conf", "No such file"));
        CHECK_INT(mkdir(load.path, 0700), 0);
        load_again(&load);
        CHECK_INT(load.r, -EISDIR);
        CHECK_INT(load.errors.n_lines, 1);
        load_end(&load);
}

static void test_describes_without_the_secret(void) {
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        Load load;

        load_begin(&load);
        load_text(&load, IDENTITY
                  "cloud: { region = \"cn-shanghai\"; tls: { roots = (\n"
                  "{ file = \"" TEST_ROOTS "/globalsign-roots.pem\"; port = 7; },\n"
                  "{ file = \"" TEST_ROOTS "/aliyun-iot-root-ca.pem\"; } ); }; };\n"
                  "routes = ( { local = \"a/#\"; direction = \"up\"; when_full = \"drop-oldest\";\n"
                  "remote = \"/${product_key}/${device_name}/${client_id}/#\"; } );\n");
        CHECK_INT(load.r, 0);
        CHECK(out);
        CHECK_INT(settings_describe(load.settings, out), 0);
        CHECK_INT(fclose(out), 0);
        printf("# %zu characters\n", size);
        CHECK(!strstr(text, SECRET));
        CHECK(strstr(text, "a1B2c3D4e5F.iot-as-mqtt.cn-shanghai.aliyuncs.com port 7, then port "));
        CHECK(strstr(text,
                     "a/# -> /a1B2c3D4e5F/gateway-1/a1B2c3D4e5F.gateway-1/#  QoS 1, drop-oldest when the store is "
                     "full\n"));
        CHECK(strstr(text, "QoS 0 over that: wait\n"));
        load_end(&load);
}

TEST_MAIN(TEST(test_reads_a_small_file_with_its_defaults),
          TEST(test_reads_everything_that_is_written),
          TEST(test_profiles_differ_by_auth),
          TEST(test_reports_all_errors_in_one_run),
          TEST(test_ranges_hold_at_their_ends),
          TEST(test_numbers_that_wrap_around_are_seen),
          TEST(test_types_are_strict),
          TEST(test_secrets_of_a_wrong_type_are_not_shown),
          TEST(test_unknown_keys_get_a_suggestion),
          TEST(test_control_characters_are_not_shown),
          TEST(test_words_are_explained),
          TEST(test_a_key_of_another_mode_is_refused),
          TEST(test_a_region_or_endpoint_is_needed),
          TEST(test_an_empty_file_says_what_to_write),
          TEST(test_pairs_must_fit),
          TEST(test_roots_are_looked_at),
          TEST(test_the_default_roots_are_the_modes_own),
          TEST(test_too_long_lists_are_refused),
          TEST(test_missing_and_unreadable_files_are_told_apart),
          TEST(test_describes_without_the_secret))
