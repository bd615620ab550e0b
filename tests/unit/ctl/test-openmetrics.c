/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/openmetrics.h"

#include "test.h"

static char *print(const char *json) {
        json_t *status = json_loads(json, 0, NULL);
        size_t size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        CHECK(status && out);
        openmetrics_print(status, out);
        CHECK(fclose(out) == 0);
        json_decref(status);
        return text;
}

static void test_counters_gauges_and_states(void) {
        char *text = print("{\"op\":\"status\",\"state\":\"online\",\"tls\":true,\"sent\":7,"
                           "\"root_days\":-3,\"version\":\"1\\n\\\"2\\\\\"}");

        CHECK_STR(text, "# TYPE iotlink_state stateset\n"
                        "# HELP iotlink_state The state of the connection.\n"
                        "iotlink_state{iotlink_state=\"offline\"} 0\n"
                        "iotlink_state{iotlink_state=\"connecting\"} 0\n"
                        "iotlink_state{iotlink_state=\"online\"} 1\n"
                        "iotlink_state{iotlink_state=\"stopping\"} 0\n"
                        "# TYPE iotlink_tls gauge\n"
                        "# HELP iotlink_tls Whether the connection uses TLS.\n"
                        "iotlink_tls 1\n"
                        "# TYPE iotlink_root_expiry_days gauge\n"
                        "# UNIT iotlink_root_expiry_days days\n"
                        "# HELP iotlink_root_expiry_days Time until the first of the trusted roots "
                        "expires.\n"
                        "iotlink_root_expiry_days -3\n"
                        "# TYPE iotlink_sent_messages counter\n"
                        "# UNIT iotlink_sent_messages messages\n"
                        "# HELP iotlink_sent_messages Messages that the cloud has.\n"
                        "iotlink_sent_messages_total 7\n"
                        "# TYPE iotlink_build info\n"
                        "# HELP iotlink_build The daemon's version.\n"
                        "iotlink_build_info{version=\"1\\n\\\"2\\\\\"} 1\n"
                        "# EOF\n");
        free(text);
}

/* A daemon of another version may say less, or something else. */
static void test_what_is_not_a_number_is_left_out(void) {
        char *text = print("{\"sent\":\"many\",\"backlog\":null,\"new\":4}");

        CHECK_STR(text, "# EOF\n");
        free(text);
}

TEST_MAIN(TEST(test_counters_gauges_and_states), TEST(test_what_is_not_a_number_is_left_out))
