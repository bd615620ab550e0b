/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/openmetrics.h"

#include "test.h"
#include "util/macro.h"

/* @json NULL: no daemon. */
static char *print(const char *json, MetricsStyle style) {
        json_t *status = json ? json_loads(json, 0, NULL) : NULL;
        size_t size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        CHECK((status || !json) && out);
        metrics_print(status, &style, out);
        CHECK(fclose(out) == 0);
        json_decref(status);
        return text;
}

static void test_counters_gauges_and_states(void) {
        char *text = print("{\"op\":\"status\",\"state\":\"online\",\"tls\":true,\"sent\":7,"
                           "\"root_days\":-3,\"version\":\"1\\n\\\"2\\\\\"}",
                           (MetricsStyle){0});

        CHECK_STR(text, "# HELP iotlink_up Whether the daemon answers.\n"
                        "# TYPE iotlink_up gauge\n"
                        "iotlink_up 1\n"
                        "# HELP iotlink_state The state of the connection.\n"
                        "# TYPE iotlink_state stateset\n"
                        "iotlink_state{iotlink_state=\"offline\"} 0\n"
                        "iotlink_state{iotlink_state=\"connecting\"} 0\n"
                        "iotlink_state{iotlink_state=\"online\"} 1\n"
                        "iotlink_state{iotlink_state=\"stopping\"} 0\n"
                        "# HELP iotlink_tls Whether the connection uses TLS.\n"
                        "# TYPE iotlink_tls gauge\n"
                        "iotlink_tls 1\n"
                        "# HELP iotlink_root_expiry_days Time until the first of the trusted roots "
                        "expires.\n"
                        "# TYPE iotlink_root_expiry_days gauge\n"
                        "# UNIT iotlink_root_expiry_days days\n"
                        "iotlink_root_expiry_days -3\n"
                        "# HELP iotlink_sent_messages Messages that the cloud has.\n"
                        "# TYPE iotlink_sent_messages counter\n"
                        "# UNIT iotlink_sent_messages messages\n"
                        "iotlink_sent_messages_total 7\n"
                        "# HELP iotlink_build The daemon's version.\n"
                        "# TYPE iotlink_build info\n"
                        "iotlink_build_info{version=\"1\\n\\\"2\\\\\"} 1\n"
                        "# EOF\n");
        free(text);
}

static void test_the_older_format_has_fewer_types_and_full_names(void) {
        char *text = print("{\"state\":\"online\",\"sent\":7,\"version\":\"1\"}",
                           (MetricsStyle){.prometheus = true, .label = "device=a=\"b\""});

        CHECK_STR(text, "# HELP iotlink_up Whether the daemon answers.\n"
                        "# TYPE iotlink_up gauge\n"
                        "iotlink_up{device=\"a=\\\"b\\\"\"} 1\n"
                        "# HELP iotlink_state The state of the connection.\n"
                        "# TYPE iotlink_state gauge\n"
                        "iotlink_state{device=\"a=\\\"b\\\"\",iotlink_state=\"offline\"} 0\n"
                        "iotlink_state{device=\"a=\\\"b\\\"\",iotlink_state=\"connecting\"} 0\n"
                        "iotlink_state{device=\"a=\\\"b\\\"\",iotlink_state=\"online\"} 1\n"
                        "iotlink_state{device=\"a=\\\"b\\\"\",iotlink_state=\"stopping\"} 0\n"
                        "# HELP iotlink_sent_messages_total Messages that the cloud has.\n"
                        "# TYPE iotlink_sent_messages_total counter\n"
                        "iotlink_sent_messages_total{device=\"a=\\\"b\\\"\"} 7\n"
                        "# HELP iotlink_build_info The daemon's version.\n"
                        "# TYPE iotlink_build_info gauge\n"
                        "iotlink_build_info{device=\"a=\\\"b\\\"\",version=\"1\"} 1\n");
        free(text);
}

static void test_labels(void) {
        static const char *const good[] = {"a=", "_x9=b", "a1b2=\xc3\xa9", "A=b=c"};
        static const char *const bad[] = {"", "a", "=b", "9a=b", "a-b=c", "a =b", "a=\xff"};

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                CHECK(metrics_label_is_valid(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK(!metrics_label_is_valid(bad[i]));
}

/* A daemon of another version may say less, or something else. */
static void test_what_is_not_a_number_is_left_out(void) {
        char *text = print("{\"sent\":\"many\",\"backlog\":null,\"new\":4}", (MetricsStyle){0});

        CHECK_STR(text, "# HELP iotlink_up Whether the daemon answers.\n"
                        "# TYPE iotlink_up gauge\n"
                        "iotlink_up 1\n# EOF\n");
        free(text);
}

static void test_without_a_daemon_that_is_all(void) {
        char *text = print(NULL, (MetricsStyle){0});

        CHECK_STR(text, "# HELP iotlink_up Whether the daemon answers.\n"
                        "# TYPE iotlink_up gauge\n"
                        "iotlink_up 0\n# EOF\n");
        free(text);
}

TEST_MAIN(TEST(test_counters_gauges_and_states),
          TEST(test_the_older_format_has_fewer_types_and_full_names),
          TEST(test_labels),
          TEST(test_what_is_not_a_number_is_left_out),
          TEST(test_without_a_daemon_that_is_all))
